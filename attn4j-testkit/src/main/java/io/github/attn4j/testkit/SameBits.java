package io.github.attn4j.testkit;

import io.github.attn4j.AttentionGradients;
import io.github.attn4j.AttentionResult;
import io.github.attn4j.SoftmaxStats;
import io.github.attn4j.Tensor;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** Equality bit for bit; a NaN equals a NaN. */
final class SameBits {
  private SameBits() {}

  static void check(String what, Tensor got, Tensor expected) {
    if (!Arrays.equals(got.shape(), expected.shape())) {
      throw new AssertionError("%s: shape %s is not %s".formatted(what, got, expected));
    }
    float[] a = got.toFloatArray();
    float[] e = expected.toFloatArray();
    int wrong = 0;
    int first = -1;
    for (int at = a.length - 1; at >= 0; at--) {
      if (Float.floatToIntBits(a[at]) != Float.floatToIntBits(e[at])) {
        wrong++;
        first = at;
      }
    }
    if (wrong > 0) {
      throw new AssertionError(
          "%s%s of %s: got %s (%08x), expected the same bits as %s (%08x); %d of %d elements differ"
              .formatted(
                  what,
                  Arrays.toString(Tolerance.position(first, got.shape())),
                  got,
                  a[first],
                  Float.floatToIntBits(a[first]),
                  e[first],
                  Float.floatToIntBits(e[first]),
                  wrong,
                  a.length));
    }
  }

  private static void checkOptional(String what, @Nullable Tensor got, @Nullable Tensor expected) {
    if (got != null && expected != null) {
      check(what, got, expected);
    } else if (got != expected) {
      throw new AssertionError("%s: got %s, expected %s".formatted(what, got, expected));
    }
  }

  static void check(String what, AttentionResult got, AttentionResult expected) {
    check(what + ": out", got.out(), expected.out());
    check(what + ": lse", got.lse(), expected.lse());
    checkOptional(what + ": maxLogit", got.maxLogit(), expected.maxLogit());
    SoftmaxStats stats = got.stats();
    SoftmaxStats others = expected.stats();
    checkOptional(
        what + ": rowMax",
        stats == null ? null : stats.rowMax(),
        others == null ? null : others.rowMax());
    checkOptional(
        what + ": rowSum",
        stats == null ? null : stats.rowSum(),
        others == null ? null : others.rowSum());
  }

  static void check(String what, AttentionGradients got, AttentionGradients expected) {
    check(what + ": dquery", got.query(), expected.query());
    check(what + ": dkey", got.key(), expected.key());
    check(what + ": dvalue", got.value(), expected.value());
    checkOptional(what + ": dbias", got.bias(), expected.bias());
    checkOptional(what + ": dsink", got.sink(), expected.sink());
  }

  static void check(String what, Outcome got, Outcome expected) {
    check(what, got.result(), expected.result());
    check(what, got.gradients(), expected.gradients());
  }
}
