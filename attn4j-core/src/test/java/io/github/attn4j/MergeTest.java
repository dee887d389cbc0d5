package io.github.attn4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Objects;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** (out, lse) is an algebra: commutative, associative, with an empty part that changes nothing. */
final class MergeTest {
  private static final float NOTHING = Float.NEGATIVE_INFINITY;

  private static AttentionResult part(SplittableRandom random, Layout layout) {
    Tensor out =
        Tensor.zeros(
            DType.FLOAT32,
            switch (layout) {
              case BNSD -> new long[] {2, 3, 4, 5};
              case BSND -> new long[] {2, 4, 3, 5};
              case BSH -> new long[] {2, 4, 15};
              case SBH -> new long[] {4, 2, 15};
              case TND -> new long[] {8, 3, 5};
            });
    Tensor lse =
        layout == Layout.TND
            ? Tensor.zeros(DType.FLOAT32, 3, 8)
            : Tensor.zeros(DType.FLOAT32, 2, 3, 4);
    fill(out, random, 1);
    fill(lse, random, 20);
    Tensor maxLogit = Tensor.zeros(DType.FLOAT32, 3);
    fill(maxLogit, random, 5);
    return new AttentionResult(out, lse, maxLogit, layout);
  }

  private static void fill(Tensor tensor, SplittableRandom random, double scale) {
    Tensor flat = tensor.reshape(tensor.elements());
    for (long at = 0; at < flat.elements(); at++) {
      flat.set(scale * (2 * random.nextDouble() - 1), at);
    }
  }

  private static void close(AttentionResult got, AttentionResult expected) {
    float[][] pairs = {
      got.out().toFloatArray(), expected.out().toFloatArray(),
      got.lse().toFloatArray(), expected.lse().toFloatArray()
    };
    for (int p = 0; p < 4; p += 2) {
      for (int at = 0; at < pairs[p].length; at++) {
        float bound = 4 * Math.ulp(Math.max(1, Math.abs(pairs[p + 1][at])));
        assertThat(pairs[p][at]).isBetween(pairs[p + 1][at] - bound, pairs[p + 1][at] + bound);
      }
    }
  }

  @Test
  void orderAndGroupingDoNotMatter() {
    SplittableRandom random = new SplittableRandom(6);
    for (Layout layout : Layout.values()) {
      AttentionResult a = part(random, layout);
      AttentionResult b = part(random, layout);
      AttentionResult c = part(random, layout);
      assertThat(a.merge(b).out().toFloatArray()).containsExactly(b.merge(a).out().toFloatArray());
      assertThat(a.merge(b).lse().toFloatArray()).containsExactly(b.merge(a).lse().toFloatArray());
      close(a.merge(b).merge(c), a.merge(b.merge(c)));
      assertThat(a.merge(b).layout()).isEqualTo(layout);
    }
  }

  /** One head's rows and columns must meet their own lse, in every layout. */
  @Test
  void everyRowIsWeighedByItsOwnLse() {
    SplittableRandom random = new SplittableRandom(7);
    AttentionResult a = part(random, Layout.BSND);
    AttentionResult b = part(random, Layout.BSND);
    AttentionResult merged = a.merge(b);
    for (long e = 0; e < 2; e++) {
      for (long i = 0; i < 4; i++) {
        for (long h = 0; h < 3; h++) {
          double x = Math.exp(a.lse().get(e, h, i));
          double y = Math.exp(b.lse().get(e, h, i));
          double expected = (x * a.out().get(e, i, h, 2) + y * b.out().get(e, i, h, 2)) / (x + y);
          assertThat(merged.out().get(e, i, h, 2)).isCloseTo(expected, within(1e-6));
          assertThat(merged.lse().get(e, h, i)).isCloseTo(Math.log(x + y), within(1e-5));
        }
      }
    }
  }

  private static org.assertj.core.data.Offset<Double> within(double bound) {
    return org.assertj.core.data.Offset.offset(bound);
  }

  private static AttentionResult of(float out, float lse) {
    return new AttentionResult(
        Tensor.of(new float[] {out}, 1, 1, 1, 1),
        Tensor.of(new float[] {lse}, 1, 1, 1),
        null,
        Layout.BNSD);
  }

  /** An empty part changes nothing, whatever its output holds; two of them are empty. */
  @Test
  void emptyPartsChangeNothing() {
    for (float garbage : new float[] {0, Float.NaN, Float.POSITIVE_INFINITY}) {
      AttentionResult empty = of(garbage, NOTHING);
      for (AttentionResult merged :
          new AttentionResult[] {of(2, 3).merge(empty), empty.merge(of(2, 3))}) {
        assertThat(merged.out().get(0, 0, 0, 0)).isEqualTo(2);
        assertThat(merged.lse().get(0, 0, 0)).isEqualTo(3);
      }
      AttentionResult nothing = empty.merge(of(garbage, NOTHING));
      assertThat(nothing.out().get(0, 0, 0, 0)).isZero();
      assertThat(nothing.lse().get(0, 0, 0)).isEqualTo(NOTHING);
    }
  }

  @Test
  void farApartPartsNeitherOverflowNorVanish() {
    AttentionResult merged = of(1, 1000).merge(of(5, -1000));
    assertThat(merged.out().get(0, 0, 0, 0)).isEqualTo(1);
    assertThat(merged.lse().get(0, 0, 0)).isEqualTo(1000);
    assertThat(of(1, 1000).merge(of(3, 1000)).out().get(0, 0, 0, 0)).isEqualTo(2);
    assertThat(of(1, Float.NaN).merge(of(3, 1)).out().get(0, 0, 0, 0)).isNaN();
  }

  /**
   * Only a part that saw nothing is passed over, not one whose weight float64 cannot tell from 0.
   */
  @Test
  void nanAndInfinityOfAPartFarBelowComeThrough() {
    for (float number : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
      AttentionResult far = of(number, -1000);
      assertThat(of(1, 1000).merge(far).out().toFloatArray()).containsExactly(number);
      assertThat(far.merge(of(1, 1000)).out().toFloatArray()).containsExactly(number);
    }
  }

  @Test
  void maxLogitIsTheLarger() {
    SplittableRandom random = new SplittableRandom(8);
    AttentionResult a = part(random, Layout.BNSD);
    AttentionResult b = part(random, Layout.BNSD);
    Tensor larger = Objects.requireNonNull(a.merge(b).maxLogit());
    for (int h = 0; h < 3; h++) {
      double x = Objects.requireNonNull(a.maxLogit()).get(h);
      double y = Objects.requireNonNull(b.maxLogit()).get(h);
      assertThat(larger.get(h)).isEqualTo(Math.max(x, y));
    }
    AttentionResult without = new AttentionResult(b.out(), b.lse(), null, b.layout());
    assertThat(a.merge(without).maxLogit()).isNull();
  }

  @Test
  void partsThatDoNotFitAreRefused() {
    SplittableRandom random = new SplittableRandom(9);
    AttentionResult a = part(random, Layout.BNSD);
    assertThatThrownBy(() -> a.merge(of(1, 1)))
        .isInstanceOf(RefusedException.class)
        .hasMessageContaining("other: expected FLOAT32[2, 3, 4, 5]")
        .hasMessageContaining("got FLOAT32[1, 1, 1, 1]");
    AttentionResult half =
        new AttentionResult(a.out().to(DType.BFLOAT16), a.lse(), null, a.layout());
    assertThatThrownBy(() -> a.merge(half)).isInstanceOf(RefusedException.class);
    AttentionResult other = new AttentionResult(a.out(), a.lse(), null, Layout.BSND);
    assertThatThrownBy(() -> a.merge(other)).isInstanceOf(RefusedException.class);
  }
}
