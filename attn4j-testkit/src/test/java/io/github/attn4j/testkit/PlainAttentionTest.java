package io.github.attn4j.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.AttentionGradients;
import io.github.attn4j.AttentionResult;
import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * The yardstick itself: if the plain computation were wrong, its error would be large and the
 * tolerance rule would let everything pass. So it is held to bounds that follow from its precision.
 */
final class PlainAttentionTest {
  /** Largest error, as a share of the largest number of the tensor where that is above 1. */
  private static double error(double[] plain, double[] exact) {
    double largest = 0;
    double error = 0;
    for (int at = 0; at < exact.length; at++) {
      if (Double.isFinite(exact[at])) {
        largest = Math.max(largest, Math.abs(exact[at]));
        error = Math.max(error, Math.abs(plain[at] - exact[at]));
      } else {
        assertThat(plain[at]).isEqualTo(exact[at]);
      }
    }
    return error / Math.max(largest, 1);
  }

  private static void check(String what, @Nullable Yardstick plain, double[] exact, double bound) {
    assertThat(plain).as(what).isNotNull();
    double share = plain == null ? Double.NaN : error(plain.values(), exact);
    assertThat(share).as(what).isLessThanOrEqualTo(bound);
  }

  /** Over the product of features the plain computation is as good as its dtype allows. */
  @Test
  void plainComputationIsRight() {
    for (long seed = 5000; seed < 5080; seed++) {
      AttentionCase c = Cases.draw(seed);
      // A plain computation has gradients whatever the keys came from; the reference has not.
      c.stored = null;
      c.keyDtype = null;
      Materials materials = Materials.of(c);
      Outcome exact =
          Outcome.of(
              materials.referencePlan(),
              materials.wideInputs(),
              materials.dout().to(DType.FLOAT32));
      PlainAttention plain = new PlainAttention(materials);
      // Scores of 60 and more cost two digits, gradients cancel.
      double unit = Tolerance.ulp(1, c.dtype);
      double scores = c.spread == AttentionCase.Spread.LARGE ? 100 : 20;
      AttentionResult result = exact.result();
      AttentionGradients gradients = exact.gradients();
      String text = c.toString();
      check(text + ": out", plain.out, flat(c, result.out(), c.heads), scores * unit);
      check(text + ": lse", plain.lse, Views.flat(result.lse()), 100 * Math.ulp(1f));
      check(text + ": dq", plain.dquery, flat(c, gradients.query(), c.heads), 10 * scores * unit);
      check(text + ": dk", plain.dkey, flat(c, gradients.key(), c.kvHeads), 10 * scores * unit);
      check(text + ": dv", plain.dvalue, flat(c, gradients.value(), c.kvHeads), scores * unit);
      Tensor dbias = gradients.bias();
      if (dbias != null) {
        check(text + ": dbias", plain.dbias, Views.flat(dbias), 100 * scores * unit);
      }
      Tensor dsink = gradients.sink();
      if (dsink != null) {
        check(text + ": dsink", plain.dsink, Views.flat(dsink), 100 * scores * unit);
      }
    }
  }

  private static double[] flat(AttentionCase c, Tensor tensor, int heads) {
    return Views.flat(c.layout, tensor, heads);
  }

  private static boolean has(AttentionCase c, BiasKind kind) {
    return c.biasBroadcast != null && c.biasKind() == kind;
  }

  /** Cases do reach every feature; a generator that never draws one would test nothing. */
  @Test
  void casesReachEveryFeature() {
    long[] seen = new long[25];
    for (long seed = 0; seed < 300; seed++) {
      AttentionCase c = Cases.draw(seed);
      boolean[] has = {
        c.ragged(),
        c.shortestQ() < c.widestQ(),
        c.batch() > 1,
        c.heads > c.kvHeads,
        c.headDim != c.valueDim,
        c.dtype == DType.FLOAT16,
        c.float32Out,
        c.masks.size() > 1,
        c.maskPerBatch && c.maskHeads > 1 && c.batch() > 1,
        c.biasBroadcast != null,
        c.softcap > 0,
        c.sink,
        c.dropout > 0 && c.callerBits,
        c.extentQ == 0 || c.extentK == 0,
        c.displaced && c.ragged(),
        c.displaced && !c.ragged() && c.shortestK() < c.widestK(),
        c.stats,
        c.splitKeys > 0,
        c.keyDtype != null && c.keyDtype != c.dtype,
        c.stored != null && c.stored.pageSize() > 0,
        c.stored != null && c.stored.key() != null && c.stored.key().bits() == 4,
        has(c, BiasKind.PACKED) || has(c, BiasKind.PACKED_PER_KEY),
        has(c, BiasKind.ALIBI) || has(c, BiasKind.ALIBI_SQRT),
        has(c, BiasKind.TOEPLITZ),
        c.masks.contains(MaskKind.PER_SEQUENCE) && c.batch() > 1
      };
      for (int f = 0; f < has.length; f++) {
        seen[f] += has[f] ? 1 : 0;
      }
      assertThat(Cases.draw(seed)).hasToString(c.toString());
    }
    assertThat(Arrays.stream(seen).min().orElse(0)).as(Arrays.toString(seen)).isGreaterThan(3);
  }
}
