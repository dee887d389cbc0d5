package io.github.attn4j.operators;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.attn4j.Extent;
import io.github.attn4j.Mask;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Sequences;
import io.github.attn4j.Tensor;
import io.github.attn4j.spi.TileGrid;
import io.github.attn4j.spi.TileKind;
import io.github.attn4j.spi.TilePlan;
import io.github.attn4j.spi.TileShape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@NullMarked
class FlashMaskPatternsTest {
  private static final FlashMaskPatterns TEN = FlashMaskPatterns.of(10);

  /** A pattern and its vectors for ten rows as the paper prints them. */
  record Golden(FlashMaskPattern pattern, boolean causal, int[]... vectors) {
    @Override
    public String toString() {
      return pattern.name();
    }
  }

  private static int[] v(int... values) {
    return values;
  }

  static Stream<Golden> golden() {
    int[] ten = {10, 10, 10, 10, 10, 10, 10, 10, 10, 10};
    return Stream.of(
        new Golden(TEN.causalPadded(8), true, v(8, 8, 8, 8, 8, 8, 8, 8, 8, 8)),
        new Golden(TEN.slidingWindow(3), true, v(3, 4, 5, 6, 7, 8, 9, 10, 10, 10)),
        new Golden(TEN.causalDocument(4, 3, 3), true, v(4, 4, 4, 4, 7, 7, 7, 10, 10, 10)),
        new Golden(
            TEN.document(4, 3, 3),
            false,
            v(4, 4, 4, 4, 7, 7, 7, 10, 10, 10),
            v(0, 0, 0, 0, 4, 4, 4, 7, 7, 7)),
        new Golden(TEN.shareQuestion(v(4, 3, 3)), true, v(10, 10, 10, 10, 7, 7, 7, 10, 10, 10)),
        new Golden(
            TEN.globalSlidingWindow(2, 1, 1),
            false,
            v(10, 10, 4, 5, 6, 7, 8, 9, 10, 10),
            ten,
            v(0, 0, 0, 0, 2, 2, 2, 2, 2, 2),
            v(0, 0, 0, 0, 3, 4, 5, 6, 7, 8)),
        new Golden(
            TEN.causalBlockwise(4, 3, 3),
            true,
            v(4, 4, 4, 4, 10, 10, 10, 10, 10, 10),
            v(7, 7, 7, 7, 10, 10, 10, 10, 10, 10)),
        new Golden(
            TEN.prefixLmDocument(v(2, 3), v(2, 2), v(2, 5)),
            false,
            v(3, 3, 3, 5, 5, 10, 10, 10, 10, 10),
            v(0, 0, 2, 3, 3, 5, 5, 7, 8, 9)),
        new Golden(TEN.prefixLmCausal(5), false, ten, v(0, 0, 0, 0, 0, 5, 6, 7, 8, 9)),
        new Golden(
            TEN.qkSparse(v(2, 3), v(6, 2)),
            true,
            v(10, 10, 2, 3, 4, 5, 6, 7, 10, 10),
            v(10, 10, 5, 5, 5, 5, 8, 8, 10, 10)),
        new Golden(
            TEN.hashSparse(v(0, 0, 1, 3, 4, 4, 5, 7, 8, 9), v(2, 2, 4, 5, 5, 8, 8, 9, 10, 10)),
            false,
            v(2, 2, 4, 5, 5, 8, 8, 9, 10, 10),
            v(0, 0, 1, 3, 4, 4, 5, 7, 8, 9)),
        new Golden(
            TEN.eviction(v(10, 4, 8, 6, 10, 7, 10, 9, 10, 10)),
            true,
            v(10, 4, 8, 6, 10, 7, 10, 9, 10, 10)));
  }

  @ParameterizedTest
  @MethodSource("golden")
  void printsTheVectorsOfThePaper(Golden golden) {
    FlashMaskPattern pattern = golden.pattern();
    assertThat(pattern.causal()).isEqualTo(golden.causal());
    Tensor indices = indices(pattern);
    assertThat(indices.shape()).containsExactly(1, 1, 10, golden.vectors().length);
    boolean intervals = golden.causal() && golden.vectors().length == 2;
    for (int j = 0; j < 10; j++) {
      int[] got = new int[golden.vectors().length];
      int[] wanted = new int[got.length];
      for (int c = 0; c < got.length; c++) {
        got[c] = (int) indices.get(0, 0, j, c);
        wanted[c] = golden.vectors()[c][j];
      }
      // The paper's figure writes an empty interval as [10, 10) here and as [j, j) there.
      if (intervals && wanted[0] == wanted[1]) {
        assertThat(got[0]).as("empty interval of key %d", j).isEqualTo(got[1]);
      } else {
        assertThat(got).as("key %d", j).containsExactly(wanted);
      }
    }
  }

  private static Tensor indices(FlashMaskPattern pattern) {
    Tensor indices = pattern.startendRowIndices();
    if (indices == null) {
      throw new AssertionError("expected indices in " + pattern);
    }
    return indices;
  }

  @Test
  void classifiesTheTilesOfThePaperExample() {
    int[] lts = {13, 5, 5, 5, 6, 6, 9, 9, 9, 12, 12, 12, 16, 16, 16, 16};
    int[] lte = {15, 14, 14, 15, 12, 12, 11, 11, 16, 16, 16, 16, 16, 16, 16, 16};
    int[] both = new int[32];
    for (int j = 0; j < 16; j++) {
      both[2 * j] = lts[j];
      both[2 * j + 1] = lte[j];
    }
    FlashMaskPattern pattern = new FlashMaskPattern("example", true, Tensor.of(both, 1, 1, 16, 2));
    TileGrid grid = plan(pattern.mask(), 1, 16, 16, 1, new TileShape(4, 4)).grid(0, 0);
    assertThat(grid.kind(3, 2)).isEqualTo(TileKind.EMPTY);
    assertThat(grid.kind(1, 1)).isEqualTo(TileKind.PARTIAL);
    assertThat(grid.kind(3, 1)).isEqualTo(TileKind.FULL);
    assertThat(grid.kind(0, 1)).as("above the diagonal").isEqualTo(TileKind.EMPTY);
  }

  /** A pattern, and what its table says each row sees where query and key are of one length. */
  record Described(FlashMaskPattern pattern, int seqlen, Oracle.Rule rule) {
    @Override
    public String toString() {
      return pattern.name() + " of " + seqlen;
    }
  }

  static Stream<Described> described() {
    // Around a tile of 16, and ragged ones.
    return Stream.of(15, 16, 17, 61, 64).flatMap(s -> describedAt(s).stream());
  }

  private static List<Described> describedAt(int s) {
    FlashMaskPatterns patterns = FlashMaskPatterns.of(s);
    List<Described> cases = new ArrayList<>();
    int[] docs = {s / 3, 1, s / 4};
    int padding = s / 3 + 1 + s / 4;
    int[] documentOf = new int[s];
    for (int j = 0; j < s; j++) {
      documentOf[j] = j < docs[0] ? 0 : j < docs[0] + 1 ? 1 : j < padding ? 2 : 3;
    }
    Oracle.Rule causal = (b, h, i, j) -> j <= i;
    Oracle.Rule same = (b, h, i, j) -> documentOf[i] == documentOf[j];
    Oracle.Rule real = (b, h, i, j) -> i < padding && j < padding;
    cases.add(new Described(patterns.full(), s, Oracle.ALL));
    cases.add(new Described(patterns.causal(), s, causal));
    cases.add(new Described(patterns.causalPadded(s - 5), s, (b, h, i, j) -> j <= i && i < s - 5));
    cases.add(new Described(patterns.slidingWindow(7), s, (b, h, i, j) -> i - 7 < j && j <= i));
    cases.add(
        new Described(
            patterns.causalDocument(docs),
            s,
            causal.and((b, h, i, j) -> Math.min(2, documentOf[i]) == Math.min(2, documentOf[j]))));
    cases.add(new Described(patterns.document(docs), s, same.and(real)));
    cases.add(new Described(patterns.erniePacked(docs), s, causal.and(same).and(real)));
    cases.add(
        new Described(
            patterns.globalSlidingWindow(3, 5, 2),
            s,
            (b, h, i, j) -> i < 3 || j < 3 || (-2 <= i - j && i - j <= 5)));
    int lastStart = docs[0] + 1;
    cases.add(
        new Described(
            patterns.causalBlockwise(docs),
            s,
            causal.and((b, h, i, j) ->
                j >= padding ? false : documentOf[i] == documentOf[j] || i >= lastStart)));
    cases.add(
        new Described(
            patterns.prefixLmDocument(v(docs[0] / 2, docs[0]), v(1, 1), v(0, docs[2])),
            s,
            same.and(real).and((b, h, i, j) -> j <= i || (documentOf[j] == 0 && j < docs[0] / 2))));
    cases.add(
        new Described(patterns.prefixLmCausal(s / 2), s, (b, h, i, j) -> j < s / 2 || j <= i));
    int end = 3 + s / 4;
    cases.add(
        new Described(
            patterns.qkSparse(v(3, s / 4), v(end + 1, 2)),
            s,
            causal.and((b, h, i, j) ->
                !(in(i, 3, end) && in(j, 3, end))
                    && !(in(i, end + 1, end + 3) && in(j, end + 1, end + 3)))));
    int question = docs[0] / 2;
    cases.add(
        new Described(
            patterns.shareQuestion(v(question, 1, docs[0] - question - 1), v(0, 1, docs[2])),
            s,
            causal.and(real).and((b, h, i, j) -> sharedQuestion(i, j, question, docs[0]))));
    int[] buckets = new int[s];
    Arrays.setAll(buckets, i -> i / 6);
    int[] keys = new int[s];
    Arrays.setAll(keys, j -> (j * 7 + 3) % (s / 6 + 2));
    cases.add(
        new Described(
            patterns.hashBuckets(buckets, keys), s, (b, h, i, j) -> buckets[i] == keys[j]));
    return cases;
  }

  private static boolean in(int row, int from, int to) {
    return row >= from && row < to;
  }

  /**
   * Document 0: question, an answer of one row, the rest; document 1: no question, answers of 1 and
   * the rest.
   */
  private static boolean sharedQuestion(int i, int j, int question, int length) {
    if (i < length || j < length) {
      return i < length && (j < question || part(i, question) == part(j, question));
    }
    return part(i - length, 0) == part(j - length, 0);
  }

  private static int part(int row, int question) {
    return row < question ? 0 : row == question ? 1 : 2;
  }

  @ParameterizedTest
  @MethodSource("described")
  void showsWhatItsTableSays(Described described) {
    int s = described.seqlen();
    Mask mask = described.pattern().mask();
    Extent extent = new Extent(s, s, 4);
    for (int i = 0; i < s; i++) {
      for (int j = 0; j < s; j++) {
        assertThat(mask.allows(0, 0, i, j, extent))
            .as("query %d, key %d", i, j)
            .isEqualTo(described.rule().allows(0, 0, i, j));
      }
    }
    for (TileShape shape : List.of(new TileShape(4, 4), new TileShape(16, 7))) {
      assertTilesAgree(mask, 1, s, s, 4, shape);
    }
  }

  @Test
  void everyMaskByNameHasTilesThatAgreeWithIt() {
    for (String name : FlashMaskBenchmark.names()) {
      for (int s : new int[] {0, 1, 2, 19, 130}) {
        Mask mask = FlashMaskBenchmark.pattern(name, s, 2).mask();
        assertTilesAgree(mask, 2, s, s, 4, new TileShape(16, 16));
      }
    }
  }

  @Test
  void patternsOfUnequalLengthsAreClippedToTheQueries() {
    for (int seqlenQ : new int[] {9, 40}) {
      FlashMaskPatterns patterns = FlashMaskPatterns.of(seqlenQ, 23);
      for (FlashMaskPattern pattern :
          List.of(
              patterns.slidingWindow(5),
              patterns.document(9, 3, 8),
              patterns.globalSlidingWindow(2, 3, 1),
              patterns.causalBlockwise(9, 3, 8),
              patterns.qkSparse(v(4, 6)),
              patterns.prefixLmCausal(6))) {
        assertThat(Arrays.stream(Tensors.ints(indices(pattern))))
            .allMatch(row -> row >= 0 && row <= seqlenQ);
        Oracle.Rule rule =
            Oracle.columns(indices(pattern), pattern.causal(), seqlenQ, 2)
                .and(pattern.causal() ? Oracle.causal(seqlenQ, 23) : Oracle.ALL);
        Extent extent = new Extent(seqlenQ, 23, 2);
        for (int i = 0; i < seqlenQ; i++) {
          for (int j = 0; j < 23; j++) {
            assertThat(pattern.mask().allows(0, 1, i, j, extent))
                .as("%s: query %d, key %d", pattern.name(), i, j)
                .isEqualTo(rule.allows(0, 1, i, j));
          }
        }
        assertTilesAgree(pattern.mask(), 1, seqlenQ, 23, 2, new TileShape(8, 5));
      }
    }
  }

  @Test
  void masksMayDifferByBatchEntryAndByHead() {
    FlashMaskPatterns patterns = FlashMaskPatterns.of(21);
    FlashMaskPattern batch =
        FlashMaskPattern.batch(
            List.of(patterns.document(5, 7), patterns.document(21), patterns.document(1, 1, 1)));
    assertThat(indices(batch).shape()).containsExactly(3, 1, 21, 2);
    assertTilesAgree(batch.mask(), 3, 21, 21, 2, new TileShape(4, 8));
    Extent extent = new Extent(21, 21, 4);
    assertThat(batch.mask().allows(0, 0, 4, 5, extent)).isFalse();
    assertThat(batch.mask().allows(1, 0, 4, 5, extent)).isTrue();

    FlashMaskPattern heads =
        FlashMaskPattern.heads(List.of(patterns.slidingWindow(2), patterns.slidingWindow(9)));
    assertThat(indices(heads).shape()).containsExactly(1, 2, 21, 1);
    assertTilesAgree(heads.mask(), 1, 21, 21, 4, new TileShape(4, 8));
    assertThat(heads.mask().allows(0, 1, 10, 5, extent)).isFalse();
    assertThat(heads.mask().allows(0, 2, 10, 5, extent)).isTrue();
  }

  @Test
  void randomEvictionDropsOneKeyAtEachRowOfEachHead() {
    FlashMaskPattern pattern = FlashMaskPatterns.of(200).randomEviction(3, 80, 7);
    Tensor indices = indices(pattern);
    assertThat(indices.shape()).containsExactly(1, 3, 200, 1);
    for (int head = 0; head < 3; head++) {
      boolean[] drops = new boolean[201];
      for (int j = 0; j < 200; j++) {
        int row = (int) indices.get(0, head, j, 0);
        assertThat(row).as("after its own query").isGreaterThan(j);
        assertThat(row == 200 || !drops[row]).as("one key per row").isTrue();
        drops[row] = true;
      }
      for (int row = 0; row < 200; row++) {
        assertThat(drops[row]).isEqualTo(row >= 80);
      }
    }
    assertThat(Tensors.ints(indices.select(1, 0))).isNotEqualTo(Tensors.ints(indices.select(1, 1)));
    FlashMaskPattern again = FlashMaskPatterns.of(200).randomEviction(3, 80, 7);
    assertThat(Tensors.ints(indices(again))).containsExactly(Tensors.ints(indices));
  }

  @Test
  void refusesWhatDoesNotFit() {
    assertRefused("documents", () -> TEN.document(4, 7));
    assertRefused("documents", () -> TEN.causalDocument(4, -1));
    assertRefused("documents", () -> TEN.causalBlockwise());
    assertRefused("documents", () -> TEN.prefixLmDocument(v(5, 4)));
    assertRefused("documents", () -> TEN.shareQuestion(v(5, Integer.MAX_VALUE, Integer.MAX_VALUE)));
    assertRefused("spans", () -> TEN.qkSparse(v(4, 2), v(5, 1)));
    assertRefused("spans", () -> TEN.qkSparse(v(4, 7)));
    assertRefused("startRow", () -> TEN.randomEviction(1, 0, 0));
    assertRefused("from", () -> TEN.hashSparse(v(1), v(2)));
    assertRefused("evictedAt", () -> TEN.eviction(v(1)));
    assertRefused("window", () -> TEN.globalSlidingWindow(1, -1, 0));
    assertRefused("queryBuckets", () -> TEN.hashBuckets(v(1, 0), v(0, 0)));
    assertRefused("seqlenK", () -> FlashMaskPatterns.of(1, -1));
    assertRefused("mask", () -> FlashMaskBenchmark.pattern("no-such", 10, 1));
    assertRefused("patterns", () -> FlashMaskPattern.batch(List.of()));
    assertRefused("patterns", () -> FlashMaskPattern.heads(List.of(TEN.full())));
    assertRefused(
        "patterns", () -> FlashMaskPattern.batch(List.of(TEN.slidingWindow(2), TEN.document(3))));
  }

  private static void assertRefused(
      String argument, org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            RefusedException.class, e -> assertThat(e.argument()).isEqualTo(argument));
  }

  private static TilePlan plan(
      Mask mask, int batch, int seqlenQ, int seqlenK, int heads, TileShape shape) {
    return TilePlan.of(mask, Sequences.padded(batch, seqlenQ, seqlenK), heads, shape);
  }

  /** Tiles against elements: EMPTY has none, FULL has all, and the count is exact. */
  private static void assertTilesAgree(
      Mask mask, int batch, int seqlenQ, int seqlenK, int heads, TileShape shape) {
    TilePlan plan = plan(mask, batch, seqlenQ, seqlenK, heads, shape);
    Extent extent = new Extent(seqlenQ, seqlenK, heads);
    long visible = 0;
    for (int b = 0; b < batch; b++) {
      for (int h = 0; h < heads; h++) {
        TileGrid grid = plan.grid(b, h);
        for (int m = 0; m < grid.rowTiles(); m++) {
          for (int n = 0; n < grid.columnTiles(); n++) {
            int seen = 0;
            int all = 0;
            for (int i = m * shape.tileM(); i < Math.min(seqlenQ, (m + 1) * shape.tileM()); i++) {
              for (int j = n * shape.tileN(); j < Math.min(seqlenK, (n + 1) * shape.tileN()); j++) {
                seen += mask.allows(b, h, i, j, extent) ? 1 : 0;
                all++;
              }
            }
            visible += seen;
            TileKind kind = grid.kind(m, n);
            assertThat(kind != TileKind.EMPTY || seen == 0).as("EMPTY %d %d", m, n).isTrue();
            assertThat(kind != TileKind.FULL || seen == all).as("FULL %d %d", m, n).isTrue();
          }
        }
      }
    }
    assertThat(plan.visibleElements()).isEqualTo(visible);
  }
}
