package io.github.attn4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

/** Views show the right elements of the same memory, and refuse what no strides can show. */
final class TensorViewsTest {
  private static Tensor counting(long... shape) {
    int elements = (int) Arrays.stream(shape).reduce(1, (a, b) -> a * b);
    float[] data = new float[elements];
    for (int at = 0; at < elements; at++) {
      data[at] = at;
    }
    return Tensor.of(data, shape);
  }

  /** Compares a view element by element with the position it must show. */
  private static void check(Tensor view, Function<long[], Double> expected) {
    long[] index = new long[view.rank()];
    for (long n = 0; n < view.elements(); n++) {
      long rest = n;
      for (int d = view.rank() - 1; d >= 0; d--) {
        index[d] = rest % view.dim(d);
        rest /= view.dim(d);
      }
      assertThat(view.get(index)).as(Arrays.toString(index)).isEqualTo(expected.apply(index));
    }
  }

  @Test
  void slicesSelectsAndPermutationsShowTheRightElements() {
    Tensor t = counting(3, 4, 5);
    check(t.slice(1, 1, 3), i -> i[0] * 20.0 + (i[1] + 1) * 5 + i[2]);
    check(t.select(1, 2), i -> i[0] * 20.0 + 10 + i[1]);
    check(t.transpose(0, 2), i -> i[2] * 20.0 + i[1] * 5 + i[0]);
    check(t.permute(2, 0, 1), i -> i[1] * 20.0 + i[2] * 5 + i[0]);
    check(t.permute(2, 0, 1).slice(0, 2, 5).select(2, 3), i -> i[1] * 20.0 + 15 + i[0] + 2);
    assertThat(t.slice(0, 1, 1).elements()).isZero();
    assertThat(t.slice(0, 3, 3).elements()).isZero();
    check(counting(3, 1, 2).expand(3, 4, 2), i -> i[0] * 2.0 + i[2]);
  }

  @Test
  void viewsShareMemory() {
    Tensor t = counting(4, 4);
    t.transpose(0, 1).slice(0, 2, 3).set(99, 0, 1);
    assertThat(t.get(1, 2)).isEqualTo(99);
    Tensor copy = t.copy();
    copy.set(-5, 0, 0);
    assertThat(t.get(0, 0)).isZero();
  }

  @Test
  void copiesOfViewsAreDense() {
    Tensor t = counting(2, 3, 4).permute(1, 2, 0).slice(1, 1, 4);
    Tensor copy = t.copy();
    assertThat(copy.isContiguous()).isTrue();
    assertThat(copy.toFloatArray()).containsExactly(t.toFloatArray());
    assertThat(t.to(DType.BFLOAT16).toFloatArray()).containsExactly(t.toFloatArray());
    Tensor part = counting(5, 2).slice(0, 2, 4);
    assertThat(part.isContiguous()).isTrue();
    assertThat(part.copy().toFloatArray()).containsExactly(4, 5, 6, 7);
  }

  @Test
  void contiguityIgnoresExtentsOfOne() {
    assertThat(counting(3, 1, 2).transpose(0, 1).isContiguous()).isTrue();
    assertThat(counting(3, 2).transpose(0, 1).isContiguous()).isFalse();
    assertThat(counting(3, 0).transpose(0, 1).isContiguous()).isTrue();
    assertThat(Tensor.zeros(DType.FLOAT32).isContiguous()).isTrue();
  }

  @Test
  void reshapeKeepsTheOrderOrRefuses() {
    Tensor t = counting(4, 6);
    check(t.reshape(2, 2, 3, 2), i -> i[0] * 12.0 + i[1] * 6 + i[2] * 2 + i[3]);
    check(t.reshape(24), i -> (double) i[0]);
    check(t.reshape(1, 24, 1), i -> (double) i[1]);
    // Splitting a strided dimension is a view; joining dimensions with a gap is not.
    Tensor gap = t.slice(1, 0, 4);
    check(gap.reshape(2, 2, 2, 2), i -> i[0] * 12.0 + i[1] * 6 + i[2] * 2 + i[3]);
    assertThatThrownBy(() -> gap.reshape(16))
        .isInstanceOf(RefusedException.class)
        .hasMessage(
            "shape: expected strides that allow a view of [4, 4] as [16], got strides [6, 1];"
                + " copy() first");
    assertThatThrownBy(() -> t.transpose(0, 1).reshape(24)).isInstanceOf(RefusedException.class);
    assertThatThrownBy(() -> gap.reshape(2, 8)).isInstanceOf(RefusedException.class);
    assertThatThrownBy(() -> t.reshape(5, 5))
        .hasMessage("shape: expected 24 elements, got [5, 5] from [4, 6]");
    assertThat(counting(0, 3).reshape(5, 0, 2).elements()).isZero();
    check(counting(2, 1).expand(2, 3).reshape(2, 3, 1), i -> (double) i[0]);
  }

  /**
   * Random views reshaped at random: a view exactly when the dense copy's order can be kept by
   * strides.
   */
  @Test
  void randomReshapesShowTheSameElementsInOrder() {
    SplittableRandom random = new SplittableRandom(11);
    int views = 0;
    int refused = 0;
    for (int n = 0; n < 3000; n++) {
      Tensor t = counting(pick(random), pick(random), pick(random), pick(random));
      if (random.nextBoolean()) {
        t = t.transpose(random.nextInt(4), random.nextInt(4));
      }
      if (random.nextBoolean()) {
        int d = random.nextInt(4);
        t = t.slice(d, 0, 1 + random.nextLong(t.dim(d)));
      }
      long[] target = factors(random, t.elements());
      float[] order = t.toFloatArray();
      Tensor view;
      try {
        view = t.reshape(target);
      } catch (RefusedException expected) {
        refused++;
        assertThat(t.isContiguous()).isFalse();
        assertThat(stridesExist(order, target))
            .as("%s as %s", t, Arrays.toString(target))
            .isFalse();
        continue;
      }
      views++;
      assertThat(view.toFloatArray()).containsExactly(order);
      assertThat(view.segment()).isEqualTo(t.segment());
    }
    assertThat(views).isGreaterThan(500);
    assertThat(refused).isGreaterThan(500);
  }

  private static long pick(SplittableRandom random) {
    return new long[] {1, 2, 2, 3, 4, 6}[random.nextInt(6)];
  }

  private static long[] factors(SplittableRandom random, long elements) {
    long[] shape = new long[1 + random.nextInt(5)];
    Arrays.fill(shape, 1);
    long rest = elements;
    for (long prime : new long[] {2, 3}) {
      while (rest % prime == 0) {
        shape[random.nextInt(shape.length)] *= prime;
        rest /= prime;
      }
    }
    shape[0] *= rest;
    return shape;
  }

  /**
   * Brute force: elements are their own positions, so strides exist if the order is affine in the
   * index.
   */
  private static boolean stridesExist(float[] order, long[] target) {
    long[] steps = new long[target.length];
    long dense = 1;
    for (int d = target.length - 1; d >= 0; d--) {
      steps[d] = target[d] > 1 ? (long) (order[(int) dense] - order[0]) : 0;
      dense *= target[d];
    }
    for (int n = 0; n < order.length; n++) {
      double position = order[0];
      long rest = n;
      for (int d = target.length - 1; d >= 0; d--) {
        position += (rest % target[d]) * steps[d];
        rest /= target[d];
      }
      if (position != order[n]) {
        return false;
      }
    }
    return true;
  }

  @Test
  void wrongDimensionsAreRefusedByName() {
    Tensor t = counting(2, 3);
    assertThatThrownBy(() -> t.slice(2, 0, 1))
        .hasMessage("dimension: expected 0 <= dimension < 2, got 2");
    assertThatThrownBy(() -> t.slice(1, 2, 1))
        .hasMessage("slice: expected 0 <= from <= to <= 3 along dimension 1, got [2, 1)");
    assertThatThrownBy(() -> t.slice(1, -1, 1)).isInstanceOf(RefusedException.class);
    assertThatThrownBy(() -> t.slice(1, 0, 4)).isInstanceOf(RefusedException.class);
    assertThatThrownBy(() -> t.select(0, 2)).isInstanceOf(RefusedException.class);
    assertThatThrownBy(() -> t.transpose(0, -1)).isInstanceOf(RefusedException.class);
    assertThatThrownBy(() -> t.permute(0)).hasMessage("order: expected 2 dimensions, got [0]");
    assertThatThrownBy(() -> t.permute(1, 1))
        .hasMessage("order: expected each dimension once, got [1, 1]");
    assertThatThrownBy(() -> t.expand(2)).hasMessage("shape: expected rank 2, got [2]");
    assertThatThrownBy(() -> t.expand(4, 3))
        .hasMessage("shape: expected extents that extend [2, 3], got [4, 3]");
    assertThatThrownBy(() -> counting(1).expand(-1)).isInstanceOf(RefusedException.class);
  }
}
