package io.github.attn4j.operators;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.attn4j.DType;
import io.github.attn4j.RefusedException;
import io.github.attn4j.RefusedException.Kind;
import io.github.attn4j.Tensor;
import io.github.attn4j.testkit.Cases;
import io.github.attn4j.testkit.Draw;
import java.util.function.LongConsumer;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.NullMarked;

/** Random tensors, and the loop over random calls of an operator. */
@NullMarked
final class FlashAttnDraws {
  /** How many random calls of an operator a test tries: {@code -Dattn4j.operator.cases=}. */
  private static final String COUNT = "attn4j.operator.cases";

  private FlashAttnDraws() {}

  /** Runs calls of consecutive seeds, or only the one that {@code -Dattn4j.seed=} names. */
  static void cases(LongConsumer call) {
    Long only = Long.getLong(Cases.SEED);
    long first = only == null ? 0 : only;
    long count = only == null ? Integer.getInteger(COUNT, 300) : 1;
    for (long seed = first; seed < first + count; seed++) {
      try {
        call.accept(seed);
      } catch (AssertionError | RuntimeException failure) {
        throw new AssertionError(
            "-D%s=%d runs this case again: %s".formatted(Cases.SEED, seed, failure.getMessage()),
            failure);
      }
    }
  }

  /** Normal numbers; half of the tensors lie in memory in another order than their shape's. */
  static Tensor normal(Draw draw, DType dtype, long... shape) {
    Tensor tensor = anyStrides(draw, dtype, shape);
    Tensor dense = Tensor.zeros(DType.FLOAT32, shape);
    float[] values = dense.toFloatArray();
    for (int n = 0; n < values.length; n++) {
      values[n] = (float) draw.gaussian();
    }
    tensor.assign(Tensor.of(values, shape));
    return tensor;
  }

  private static Tensor anyStrides(Draw draw, DType dtype, long... shape) {
    if (draw.chance(0.5)) {
      return Tensor.zeros(dtype, shape);
    }
    int rank = shape.length;
    int first = draw.between(0, rank - 1);
    int second = draw.between(0, rank - 1);
    long[] stored = shape.clone();
    stored[first] = shape[second];
    stored[second] = shape[first];
    return Tensor.zeros(dtype, stored).transpose(first, second);
  }

  static DType dtype(Draw draw) {
    return draw.chance(0.5) ? DType.FLOAT32 : draw.chance(0.5) ? DType.FLOAT16 : DType.BFLOAT16;
  }

  /** Equality of every number; a zero has its sign, and a NaN equals a NaN. */
  static void assertSame(String what, Tensor got, Tensor expected) {
    assertThat(got.shape()).as(what).isEqualTo(expected.shape());
    assertThat(got.dtype()).as(what).isEqualTo(expected.dtype());
    assertThat(got.toFloatArray()).as(what).containsExactly(expected.toFloatArray());
  }

  /** A refusal of one argument, of one kind, whose message has certain parts. */
  static void assertRefused(ThrowingCallable call, Kind kind, String argument, String... message) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            RefusedException.class,
            refusal -> {
              assertThat(refusal.argument()).as(refusal.getMessage()).isEqualTo(argument);
              assertThat(refusal.kind()).as(refusal.getMessage()).isEqualTo(kind);
              for (String part : message) {
                assertThat(refusal).hasMessageContaining(part);
              }
            })
        .hasMessageStartingWith(argument + ": ");
  }
}
