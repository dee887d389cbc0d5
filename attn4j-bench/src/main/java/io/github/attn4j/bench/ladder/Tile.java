package io.github.attn4j.bench.ladder;

import java.util.SplittableRandom;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * The product all tile rungs compute, scores of a tile: {@code c[key][query] = sum over k of
 * a[key][k] * b[query][k]}. Operands come row by row, as tensors have them, and packed, as a kernel
 * that reuses them would have them; packing is not timed.
 */
final class Tile {
  static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;
  static final int LANES = FLOATS.length();

  /** Rows of a register tile: with two vectors each, 12 accumulators of at least 16 registers. */
  static final int MR = 6;

  /** Queries of a register tile. */
  static final int NR = 2 * LANES;

  /** Keys, queries and columns: what fits the second-level cache. A multiple of all tiles. */
  static final int M = 192;

  static final int N = 128;
  static final int K = 128;

  /** Keys by columns. */
  final float[] a = uniform(1, M * K);

  /** Queries by columns. */
  final float[] b = uniform(2, N * K);

  /** Panels of MR keys: {@code packedA[panel * K * MR + k * MR + row]}. */
  final float[] packedA = new float[M * K];

  /** Columns by queries. */
  final float[] bT = new float[K * N];

  /** Keys by queries; rungs that keep their result elsewhere leave it alone. */
  final float[] c = new float[M * N];

  /** A result in whatever order. */
  interface Result {
    float at(int key, int query);
  }

  Tile() {
    for (int m = 0; m < M; m++) {
      for (int k = 0; k < K; k++) {
        packedA[m / MR * K * MR + k * MR + m % MR] = a[m * K + k];
      }
    }
    for (int n = 0; n < N; n++) {
      for (int k = 0; k < K; k++) {
        bT[k * N + n] = b[n * K + k];
      }
    }
  }

  static float[] uniform(long seed, int count) {
    SplittableRandom random = new SplittableRandom(seed);
    float[] values = new float[count];
    for (int n = 0; n < count; n++) {
      values[n] = (float) random.nextDouble() - 0.5f;
    }
    return values;
  }

  /**
   * Queries in panels of a register tile's width.
   *
   * @param stride distance between the rows of a panel, at least width
   */
  float[] panels(int width, int stride) {
    float[] panels = new float[N / width * K * stride];
    for (int n = 0; n < N; n++) {
      for (int k = 0; k < K; k++) {
        panels[(n / width * K + k) * stride + n % width] = b[n * K + k];
      }
    }
    return panels;
  }

  /** Operations, 10^9. */
  static double gflop() {
    return 2e-9 * M * N * K;
  }

  /** The largest difference of a result from a float64 computation. */
  double error(Result result) {
    double worst = 0;
    for (int m = 0; m < M; m++) {
      for (int n = 0; n < N; n++) {
        double sum = 0;
        for (int k = 0; k < K; k++) {
          sum += (double) a[m * K + k] * b[n * K + k];
        }
        worst = Math.max(worst, Math.abs(sum - result.at(m, n)));
      }
    }
    return worst;
  }
}
