package io.github.attn4j.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionPlan;
import io.github.attn4j.AttentionResult;
import io.github.attn4j.DType;
import io.github.attn4j.SoftmaxStats;
import io.github.attn4j.Tensor;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * A call cut along its heads or its keys: heads together are heads alone, and keys in parts are the
 * parts merged, bit for bit.
 */
public interface PartsContract {
  /** The name of the backend under test. */
  String backend();

  /** One sequence with every feature that acts on scores and probabilities. */
  private static AttentionCase featured(int rows, int keys, int heads, int kvHeads) {
    AttentionCase c = new AttentionCase(1, rows, keys).heads(heads, kvHeads).dims(20, 13);
    c.biasBroadcast = new boolean[4];
    c.softcap = 4;
    c.sink = true;
    c.dropout = 0.2;
    c.maxLogit = true;
    c.stats = true;
    c.masks(MaskKind.TWO_INTERVALS);
    return c;
  }

  private static AttentionCase plain(int rows, int keys, int heads, int kvHeads) {
    return new AttentionCase(1, rows, keys).heads(heads, kvHeads).dims(64, 64);
  }

  /** Groups of heads whose few rows may share a tile, at the sizes where they just do or do not. */
  private static List<AttentionCase> groups() {
    List<AttentionCase> cases = new ArrayList<>();
    for (int[] size : new int[][] {{1, 8, 2}, {9, 7, 1}, {32, 4, 1}, {63, 4, 2}, {2, 64, 1}}) {
      AttentionCase c = featured(size[0], 210, size[1], size[2]);
      cases.add(c.masks(MaskKind.CAUSAL, MaskKind.DENSE));
    }
    for (int[] size : new int[][] {{5, 8, 2}, {33, 4, 1}, {40, 3, 1}, {17, 6, 3}, {64, 2, 1}}) {
      AttentionCase shared = featured(size[0], 210, size[1], size[2]);
      shared.maskHeads = size[2];
      cases.add(shared.masks(MaskKind.WINDOW, MaskKind.LOWER_UPPER, MaskKind.BLOCKS));
      cases.add(plain(size[0], 210, size[1], size[2]));
    }
    AttentionCase own = featured(5, 130, 8, 2).dtype(DType.BFLOAT16);
    own.maskHeads = 8;
    cases.add(own);
    return cases;
  }

  /** NaN and infinity in a key and two values, which some rows see and others do not. */
  private static void poison(AttentionInputs inputs) {
    Storage.fill(inputs.key().slice(2, 6, 7), Double.NaN);
    Storage.fill(inputs.value().slice(2, 3, 4).slice(3, 2, 3), Double.NaN);
    Storage.fill(inputs.value().slice(2, 4, 5).slice(3, 5, 6), Double.POSITIVE_INFINITY);
  }

  /** Each head in a call of its own gives the same bits as among the others of its group. */
  @Test
  default void headsOfAGroupGiveTheSameBitsAlone() {
    for (AttentionCase c : groups()) {
      headsAlone(c, Materials.of(c));
    }
    // Row i sees keys 0 to i.
    AttentionCase c = featured(9, 130, 7, 1).masks(MaskKind.CAUSAL_TOP_LEFT);
    Materials poisoned = Materials.of(c);
    poison(poisoned.inputs());
    headsAlone(c, poisoned);
  }

  private void headsAlone(AttentionCase c, Materials materials) {
    Slices slices = Slices.of(materials);
    AttentionResult together = materials.plan(backend()).forward(materials.inputs());
    for (int h = 0; h < c.heads; h += c.heads > 8 ? 5 : 1) {
      Slices.Part part = new Slices.Part(h, 1, h / (c.heads / c.kvHeads), 1, 0, c.extentK);
      AttentionResult alone = slices.forward(backend(), part, true, c.outDtype());
      SameBits.check(c + ": head " + h + " alone", alone, head(together, h));
    }
  }

  private static AttentionResult head(AttentionResult result, int h) {
    Tensor largest = result.maxLogit();
    SoftmaxStats stats = result.stats();
    return new AttentionResult(
        result.out().slice(1, h, h + 1L),
        result.lse().slice(1, h, h + 1L),
        largest == null ? null : largest.slice(0, h, h + 1L),
        stats == null
            ? null
            : new SoftmaxStats(
                stats.rowMax().slice(1, h, h + 1L), stats.rowSum().slice(1, h, h + 1L)),
        result.layout());
  }

  /** Keys in parts are calls for the parts, merged from the first to the last. */
  @Test
  default void splitKeysGiveTheBitsOfMergedParts() {
    for (int split : new int[] {1, 192, 400}) {
      for (int rows : new int[] {1, 6, 150}) {
        AttentionCase c = featured(rows, 577, 4, 2);
        c.splitKeys = split;
        checkParts(c);
        c.masks(MaskKind.CAUSAL);
        c.float32Out = rows == 6;
        checkParts(c.dtype(DType.BFLOAT16));
        AttentionCase own = featured(rows, 300, 4, 2).masks(MaskKind.DENSE, MaskKind.WINDOW);
        own.splitKeys = split;
        own.maskHeads = 4;
        checkParts(own);
      }
    }
  }

  /** So are the parts that the backend makes of a long context by itself. */
  @Test
  default void aLongContextGivesTheBitsOfItsParts() {
    AttentionCase c = plain(1, 13_000, 4, 2).dims(8, 8);
    c.sink = true;
    c.stats = true;
    checkParts(c);
    checkParts(c.masks(MaskKind.START_END));
  }

  private void checkParts(AttentionCase c) {
    Materials materials = Materials.of(c);
    int step = materials.plan(backend()).splitKeys(0);
    if (step == 0) {
      // All keys in one part: what other contracts are about.
      return;
    }
    assertThat(step).isBetween(c.splitKeys, c.extentK - 1);
    Slices slices = Slices.of(materials);
    AttentionResult merged = part(slices, c, 0, step);
    for (int key0 = step; key0 < c.extentK; key0 += step) {
      merged = merged.merge(part(slices, c, key0, step));
    }
    AttentionResult expected =
        new AttentionResult(
            merged.out().to(c.outDtype()),
            merged.lse(),
            merged.maxLogit(),
            merged.stats(),
            merged.layout());
    for (int threads : new int[] {1, 2, 5}) {
      c.threads = threads;
      AttentionPlan plan = materials.plan(backend());
      SameBits.check(c + ": parts", plan.forward(materials.inputs()), expected);
    }
  }

  private AttentionResult part(Slices slices, AttentionCase c, int key0, int step) {
    int keys = Math.min(step, c.extentK - key0);
    Slices.Part part = new Slices.Part(0, c.heads, 0, c.kvHeads, key0, keys);
    return slices.forward(backend(), part, key0 == 0, DType.FLOAT32);
  }
}
