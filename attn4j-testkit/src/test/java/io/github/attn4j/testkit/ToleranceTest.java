package io.github.attn4j.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import org.junit.jupiter.api.Test;

/** The comparison must fail when it should: on NaN, on infinities, one step beyond the bound. */
final class ToleranceTest {
  private static void check(double got, double reference) {
    Tolerance.check("x", new long[] {1, 1}, new double[] {got}, new double[] {reference}, 0.5);
  }

  @Test
  void failsOnWhatIsNotANumber() {
    assertThatCode(() -> check(Double.NaN, Double.NaN)).doesNotThrowAnyException();
    assertThatThrownBy(() -> check(Double.NaN, 1)).isInstanceOf(AssertionError.class);
    assertThatThrownBy(() -> check(1, Double.NaN)).isInstanceOf(AssertionError.class);
    assertThatCode(() -> check(Double.NEGATIVE_INFINITY, Double.NEGATIVE_INFINITY))
        .doesNotThrowAnyException();
    assertThatThrownBy(() -> check(Double.NEGATIVE_INFINITY, Double.POSITIVE_INFINITY))
        .isInstanceOf(AssertionError.class);
    assertThatThrownBy(() -> check(1e30, Double.POSITIVE_INFINITY))
        .isInstanceOf(AssertionError.class);
  }

  @Test
  void saysWhereAndHowFar() {
    assertThatThrownBy(() ->
            Tolerance.check(
                "out",
                new long[] {2, 2},
                new double[] {1, 1, 1, 3},
                new double[] {1, 1, 1.2, 1},
                0.5))
        .hasMessageContaining("out[1, 1] of [2, 2]")
        .hasMessageContaining("got 3.0, reference 1.0")
        .hasMessageContaining("1 of 4 elements (25.00%)");
  }

  /** The bound is twice the plain error, plus noise of the result's dtype. */
  @Test
  void boundIsTwiceThePlainError() {
    double[] reference = {1};
    Yardstick plain = new Yardstick(new double[] {1.25}, new double[1]);
    long[] shape = {1};
    double noise = Math.ulp(1.3f);
    assertThatCode(() ->
            Tolerance.check(
                "x", shape, new double[] {1.5 + noise}, reference, plain, DType.FLOAT32))
        .doesNotThrowAnyException();
    assertThatThrownBy(() ->
            Tolerance.check(
                "x", shape, new double[] {1.5 + 2 * noise}, reference, plain, DType.FLOAT32))
        .isInstanceOf(AssertionError.class);
  }

  @Test
  void unitsOfTheLastPlaceFollowTheDtype() {
    assertThat(Tolerance.ulp(1, DType.BFLOAT16)).isEqualTo(0x1p-7);
    assertThat(Tolerance.ulp(1, DType.FLOAT16)).isEqualTo(0x1p-10);
    assertThat(Tolerance.ulp(0, DType.FLOAT16)).isEqualTo(0x1p-24);
    assertThat(Tolerance.ulp(-3, DType.FLOAT32)).isEqualTo(0x1p-22);
  }

  /** Bits are bits: neither -0 nor the next number passes, NaN does. */
  @Test
  void sameBitsAreTheSame() {
    Tensor zero = Tensor.of(new float[] {0, Float.NaN}, 2);
    assertThatCode(() -> SameBits.check("x", zero, Tensor.of(new float[] {0, Float.NaN}, 2)))
        .doesNotThrowAnyException();
    assertThatThrownBy(() -> SameBits.check("x", zero, Tensor.of(new float[] {-0f, Float.NaN}, 2)))
        .hasMessageContaining("x[0]");
    assertThatThrownBy(() -> SameBits.check("x", zero, Tensor.of(new float[] {0, 1}, 2)))
        .hasMessageContaining("x[1]");
  }

  /** A write next to a tensor is noticed, wherever the tensor lies; writes inside are not. */
  @Test
  void canariesNoticeStrayWrites() {
    int outside = 0;
    for (long seed = 0; seed < 30; seed++) {
      Storage storage = Storage.allocate(new Draw(seed), true, DType.FLOAT32, 3, 4, 5);
      Storage.fill(storage.view(), 1);
      Tensor all = storage.backing().copy();
      assertThatCode(() -> storage.checkCanary("untouched")).doesNotThrowAnyException();
      for (long at = 0; at < all.elements(); at += 7) {
        double before = storage.backing().get(at);
        storage.backing().set(9, at);
        if (all.get(at) == 1) {
          assertThatCode(() -> storage.checkCanary("inside")).doesNotThrowAnyException();
        } else {
          outside++;
          assertThatThrownBy(() -> storage.checkCanary("stray")).hasMessageContaining("stray");
        }
        storage.backing().set(before, at);
      }
    }
    assertThat(outside).isGreaterThan(100);
  }

  /** A failing case gets smaller as long as it fails. */
  @Test
  void shrinkingKeepsWhatMatters() {
    AttentionCase c = Cases.draw(17);
    c.sink = true;
    c.extentK = Math.max(c.extentK, 40);
    AssertionError smallest =
        Shrinker.shrink(
            c,
            new AssertionError("first"),
            candidate -> {
              if (candidate.sink && candidate.extentK >= 13) {
                throw new AssertionError(candidate.toString());
              }
            });
    assertThat(smallest)
        .hasMessageContaining("sink")
        .hasMessageContaining("by 13")
        .hasMessageContaining("FLOAT32")
        .hasMessageContaining("dims 1 and 1");
  }
}
