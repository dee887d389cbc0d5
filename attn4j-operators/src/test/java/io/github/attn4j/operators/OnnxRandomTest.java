package io.github.attn4j.operators;

import io.github.attn4j.Tensor;
import io.github.attn4j.testkit.Draw;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.Test;

/** Random calls over the whole product of the operator's arguments, forward and backward. */
@NullMarked
class OnnxRandomTest {
  @Test
  void everyCallIsWhatTheStandardSays() {
    RandomCalls.run(OnnxRandomTest::check);
  }

  private static void check(long seed) {
    Draw draw = new Draw(seed);
    OnnxCase drawn = new OnnxCase(draw);
    OnnxOracle oracle = new OnnxOracle(drawn);
    if (draw.chance(0.5)) {
      oracle.poison();
    }
    try {
      OnnxAttention call = drawn.call();
      OnnxAttention.Result result = call.forward();
      Tensor dout = FlashAttnDraws.normal(draw, drawn.dtype, result.y().shape());
      oracle.check(result, call.backward(result, dout), dout);
    } catch (AssertionError | RuntimeException failure) {
      throw new AssertionError(drawn + ": " + failure.getMessage(), failure);
    }
  }
}
