package io.github.attn4j.internal;

import io.github.attn4j.AttentionResult;
import io.github.attn4j.RefusedException;
import io.github.attn4j.SoftmaxStats;
import io.github.attn4j.Tensor;
import io.github.attn4j.spi.Partials;
import org.jspecify.annotations.Nullable;

/** The algebra of partial results. */
public final class Merge {
  private Merge() {}

  /** Joins two results over disjoint keys, by the arithmetic of {@link Partials}. */
  public static AttentionResult merge(AttentionResult a, AttentionResult b) {
    check(a, b);
    Tensor out = Tensor.zeros(a.out().dtype(), a.out().shape());
    Tensor lse = Tensor.zeros(a.lse().dtype(), a.lse().shape());
    boolean ragged = a.lse().rank() == 2;
    int heads = (int) a.lse().dim(ragged ? 0 : 1);
    Tensor lseA = Layouts.canonicalLse(a.lse(), ragged);
    Tensor lseB = Layouts.canonicalLse(b.lse(), ragged);
    Tensor joint = Layouts.canonicalLse(lse, ragged);
    Tensor outA = Layouts.canonical(a.layout(), a.out(), heads);
    Tensor outB = Layouts.canonical(b.layout(), b.out(), heads);
    Tensor target = Layouts.canonical(a.layout(), out, heads);
    for (long entry = 0; entry < joint.dim(0); entry++) {
      for (long h = 0; h < heads; h++) {
        for (long i = 0; i < joint.dim(2); i++) {
          double x = lseA.get(entry, h, i, 0);
          double y = lseB.get(entry, h, i, 0);
          double sum = Partials.lse(x, y);
          joint.set(sum, entry, h, i, 0);
          double weightA = Partials.weight(x, sum);
          double weightB = Partials.weight(y, sum);
          for (long c = 0; c < target.dim(3); c++) {
            double left = outA.get(entry, h, i, c);
            double right = outB.get(entry, h, i, c);
            target.set(Partials.out(weightA, left, weightB, right), entry, h, i, c);
          }
        }
      }
    }
    return new AttentionResult(
        out, lse, larger(a.maxLogit(), b.maxLogit()), stats(a.stats(), b.stats()), a.layout());
  }

  private static @Nullable Tensor larger(@Nullable Tensor a, @Nullable Tensor b) {
    if (a == null || b == null) {
      return null;
    }
    Tensor most = a.copy();
    for (long h = 0; h < most.dim(0); h++) {
      most.set(Math.max(a.get(h), b.get(h)), h);
    }
    return most;
  }

  private static @Nullable SoftmaxStats stats(@Nullable SoftmaxStats a, @Nullable SoftmaxStats b) {
    if (a == null || b == null) {
      return null;
    }
    Tensor most = a.rowMax().copy();
    Tensor sum = a.rowSum().copy();
    long[] flat = {most.elements()};
    Tensor mostFlat = most.reshape(flat);
    Tensor sumFlat = sum.reshape(flat);
    Tensor otherMost = b.rowMax().copy().reshape(flat);
    Tensor otherSum = b.rowSum().copy().reshape(flat);
    for (long n = 0; n < flat[0]; n++) {
      double x = mostFlat.get(n);
      double y = otherMost.get(n);
      mostFlat.set(Math.max(x, y), n);
      sumFlat.set(Partials.rowSum(x, sumFlat.get(n), y, otherSum.get(n)), n);
    }
    return new SoftmaxStats(most, sum);
  }

  private static void check(AttentionResult a, AttentionResult b) {
    boolean same =
        a.layout() == b.layout()
            && a.out().dtype() == b.out().dtype()
            && a.out().toString().equals(b.out().toString())
            && a.lse().toString().equals(b.lse().toString());
    if (!same) {
      throw RefusedException.value(
          "other",
          "expected %s with lse %s in %s, got %s with lse %s in %s"
              .formatted(a.out(), a.lse(), a.layout(), b.out(), b.lse(), b.layout()));
    }
  }
}
