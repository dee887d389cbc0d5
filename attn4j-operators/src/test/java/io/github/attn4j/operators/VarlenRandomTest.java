package io.github.attn4j.operators;

import io.github.attn4j.Tensor;
import io.github.attn4j.testkit.Draw;
import java.util.List;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.Test;

/**
 * Random calls of {@code flash_attn_varlen_qkvpacked} and {@code flash_attn_unpadded} over the
 * whole product of their arguments, forward and backward.
 */
@NullMarked
class VarlenRandomTest {
  @Test
  void everyPackedCallIsWhatTheDocumentSays() {
    RandomCalls.run(seed -> check(seed, true));
  }

  @Test
  void everyUnpackedCallIsWhatTheDocumentSays() {
    RandomCalls.run(seed -> check(seed, false));
  }

  private static void check(long seed, boolean packed) {
    Draw draw = new Draw(seed);
    VarlenCase drawn = new VarlenCase(draw, packed);
    VarlenOracle oracle = new VarlenOracle(drawn);
    oracle.poisonPadding();
    try {
      if (drawn.packed) {
        FlashAttnVarlenQkvpacked call = drawn.packedCall();
        FlashAttnVarlen.Result result = call.forward();
        Tensor dout = FlashAttnDraws.normal(draw, drawn.dtype, result.out().shape());
        oracle.check(result, List.of(call.backward(result, dout).dqkv()), dout);
      } else {
        FlashAttnUnpadded call = drawn.unpackedCall();
        FlashAttnVarlen.Result result = call.forward();
        Tensor dout = FlashAttnDraws.normal(draw, drawn.dtype, result.out().shape());
        FlashAttnUnpadded.Gradients gradients = call.backward(result, dout);
        oracle.check(
            result, List.of(gradients.dquery(), gradients.dkey(), gradients.dvalue()), dout);
      }
    } catch (AssertionError | RuntimeException failure) {
      throw new AssertionError(drawn + ": " + failure.getMessage(), failure);
    }
  }
}
