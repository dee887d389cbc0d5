package io.github.attn4j.bench.ladder;

import static io.github.attn4j.bench.ladder.FencedPanel.PS;
import static io.github.attn4j.bench.ladder.Tile.FLOATS;
import static io.github.attn4j.bench.ladder.Tile.LANES;
import static io.github.attn4j.bench.ladder.Tile.MR;
import static io.github.attn4j.bench.ladder.Tile.NR;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * One head of attention around {@link FencedPanel}: panels of NR queries, blocks of keys, an online
 * softmax with a lane per query, and the same tile for both products. Packing is timed here.
 */
final class TiledAttention implements Rung {
  private static final int SEQ = 1536;
  private static final int DIM = 128;

  /** Keys of a block: a block of keys and one of values stay in the second-level cache. */
  private static final int BLOCK = 192;

  /** Columns of the output, filled up to whole register tiles. */
  private static final int COLUMNS = Math.ceilDiv(DIM, MR) * MR;

  private static final float SCALE = (float) (1 / Math.sqrt(DIM));

  private final float[] query = Tile.uniform(3, SEQ * DIM);
  private final float[] key = Tile.uniform(4, SEQ * DIM);
  private final float[] value = Tile.uniform(5, SEQ * DIM);
  private final float[] out = new float[SEQ * DIM];

  /** Keys interleaved by six, values' columns interleaved by six, block by block. */
  private final float[] packedKey = new float[SEQ * DIM];

  private final float[] packedValue = new float[SEQ * COLUMNS];

  /** The transposed panels of queries, scores and outputs: a lane per query. */
  private final float[] queryPanel = new float[DIM * PS];

  private final float[] scores = new float[BLOCK * PS];
  private final float[] outPanel = new float[COLUMNS * PS];
  private final float[] zeros = new float[MR * PS];
  private final float[] max = new float[NR];
  private final float[] sum = new float[NR];

  @Override
  public String name() {
    return "attention of fenced tiles";
  }

  @Override
  public String change() {
    return "A whole attention on that tile: packing, both products and an online softmax, one head,"
        + " S 1536, D 128.";
  }

  @Override
  public double gflop() {
    return 4e-9 * SEQ * SEQ * DIM;
  }

  @Override
  public void run() {
    packKeys();
    packValues();
    for (int q = 0; q < SEQ; q += NR) {
      openPanel(q);
      for (int block = 0; block < SEQ; block += BLOCK) {
        for (int k = 0; k < BLOCK; k += MR) {
          FencedPanel.compute(
              DIM, packedKey, (block + k) * DIM, queryPanel, 0, zeros, 0, scores, k * PS);
        }
        for (int lane = 0; lane < NR; lane += LANES) {
          softmax(lane);
        }
        for (int column = 0; column < COLUMNS; column += MR) {
          int values = block * COLUMNS + column * BLOCK;
          int at = column * PS;
          FencedPanel.compute(BLOCK, packedValue, values, scores, 0, outPanel, at, outPanel, at);
        }
      }
      closePanel(q);
    }
  }

  private void packKeys() {
    for (int k = 0; k < SEQ; k++) {
      int panel = k / MR * MR * DIM + k % MR;
      for (int d = 0; d < DIM; d++) {
        packedKey[panel + d * MR] = key[k * DIM + d];
      }
    }
  }

  private void packValues() {
    for (int k = 0; k < SEQ; k++) {
      int block = k / BLOCK * BLOCK * COLUMNS;
      for (int d = 0; d < DIM; d++) {
        packedValue[block + d / MR * MR * BLOCK + k % BLOCK * MR + d % MR] = value[k * DIM + d];
      }
    }
  }

  private void openPanel(int q) {
    for (int lane = 0; lane < NR; lane++) {
      for (int d = 0; d < DIM; d++) {
        queryPanel[d * PS + lane] = SCALE * query[(q + lane) * DIM + d];
      }
    }
    Arrays.fill(outPanel, 0);
    Arrays.fill(max, Float.NEGATIVE_INFINITY);
    Arrays.fill(sum, 0);
  }

  /** Turns a block's scores into exponents, and rescales what came before to the new maximum. */
  private void softmax(int lane) {
    FloatVector before = FloatVector.fromArray(FLOATS, max, lane);
    FloatVector now = before;
    for (int at = lane; at < BLOCK * PS; at += PS) {
      now = now.max(FloatVector.fromArray(FLOATS, scores, at));
    }
    now.intoArray(max, lane);
    FloatVector alpha = before.sub(now).lanewise(VectorOperators.EXP);
    FloatVector total = FloatVector.fromArray(FLOATS, sum, lane).mul(alpha);
    for (int at = lane; at < BLOCK * PS; at += PS) {
      FloatVector p =
          FloatVector.fromArray(FLOATS, scores, at).sub(now).lanewise(VectorOperators.EXP);
      p.intoArray(scores, at);
      total = total.add(p);
    }
    total.intoArray(sum, lane);
    for (int at = lane; at < COLUMNS * PS; at += PS) {
      FloatVector.fromArray(FLOATS, outPanel, at).mul(alpha).intoArray(outPanel, at);
    }
  }

  private void closePanel(int q) {
    for (int lane = 0; lane < NR; lane++) {
      for (int d = 0; d < DIM; d++) {
        out[(q + lane) * DIM + d] = outPanel[d * PS + lane] / sum[lane];
      }
    }
  }

  @Override
  public double error() {
    return HeadCheck.error(query, key, value, out, SEQ, DIM);
  }
}
