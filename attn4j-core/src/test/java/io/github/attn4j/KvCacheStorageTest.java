package io.github.attn4j;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** What a cache makes of numbers on their way in. */
final class KvCacheStorageTest {
  private static float[] stored(KvCacheStorage storage, float... row) {
    try (KvCache cache =
        KvCache.builder().pages(1).heads(1).dims(row.length, row.length).storage(storage).build()) {
      long sequence = cache.newSequence();
      Tensor rows = Tensor.of(row, 1, 1, row.length);
      cache.append(sequence, rows, rows);
      assertThat(cache.value(sequence).toFloatArray())
          .containsExactly(cache.key(sequence).toFloatArray());
      return cache.key(sequence).toFloatArray();
    }
  }

  /** The largest magnitude over 127 or 7 is the unit; halves go to the even neighbour. */
  @Test
  void integersByHand() {
    assertThat(stored(KvCacheStorage.INT8, 127, -127, 0.5f, 1.5f, -2.5f, 0.49f, 100.51f))
        .containsExactly(127, -127, 0, 2, -2, 0, 101);
    assertThat(stored(KvCacheStorage.INT4, 7, -7, 0.5f, 1.5f, -2.5f, 3.49f, -6.51f))
        .containsExactly(7, -7, 0, 2, -2, 3, -7);
    assertThat(stored(KvCacheStorage.INT8, 0, -0f, 0)).containsExactly(0, 0, 0);
    assertThat(stored(KvCacheStorage.INT4, 0)).containsExactly(0);
  }

  /** Magnitudes for which the unit itself is rounded, or nothing: no integer may overflow. */
  @Test
  void unitsAtTheEndsOfFloat32() {
    float tiny = Float.MIN_VALUE;
    assertThat(stored(KvCacheStorage.INT8, tiny, -tiny, 0)).containsExactly(tiny, -tiny, 0);
    assertThat(stored(KvCacheStorage.INT8, 180 * tiny)).containsExactly(180 * tiny);
    assertThat(stored(KvCacheStorage.INT4, 9 * tiny)).containsExactly(8 * tiny);
    float huge = Float.MAX_VALUE;
    assertThat(stored(KvCacheStorage.INT8, huge, -huge)[0]).isBetween(0.9999999f * huge, huge);
    SplittableRandom random = new SplittableRandom(31);
    for (int n = 0; n < 2000; n++) {
      float most = Float.intBitsToFloat(random.nextInt(0x7f800000));
      float back = -stored(KvCacheStorage.INT8, most, -most)[1];
      // Below 127 times the smallest normal number the unit has few bits.
      boolean coarse = most < 1e-35f;
      assertThat(back / (double) most).isBetween(coarse ? 0.5 : 0.9999998, coarse ? 1.5 : 1);
    }
  }

  /** Nothing finite is made up for a row that holds what is not; others keep their numbers. */
  @Test
  void rowsThatAreNotFiniteComeBackAsNaN() {
    for (float stray : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
      for (KvCacheStorage storage :
          new KvCacheStorage[] {KvCacheStorage.INT8, KvCacheStorage.INT4}) {
        assertThat(stored(storage, 1, stray, 0)).containsExactly(Float.NaN, Float.NaN, Float.NaN);
      }
      assertThat(stored(KvCacheStorage.FLOAT16, 1, stray, 0)).containsExactly(1, stray, 0);
    }
    assertThat(stored(KvCacheStorage.FLOAT16, 65504, 65520, 1e-9f))
        .containsExactly(65504, Float.POSITIVE_INFINITY, 0);
  }
}
