package io.github.attn4j.internal;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import io.github.attn4j.spi.BiasGradient;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The gradient of a bias while it is summed. Where one element takes a sum over rows or keys, the
 * sum is kept in float64; a bias as large as the scores takes few terms each and is summed in
 * place.
 */
final class BiasSums implements BiasGradient {
  private final BoundBias bias;
  private final Tensor gradient;

  /** Float64 sums, or empty. */
  private final MemorySegment sums;

  BiasSums(BoundBias bias) {
    this.bias = bias;
    this.gradient = Tensor.zeros(DType.FLOAT32, bias.parameter.shape());
    long elements = bias.perScore() ? 0 : gradient.elements();
    this.sums =
        elements <= Integer.MAX_VALUE - 8
            ? MemorySegment.ofArray(new double[(int) elements])
            : Arena.ofAuto().allocate(elements * Double.BYTES, Double.BYTES);
  }

  @Override
  public void add(int b, int h, int i, int key0, int keys, double[] amounts) {
    for (int n = 0; n < keys; n++) {
      long element = bias.element(b, h, i, key0 + n);
      if (element != BoundBias.NONE) {
        add(element, amounts[n] * bias.weight(b, i, key0 + n));
      }
    }
  }

  private void add(long element, double amount) {
    if (bias.perScore()) {
      MemorySegment target = gradient.segment();
      long at = element * Float.BYTES;
      target.set(JAVA_FLOAT_UNALIGNED, at, (float) (target.get(JAVA_FLOAT_UNALIGNED, at) + amount));
    } else {
      long at = element * Double.BYTES;
      sums.set(JAVA_DOUBLE_UNALIGNED, at, sums.get(JAVA_DOUBLE_UNALIGNED, at) + amount);
    }
  }

  @Override
  public boolean perKey() {
    return bias.perKey();
  }

  @Override
  public boolean perHead() {
    return bias.perHead();
  }

  @Override
  public boolean perSequence() {
    return bias.perSequence();
  }

  /** The finished gradient: float32, of the parameter's shape. */
  Tensor finish() {
    for (long at = 0; at < sums.byteSize() / Double.BYTES; at++) {
      double sum = sums.get(JAVA_DOUBLE_UNALIGNED, at * Double.BYTES);
      Elements.set(gradient.segment(), DType.FLOAT32, at, sum);
    }
    return gradient;
  }
}
