package io.github.attn4j.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.attn4j.Alignment;
import io.github.attn4j.ColumnMask;
import io.github.attn4j.DType;
import io.github.attn4j.Extent;
import io.github.attn4j.Mask;
import io.github.attn4j.RandomMasks;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Sequences;
import io.github.attn4j.Tensor;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/**
 * A tile that is skipped hides nothing, a FULL tile needs no mask; the lists agree with each other.
 */
final class TileGridTest {
  private static TileGrid grid(Mask mask, int seqlenQ, int seqlenK, int tileM, int tileN) {
    return TilePlan.of(mask, Sequences.padded(1, seqlenQ, seqlenK), 1, new TileShape(tileM, tileN))
        .grid(0, 0);
  }

  private static Mask columns(ColumnMask.Form form, int[]... perColumn) {
    Tensor indices = Tensor.zeros(DType.INT32, 1, 1, perColumn[0].length, perColumn.length);
    for (int n = 0; n < perColumn.length; n++) {
      for (int j = 0; j < perColumn[n].length; j++) {
        indices.set(perColumn[n][j], 0, 0, j, n);
      }
    }
    return Mask.columns(indices, form);
  }

  /** The kind of a tile after FlashMask's predicates, written down once more. */
  private static TileKind byThePaper(TileGrid grid, int m, int n) {
    int r0 = m * grid.shape().tileM();
    int r1 = Math.min(grid.extent().seqlenQ(), r0 + grid.shape().tileM());
    int key0 = n * grid.shape().tileN();
    int key1 = Math.min(grid.extent().seqlenK(), key0 + grid.shape().tileN());
    boolean partial = false;
    for (int slot = 0; slot < grid.intervals(); slot++) {
      int minStart = Integer.MAX_VALUE;
      int maxStart = 0;
      int minEnd = Integer.MAX_VALUE;
      int maxEnd = 0;
      for (int j = key0; j < key1; j++) {
        minStart = Math.min(minStart, grid.starts(slot)[j]);
        maxStart = Math.max(maxStart, grid.starts(slot)[j]);
        minEnd = Math.min(minEnd, grid.ends(slot)[j]);
        maxEnd = Math.max(maxEnd, grid.ends(slot)[j]);
      }
      if (r0 >= maxStart && r1 <= minEnd) {
        return TileKind.EMPTY;
      }
      partial |= r1 > minStart && r0 < maxEnd;
    }
    return partial ? TileKind.PARTIAL : TileKind.FULL;
  }

  private static void check(Mask mask, int b, int h, TileGrid grid) {
    Extent extent = grid.extent();
    long[] counts = new long[3];
    long visible = 0;
    TileKind[][] fromRows = fromRuns(grid.rows(), grid.rowTiles(), grid.columnTiles());
    TileKind[][] fromColumns = fromRuns(grid.columns(), grid.columnTiles(), grid.rowTiles());
    for (int m = 0; m < grid.rowTiles(); m++) {
      for (int n = 0; n < grid.columnTiles(); n++) {
        TileKind kind = grid.kind(m, n);
        assertThat(fromRows[m][n]).isEqualTo(kind);
        assertThat(fromColumns[n][m]).isEqualTo(kind);
        if (!grid.hasBits()) {
          assertThat(kind).as("%s tile (%d, %d)", mask, m, n).isEqualTo(byThePaper(grid, m, n));
        }
        long allowed = allowed(mask, b, h, grid, m, n);
        visible += allowed;
        switch (kind) {
          case EMPTY -> {
            counts[0]++;
            assertThat(allowed).as("%s tile (%d, %d) of %s", mask, m, n, extent).isZero();
          }
          case PARTIAL -> counts[1]++;
          case FULL -> {
            counts[2]++;
            assertThat(allowed).as("%s tile (%d, %d)", mask, m, n).isEqualTo(area(grid, m, n));
          }
        }
      }
    }
    assertThat(grid.count(TileKind.EMPTY)).isEqualTo(counts[0]);
    assertThat(grid.count(TileKind.PARTIAL)).isEqualTo(counts[1]);
    assertThat(grid.count(TileKind.FULL)).isEqualTo(counts[2]);
    assertThat(grid.visibleElements()).as("%s of %s", mask, extent).isEqualTo(visible);
  }

  private static long area(TileGrid grid, int m, int n) {
    int tileM = grid.shape().tileM();
    int tileN = grid.shape().tileN();
    return (long) Math.min(tileM, grid.extent().seqlenQ() - m * tileM)
        * Math.min(tileN, grid.extent().seqlenK() - n * tileN);
  }

  private static long allowed(Mask mask, int b, int h, TileGrid grid, int m, int n) {
    int tileM = grid.shape().tileM();
    int tileN = grid.shape().tileN();
    long allowed = 0;
    for (int i = m * tileM; i < Math.min(grid.extent().seqlenQ(), (m + 1) * tileM); i++) {
      for (int j = n * tileN; j < Math.min(grid.extent().seqlenK(), (n + 1) * tileN); j++) {
        allowed += mask.allows(b, h, i, j, grid.extent()) ? 1 : 0;
      }
    }
    return allowed;
  }

  /** Runs as a table; checks that they ascend and that neighbours differ in kind. */
  private static TileKind[][] fromRuns(TileRuns runs, int lines, int length) {
    assertThat(runs.lines()).isEqualTo(lines);
    TileKind[][] kinds = new TileKind[lines][length];
    for (int line = 0; line < lines; line++) {
      java.util.Arrays.fill(kinds[line], TileKind.EMPTY);
      int visited = 0;
      for (int run = runs.firstRun(line); run < runs.firstRun(line + 1); run++) {
        assertThat(runs.to(run)).isGreaterThan(runs.from(run));
        if (run > runs.firstRun(line)) {
          assertThat(runs.from(run)).isGreaterThanOrEqualTo(runs.to(run - 1));
          boolean joins = runs.from(run) == runs.to(run - 1);
          assertThat(joins && runs.partial(run) == runs.partial(run - 1)).isFalse();
        }
        for (int at = runs.from(run); at < runs.to(run); at++) {
          kinds[line][at] = runs.partial(run) ? TileKind.PARTIAL : TileKind.FULL;
          visited++;
        }
      }
      assertThat(runs.visited(line)).isEqualTo(visited);
    }
    return kinds;
  }

  @Test
  void everyMaskIsClassifiedSafely() {
    SplittableRandom random = new SplittableRandom(3);
    for (int n = 0; n < 880; n++) {
      int seqlenQ = random.nextInt(8) == 0 ? random.nextInt(3) : random.nextInt(70);
      int seqlenK = random.nextBoolean() ? seqlenQ : random.nextInt(70);
      Extent extent = new Extent(seqlenQ, seqlenK, 2);
      Mask mask = RandomMasks.mask(random, n % RandomMasks.KINDS, 2, extent);
      if (random.nextInt(3) == 0) {
        mask = mask.and(RandomMasks.mask(random, random.nextInt(RandomMasks.KINDS), 2, extent));
      }
      TileShape shape = new TileShape(1 + random.nextInt(20), 1 + random.nextInt(20));
      TilePlan plan = TilePlan.of(mask, Sequences.padded(2, seqlenQ, seqlenK), 2, shape);
      long visible = 0;
      for (int b = 0; b < 2; b++) {
        for (int h = 0; h < 2; h++) {
          check(mask, b, h, plan.grid(b, h));
          visible += plan.grid(b, h).visibleElements();
        }
      }
      assertThat(plan.visibleElements()).isEqualTo(visible);
    }
  }

  /** The last row block ends at seqlenQ: taken to its full height it would never count as EMPTY. */
  @Test
  void raggedLastRowBlockIsEmpty() {
    int[] eight = {8, 8, 8, 8};
    int[] ten = {10, 10, 10, 10};
    TileGrid open = grid(columns(ColumnMask.Form.START, eight), 10, 4, 8, 4);
    assertThat(open.kind(0, 0)).isEqualTo(TileKind.FULL);
    assertThat(open.kind(1, 0)).isEqualTo(TileKind.EMPTY);
    TileGrid ended = grid(columns(ColumnMask.Form.START_END, eight, ten), 10, 4, 8, 4);
    assertThat(ended.kind(1, 0)).isEqualTo(TileKind.EMPTY);
    // An end beyond the rows is the same as one at the last.
    int[] beyond = {100, 100, 100, 100};
    assertThat(grid(columns(ColumnMask.Form.START_END, eight, beyond), 10, 4, 8, 4).kind(1, 0))
        .isEqualTo(TileKind.EMPTY);
  }

  /** The 16-column example of PaddleNLP's guide, causal, 4 by 4 tiles. */
  @Test
  void documentedExampleIsClassifiedAsDocumented() {
    int[] start = {13, 5, 5, 5, 6, 6, 9, 9, 9, 12, 12, 12, 16, 16, 16, 16};
    int[] end = {15, 14, 14, 15, 12, 12, 11, 11, 16, 16, 16, 16, 16, 16, 16, 16};
    Mask mask = columns(ColumnMask.Form.START_END, start, end).and(Mask.causal());
    TileGrid grid = grid(mask, 16, 16, 4, 4);
    assertThat(grid.kind(3, 2)).isEqualTo(TileKind.EMPTY);
    assertThat(grid.kind(1, 1)).isEqualTo(TileKind.PARTIAL);
    assertThat(grid.kind(3, 1)).isEqualTo(TileKind.FULL);
    assertThat(grid).hasToString("▒···\n▒▒··\n▒▒▒·\n▒█·▒\n");
    check(mask, 0, 0, grid);
  }

  @Test
  void picturesOfLargeGridsAreReduced() {
    TileGrid grid = grid(Mask.causal(), 300, 300, 2, 2);
    String[] lines = grid.toString().split("\n");
    assertThat(lines).hasSize(50).allMatch(line -> line.length() == 50);
    assertThat(lines[0]).startsWith("▒·").endsWith("·");
    assertThat(lines[49]).startsWith("█").endsWith("▒");
  }

  @Test
  void plansSumOverSequencesAndHeads() {
    TilePlan plan =
        TilePlan.of(
            Mask.causal(Alignment.TOP_LEFT), Sequences.padded(3, 8, 8), 5, new TileShape(4, 4));
    assertThat(plan.count(TileKind.EMPTY)).isEqualTo(15);
    assertThat(plan.count(TileKind.PARTIAL)).isEqualTo(30);
    assertThat(plan.count(TileKind.FULL)).isEqualTo(15);
    assertThat(plan.density()).isEqualTo(0.75);
    assertThat(plan.visibleElements()).isEqualTo(15 * 36);
    assertThat(plan.grid(0, 0)).isSameAs(plan.grid(2, 4));
    assertThat(plan.toString())
        .contains("4x4, 3 sequences, 5 heads: 15 FULL, 30 PARTIAL, 15 EMPTY (density 0.7500)")
        .contains("▒·")
        .contains("█▒");
    TilePlan none = TilePlan.of(Mask.full(), Sequences.padded(0, 8, 8), 5, new TileShape(4, 4));
    assertThat(none.density()).isZero();
    assertThat(none.toString()).contains("0 sequences");
  }

  /** Longer than an int of elements, and quick: the scan looks at keys and runs, not at tiles. */
  @Test
  void longSequencesArePlannedInLinearTime() {
    int rows = 1 << 20;
    TileGrid grid = grid(Mask.causal(), rows, rows, 64, 64);
    long tiles = rows / 64;
    assertThat(grid.count(TileKind.PARTIAL)).isEqualTo(tiles);
    assertThat(grid.count(TileKind.FULL)).isEqualTo(tiles * (tiles - 1) / 2);
    assertThat(grid.visibleElements()).isEqualTo((long) rows * (rows + 1L) / 2);
  }

  @Test
  void emptyTilesShapesAreRefused() {
    assertThatThrownBy(() -> new TileShape(0, 4))
        .isInstanceOf(RefusedException.class)
        .hasMessage("tileM: expected at least 1, got 0");
    assertThatThrownBy(() -> new TileShape(4, -2)).hasMessage("tileN: expected at least 1, got -2");
  }
}
