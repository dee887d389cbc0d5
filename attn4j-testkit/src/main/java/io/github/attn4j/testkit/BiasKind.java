package io.github.attn4j.testkit;

import io.github.attn4j.AlibiBias;
import io.github.attn4j.Alignment;
import io.github.attn4j.Bias;
import io.github.attn4j.PackedBias;
import io.github.attn4j.Tensor;
import io.github.attn4j.ToeplitzBias;
import java.util.Arrays;
import java.util.List;

/** Every kind of bias, with a generator of random ones that fit a case. */
public enum BiasKind {
  /** One number per score, or broadcast. */
  DENSE,
  /** Ragged sequences, packed without padding. */
  PACKED,
  /** The same with one row of numbers per sequence and head. */
  PACKED_PER_KEY,
  /** ALiBi by the distance. */
  ALIBI,
  /** ALiBi by the square root of the distance. */
  ALIBI_SQRT,
  /** By i − j, from the last rows of its matrix. */
  TOEPLITZ;

  /** Whether a case has the lengths this kind wants. */
  boolean fits(AttentionCase c) {
    return switch (this) {
      case DENSE, ALIBI, ALIBI_SQRT -> true;
      case PACKED, PACKED_PER_KEY -> c.ragged();
      case TOEPLITZ ->
          c.widestK() > 0
              && Arrays.equals(c.lengthsQ, c.lengthsK)
              && (c.ragged() || (c.shortestK() == c.extentK && c.extentQ == c.extentK));
    };
  }

  Bias make(Draw draw, AttentionCase c, boolean[] broadcast) {
    return switch (this) {
      case DENSE -> Bias.dense(dense(draw, c, broadcast));
      case PACKED -> new PackedBias(numbers(draw, c, packed(c, false)), false);
      case PACKED_PER_KEY -> new PackedBias(numbers(draw, c, packed(c, true)), true);
      case ALIBI -> alibi(draw, c, broadcast, AlibiBias.Curve.LINEAR);
      case ALIBI_SQRT -> alibi(draw, c, broadcast, AlibiBias.Curve.SQRT);
      case TOEPLITZ -> {
        int keys = c.widestK() + (c.ragged() ? draw.between(0, 3) : 0);
        int rows = draw.chance(0.3) ? keys : draw.between(1, Math.min(keys, 20));
        yield new ToeplitzBias(
            numbers(draw, c, broadcast[0] ? 1 : c.batch(), broadcast[1] ? 1 : c.heads, rows, keys));
      }
    };
  }

  private static Bias alibi(
      Draw draw, AttentionCase c, boolean[] broadcast, AlibiBias.Curve curve) {
    Tensor slopes = broadcast[0] ? numbers(draw, c, c.heads) : numbers(draw, c, c.batch(), c.heads);
    Alignment alignment = draw.pick(List.of(Alignment.values()));
    long shift = draw.chance(0.5) ? 0 : draw.between(-9, 40);
    return new AlibiBias(slopes, curve, alignment, shift);
  }

  private static long packed(AttentionCase c, boolean perKey) {
    long elements = 0;
    for (int b = 0; b < c.batch(); b++) {
      elements += (long) c.heads * (perKey ? 1 : c.lengthsQ[b]) * c.lengthsK[b];
    }
    return elements;
  }

  private static Tensor numbers(Draw draw, AttentionCase c, long... shape) {
    Tensor tensor = Storage.allocate(draw, c.strided, c.biasDtype, shape).view();
    long elements = Arrays.stream(shape).reduce(1, (x, y) -> x * y);
    for (long at = 0; at < elements; at++) {
      tensor.set(draw.gaussian() / 4, Tolerance.position(at, shape));
    }
    return tensor;
  }

  /** NaN behind the ends of shorter sequences. */
  private static Tensor dense(Draw draw, AttentionCase c, boolean[] broadcast) {
    long[] shape = {
      broadcast[0] ? 1 : c.batch(),
      broadcast[1] ? 1 : c.heads,
      broadcast[2] ? 1 : c.widestQ(),
      broadcast[3] ? 1 : c.widestK()
    };
    Tensor bias = Storage.allocate(draw, c.strided, c.biasDtype, shape).view();
    Storage.fill(bias, Double.NaN);
    for (int b = 0; b < c.batch(); b++) {
      long entry = Math.min(b, shape[0] - 1);
      for (long h = 0; h < shape[1]; h++) {
        for (long i = 0; i < (broadcast[2] ? 1 : c.lengthsQ[b]); i++) {
          for (long j = 0; j < (broadcast[3] ? 1 : c.lengthsK[b]); j++) {
            bias.set(draw.gaussian(), entry, h, i, j);
          }
        }
      }
    }
    return bias;
  }
}
