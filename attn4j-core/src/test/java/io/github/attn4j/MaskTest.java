package io.github.attn4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.fail;

import io.github.attn4j.spi.ElementBits;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** Every mask's fast lowering says what its slow truth says; composition; refusals. */
final class MaskTest {
  /** Lowering and bits together against allows, element by element. */
  private static void checkLowering(Mask mask, int b, int h, Extent extent) {
    int seqlenQ = extent.seqlenQ();
    int[][] starts = new int[mask.intervals()][extent.seqlenK()];
    int[][] ends = new int[mask.intervals()][extent.seqlenK()];
    mask.lower(b, h, extent, 0, starts, ends);
    int words = Math.ceilDiv(seqlenQ, 64) + 1;
    long[] visible = new long[extent.seqlenK() * words];
    Arrays.fill(visible, -1);
    ElementBits.Tile tile = new ElementBits.Tile(0, seqlenQ, 0, extent.seqlenK(), words);
    for (ElementBits part : mask.bits()) {
      part.clearMasked(b, h, extent, tile, visible);
    }
    for (int j = 0; j < extent.seqlenK(); j++) {
      for (int slot = 0; slot < mask.intervals(); slot++) {
        assertThat(starts[slot][j]).isBetween(0, seqlenQ);
        assertThat(ends[slot][j]).isBetween(0, seqlenQ);
      }
      for (int i = 0; i < seqlenQ; i++) {
        boolean masked = (visible[j * words + i / 64] >>> (i & 63) & 1) == 0;
        for (int slot = 0; slot < mask.intervals(); slot++) {
          masked |= i >= starts[slot][j] && i < ends[slot][j];
        }
        boolean allowed = mask.allows(b, h, i, j, extent);
        if (masked == allowed) {
          fail(
              "%s, sequence %d, head %d, row %d, key %d, %s: truth says %s, lowering %s"
                  .formatted(mask, b, h, i, j, extent, allowed, !masked));
        }
      }
    }
  }

  @Test
  void everyLoweringIsTheTruth() {
    SplittableRandom random = new SplittableRandom(1);
    for (int n = 0; n < 550; n++) {
      Extent extent = extent(random);
      Mask mask = RandomMasks.mask(random, n % RandomMasks.KINDS, 2, extent);
      checkLowering(mask, 0, 0, extent);
      checkLowering(mask, 1, extent.heads() - 1, extent);
      Mask other = RandomMasks.mask(random, random.nextInt(RandomMasks.KINDS), 2, extent);
      Mask both = mask.and(other).and(Mask.causal());
      checkLowering(both, 1, 0, extent);
      for (int at = 0; extent.seqlenQ() * extent.seqlenK() > 0 && at < 20; at++) {
        int i = random.nextInt(extent.seqlenQ());
        int j = random.nextInt(extent.seqlenK());
        assertThat(both.allows(0, 0, i, j, extent))
            .isEqualTo(
                mask.allows(0, 0, i, j, extent)
                    && other.allows(0, 0, i, j, extent)
                    && Mask.causal().allows(0, 0, i, j, extent));
      }
    }
  }

  private static Extent extent(SplittableRandom random) {
    int q = random.nextInt(10) == 0 ? random.nextInt(2) : random.nextInt(80);
    int k = random.nextInt(10) == 0 ? random.nextInt(2) : random.nextInt(40);
    return new Extent(q, random.nextBoolean() ? q : k, 1 + random.nextInt(3));
  }

  /** Any part of the bits, at any place, leaves what is outside the part alone. */
  @Test
  void bitsOfAPartAreBitsOfTheWhole() {
    SplittableRandom random = new SplittableRandom(2);
    for (int n = 0; n < 200; n++) {
      Extent extent = new Extent(1 + random.nextInt(150), 1 + random.nextInt(60), 2);
      Mask mask = RandomMasks.mask(random, 9 + n % 2, 1, extent);
      int row0 = random.nextInt(extent.seqlenQ());
      int rows = 1 + random.nextInt(extent.seqlenQ() - row0);
      int key0 = random.nextInt(extent.seqlenK());
      int keys = 1 + random.nextInt(extent.seqlenK() - key0);
      int words = Math.ceilDiv(rows, 64) + random.nextInt(2);
      long[] before = random.longs((long) keys * words).toArray();
      long[] after = before.clone();
      mask.bits()
          .getFirst()
          .clearMasked(0, 1, extent, new ElementBits.Tile(row0, rows, key0, keys, words), after);
      for (int j = 0; j < keys; j++) {
        for (int i = 0; i < words * 64; i++) {
          boolean was = (before[j * words + i / 64] >>> (i & 63) & 1) != 0;
          boolean is = (after[j * words + i / 64] >>> (i & 63) & 1) != 0;
          boolean allowed = i >= rows || mask.allows(0, 1, row0 + i, key0 + j, extent);
          if (is != (was && allowed)) {
            fail("%s, row %d, key %d: %s".formatted(mask, row0 + i, key0 + j, extent));
          }
        }
      }
    }
  }

  @Test
  void causalAlignmentsDifferWhereLengthsDo() {
    Extent extent = new Extent(2, 5, 1);
    assertThat(Mask.causal().allows(0, 0, 0, 3, extent)).isTrue();
    assertThat(Mask.causal().allows(0, 0, 0, 4, extent)).isFalse();
    assertThat(Mask.causal(Alignment.TOP_LEFT).allows(0, 0, 0, 1, extent)).isFalse();
    assertThat(Mask.causal(Alignment.TOP_LEFT).allows(0, 0, 1, 1, extent)).isTrue();
    Extent tall = new Extent(5, 2, 1);
    assertThat(Mask.causal().allows(0, 0, 2, 0, tall)).isFalse();
    assertThat(Mask.causal().allows(0, 0, 3, 0, tall)).isTrue();
  }

  @Test
  void windowsCountKeysBeforeAndAfter() {
    Extent extent = new Extent(10, 10, 1);
    Mask mask = Mask.window(2, 1);
    assertThat(mask.allows(0, 0, 5, 3, extent)).isTrue();
    assertThat(mask.allows(0, 0, 5, 2, extent)).isFalse();
    assertThat(mask.allows(0, 0, 5, 6, extent)).isTrue();
    assertThat(mask.allows(0, 0, 5, 7, extent)).isFalse();
    assertThat(Mask.window(WindowMask.OPEN, 0).allows(0, 0, 9, 0, extent)).isTrue();
    assertThat(
            new WindowMask(Integer.MAX_VALUE - 1, Integer.MIN_VALUE, Alignment.BOTTOM_RIGHT)
                .allows(0, 0, 9, 0, extent))
        .isFalse();
    checkLowering(
        new WindowMask(Integer.MAX_VALUE - 1, Integer.MIN_VALUE, Alignment.BOTTOM_RIGHT),
        0,
        0,
        extent);
    checkLowering(
        new WindowMask(Integer.MIN_VALUE, Integer.MAX_VALUE - 1, Alignment.BOTTOM_RIGHT),
        0,
        0,
        extent);
  }

  /**
   * Columns are clamped after a signed read: hostile numbers mask as much as the rows there are.
   */
  @Test
  void columnNumbersAreClamped() {
    Extent extent = new Extent(6, 2, 1);
    Tensor indices = Tensor.of(new int[] {Integer.MIN_VALUE, 2, 4, Integer.MAX_VALUE}, 1, 1, 2, 2);
    Mask mask = Mask.columns(indices, ColumnMask.Form.START_END);
    checkLowering(mask, 0, 0, extent);
    assertThat(mask.allows(0, 0, 1, 0, extent)).isFalse();
    assertThat(mask.allows(0, 0, 2, 0, extent)).isTrue();
    assertThat(mask.allows(0, 0, 3, 1, extent)).isTrue();
    assertThat(mask.allows(0, 0, 5, 1, extent)).isFalse();
  }

  @Test
  void andFlattensAndDropsFull() {
    Mask causal = Mask.causal();
    assertThat(Mask.full().and(causal)).isSameAs(causal);
    assertThat(causal.and(Mask.full())).isSameAs(causal);
    Mask three = causal.and(Mask.window(3, 3)).and(Mask.prefix(1).and(causal));
    assertThat(((AndMask) three).parts()).hasSize(4);
    assertThat(three.intervals()).isEqualTo(1 + 2 + 1 + 1);
  }

  @Test
  void partsThatDisagreeAreRefused() {
    assertThatThrownBy(() -> Mask.prefix(1, 2).and(Mask.prefix(1, 2, 3)))
        .isInstanceOf(RefusedException.class)
        .hasMessage("mask: expected parts of equal batch or 1, got [2, 3]");
    Mask two = Mask.dense(Tensor.zeros(DType.BOOL, 1, 2, 1, 1));
    Mask three = Mask.dense(Tensor.zeros(DType.BOOL, 1, 3, 1, 1));
    Mask four = Mask.dense(Tensor.zeros(DType.BOOL, 1, 4, 1, 1));
    assertThat(two.and(four).heads()).isEqualTo(4);
    Mask six = Mask.dense(Tensor.zeros(DType.BOOL, 1, 6, 1, 1));
    assertThat(new AndMask(List.of(two, three, six)).heads()).isEqualTo(6);
    assertThatThrownBy(() -> two.and(three)).isInstanceOf(RefusedException.class);
  }

  /** -1 is not an open end here, as it is elsewhere; rows without keys would be the answer. */
  @Test
  void windowsThatNobodySeesThroughAreRefused() {
    assertThatThrownBy(() -> Mask.window(-1, 0))
        .isInstanceOf(RefusedException.class)
        .hasMessageStartingWith("window: expected left + right >= 0, with WindowMask.OPEN")
        .hasMessageEndingWith("got left -1 and right 0");
    assertThat(Mask.window(-1, WindowMask.OPEN))
        .isEqualTo(new WindowMask(-1, WindowMask.OPEN, Alignment.BOTTOM_RIGHT));
    assertThat(Mask.window(3, -3).allows(0, 0, 5, 2, new Extent(9, 9, 1))).isTrue();
  }

  @Test
  void wrongMaskTensorsAreRefused() {
    Tensor floats = Tensor.zeros(DType.FLOAT32, 1, 1, 2, 2);
    assertThatThrownBy(() -> Mask.dense(floats))
        .hasMessage("mask: expected BOOL or INT8, got FLOAT32[1, 1, 2, 2]");
    assertThatThrownBy(() -> Mask.dense(Tensor.zeros(DType.BOOL, 2, 2)))
        .hasMessageContaining("expected (batch, heads, seqlenQ, seqlenK)");
    assertThatThrownBy(() -> Mask.blocks(floats, 1, 1)).hasMessageContaining("blocks: expected");
    Tensor blocks = Tensor.zeros(DType.INT32, 1, 1, 2, 2);
    assertThatThrownBy(() -> Mask.blocks(Tensor.zeros(DType.INT32, 2, 2), 1, 1))
        .hasMessageContaining("blocks: expected (batch, heads");
    assertThatThrownBy(() -> Mask.blocks(blocks, 0, 1))
        .hasMessage("blockM: expected at least 1, got 0");
    assertThatThrownBy(() -> Mask.blocks(blocks, 1, -1))
        .hasMessage("blockN: expected at least 1, got -1");
    assertThatThrownBy(() -> Mask.columns(floats, ColumnMask.Form.START_END))
        .hasMessageContaining("indices: expected INT32");
    assertThatThrownBy(() -> Mask.columns(blocks, ColumnMask.Form.START))
        .hasMessageContaining("indices: expected (batch, heads, seqlenK, 1) for START");
    assertThatThrownBy(() -> Mask.prefix()).hasMessageContaining("prefix: expected");
    assertThatThrownBy(() -> Mask.prefix(-1)).hasMessageContaining("prefix: expected");
    assertThatThrownBy(() -> Mask.documents(3, -1)).hasMessageContaining("documents: expected");
    assertThatThrownBy(() -> Mask.documents(Integer.MAX_VALUE, 1))
        .hasMessageContaining("documents: expected a total below 2^31");
    assertThatThrownBy(() -> new DocumentMask(new int[1], new int[2]))
        .hasMessageContaining("documents: expected as many lengths");
  }

  @Test
  void everySequencesOwnMaskIsLoweredToItsTruth() {
    SplittableRandom random = new SplittableRandom(3);
    for (int n = 0; n < 80; n++) {
      Extent extent = extent(random);
      Mask[] parts = new Mask[1 + random.nextInt(4)];
      for (int b = 0; b < parts.length; b++) {
        parts[b] = RandomMasks.mask(random, random.nextInt(RandomMasks.KINDS), 1, extent);
      }
      Mask mask = Mask.perSequence(Arrays.asList(parts));
      Mask narrowed = mask.and(Mask.causal());
      for (int b = 0; b < parts.length; b++) {
        checkLowering(mask, b, extent.heads() - 1, extent);
        checkLowering(narrowed, b, 0, extent);
        for (int at = 0; extent.seqlenQ() * extent.seqlenK() > 0 && at < 20; at++) {
          int i = random.nextInt(extent.seqlenQ());
          int j = random.nextInt(extent.seqlenK());
          assertThat(mask.allows(b, 0, i, j, extent))
              .isEqualTo(parts[b].allows(0, 0, i, j, extent));
        }
      }
    }
  }

  /** Like a dense or column mask of one batch entry. */
  @Test
  void oneMaskServesEverySequence() {
    Extent extent = new Extent(3, 5, 1);
    Tensor bits = Tensor.of(new byte[] {1, 0, 1, 1, 0}, DType.BOOL, 1, 1, 1, 5);
    for (Mask one : new Mask[] {Mask.causal(), Mask.dense(bits)}) {
      Mask mask = Mask.perSequence(List.of(one));
      assertThat(mask.batches()).isEqualTo(1);
      checkLowering(mask, 7, 0, extent);
      assertThat(mask.allows(7, 0, 0, 4, extent)).isFalse();
      assertThat(mask.allows(7, 0, 0, 2, extent)).isTrue();
      mask.check(7, extent, extent);
    }
  }

  /** Many sequences must not cost each of their tiles a look at the masks of all. */
  @Test
  void aTileLooksAtTheMaskOfItsOwnSequenceOnly() {
    Tensor bits = Tensor.zeros(DType.BOOL, 1, 1, 3, 5);
    List<Mask> parts = Collections.nCopies(1000, Mask.dense(bits));
    Mask mask = Mask.perSequence(parts);
    assertThat(mask.bits()).hasSize(1);
    assertThat(mask).isEqualTo(Mask.perSequence(parts)).isNotEqualTo(Mask.dense(bits));
    assertThat(mask).hasSameHashCodeAs(Mask.perSequence(parts));
    assertThat(Mask.perSequence(List.of(Mask.full(), Mask.causal())).bits()).isEmpty();
  }

  @Test
  void masksOfSequencesThatDisagreeAreRefused() {
    assertThatThrownBy(() -> Mask.perSequence(List.of()))
        .isInstanceOf(RefusedException.class)
        .hasMessage("mask: expected one mask per sequence, got none");
    assertThatThrownBy(() -> Mask.perSequence(List.of(Mask.full(), Mask.prefix(1, 2))))
        .hasMessage("mask: expected parts for one sequence each, got one for 2");
    Mask two = Mask.dense(Tensor.zeros(DType.BOOL, 1, 2, 1, 1));
    Mask three = Mask.dense(Tensor.zeros(DType.BOOL, 1, 3, 1, 1));
    assertThatThrownBy(() -> Mask.perSequence(List.of(two, three)))
        .hasMessage("mask: expected parts whose heads divide 3, got one of 2");
    assertThat(Mask.perSequence(List.of(two, Mask.full())).heads()).isEqualTo(2);
    Mask mask = Mask.perSequence(List.of(Mask.full(), Mask.causal()));
    assertThatThrownBy(() ->
            Attention.plan(
                AttentionSpec.builder().padded(3, 2, 2).heads(1, 1).dims(1, 1).mask(mask).build()))
        .hasMessage("mask: expected 1 or 3 sequences, got a mask of 2");
    Tensor small = Tensor.zeros(DType.BOOL, 1, 1, 2, 2);
    Extent extent = new Extent(3, 3, 1);
    Mask own = Mask.perSequence(List.of(Mask.full(), Mask.dense(small)));
    own.check(0, extent, extent);
    assertThatThrownBy(() -> own.check(1, extent, extent)).isInstanceOf(RefusedException.class);
  }
}
