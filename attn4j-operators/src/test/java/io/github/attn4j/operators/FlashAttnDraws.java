package io.github.attn4j.operators;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import io.github.attn4j.testkit.Draw;
import org.jspecify.annotations.NullMarked;

/** Random tensors, and their equality. */
@NullMarked
final class FlashAttnDraws {
  private FlashAttnDraws() {}

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
}
