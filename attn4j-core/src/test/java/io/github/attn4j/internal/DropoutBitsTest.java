package io.github.attn4j.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.attn4j.Attention;
import io.github.attn4j.AttentionPlan;
import io.github.attn4j.AttentionSpec;
import io.github.attn4j.DType;
import io.github.attn4j.Dropout;
import io.github.attn4j.Extent;
import io.github.attn4j.Layout;
import io.github.attn4j.Mask;
import io.github.attn4j.RefusedException;
import io.github.attn4j.ScoreOptions;
import io.github.attn4j.Sequences;
import io.github.attn4j.Tensor;
import io.github.attn4j.spi.DropoutBits;
import io.github.attn4j.spi.ElementBits;
import io.github.attn4j.spi.Problem;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/**
 * Dropout bits: the same whichever way they are asked for, and in the documented order when packed.
 */
final class DropoutBitsTest {
  private static final Sequences SEQUENCES =
      Sequences.ragged(new long[] {0, 37, 37, 107}, new long[] {0, 41, 50, 63});

  private static Problem problem() {
    return new Problem(
        SEQUENCES,
        3,
        1,
        4,
        4,
        DType.FLOAT32,
        DType.FLOAT32,
        ScoreOptions.standard(4),
        Mask.full(),
        0);
  }

  private static AttentionPlan plan() {
    return Attention.plan(
        AttentionSpec.builder()
            .layout(Layout.TND)
            .sequences(SEQUENCES)
            .heads(3, 1)
            .dims(4, 4)
            .backend("reference")
            .build());
  }

  /** clearMasked on any part says what keeps says element by element. */
  @Test
  void partsAgreeWithSingleElements() {
    SplittableRandom random = new SplittableRandom(4);
    Dropout generated = Dropout.of(0.4, random.nextLong(), random.nextLong());
    Dropout packed = Dropout.masked(0.4, plan().dropoutMask(generated));
    for (DropoutBits bits :
        new DropoutBits[] {new PhiloxDropout(generated, 3), new PackedDropout(packed, problem())}) {
      for (int n = 0; n < 60; n++) {
        int b = n % 2 == 0 ? 0 : 2;
        int h = random.nextInt(3);
        Extent extent = problem().extent(b);
        int row0 = random.nextInt(extent.seqlenQ());
        int rows = 1 + random.nextInt(extent.seqlenQ() - row0);
        int key0 = random.nextInt(extent.seqlenK());
        int keys = 1 + random.nextInt(extent.seqlenK() - key0);
        int words = Math.ceilDiv(rows, 64) + random.nextInt(2);
        long[] visible = new long[keys * words];
        Arrays.fill(visible, -1);
        bits.clearMasked(
            b, h, extent, new ElementBits.Tile(row0, rows, key0, keys, words), visible);
        for (int j = 0; j < keys; j++) {
          for (int i = 0; i < words * 64; i++) {
            boolean kept = (visible[j * words + i / 64] >>> (i & 63) & 1) != 0;
            boolean expected = i >= rows || bits.keeps(b, h, row0 + i, key0 + j, extent);
            assertThat(kept).isEqualTo(expected);
          }
        }
      }
    }
  }

  /** Packed bits count elements row-major over (sequence, head, query, key). */
  @Test
  void exportFollowsTheDocumentedOrder() {
    Dropout dropout = Dropout.of(0.5, 12, 34);
    Tensor packed = plan().dropoutMask(dropout);
    PhiloxDropout philox = new PhiloxDropout(dropout, 3);
    long e = 0;
    for (int b = 0; b < 3; b++) {
      Extent extent = problem().extent(b);
      for (int h = 0; h < 3; h++) {
        for (int i = 0; i < extent.seqlenQ(); i++) {
          for (int j = 0; j < extent.seqlenK(); j++, e++) {
            boolean bit = ((int) packed.get(e >> 3) >> (e & 7) & 1) != 0;
            assertThat(bit).isEqualTo(philox.keeps(b, h, i, j, extent));
          }
        }
      }
    }
    assertThat(packed.elements()).isEqualTo(Math.ceilDiv(e, 8L));
    assertThat(plan().dropoutMask(Dropout.masked(0.5, packed)).toFloatArray())
        .containsExactly(packed.toFloatArray());
  }

  @Test
  void keptProbabilitiesAreScaled() {
    assertThat(new PhiloxDropout(Dropout.of(0.75, 1, 1), 1).keptFactor()).isEqualTo(4);
  }

  @Test
  void probabilitiesAndBitsThatMakeNoSenseAreRefused() {
    for (double p : new double[] {-0.1, 1, Double.NaN, Double.POSITIVE_INFINITY}) {
      assertThatThrownBy(() -> Dropout.of(p, 0, 0))
          .isInstanceOf(RefusedException.class)
          .hasMessage("dropout: expected 0 <= p < 1, got " + p);
    }
    assertThatThrownBy(() -> Dropout.masked(0.5, Tensor.zeros(DType.INT32, 4)))
        .hasMessage("keep: expected INT8 or BOOL, got INT32[4]");
    Tensor gaps = Tensor.zeros(DType.INT8, 8, 2).transpose(0, 1);
    assertThatThrownBy(() -> Dropout.masked(0.5, gaps))
        .hasMessageContaining("keep: expected contiguous bytes");
    Dropout few = Dropout.masked(0.5, Tensor.zeros(DType.INT8, 3));
    assertThatThrownBy(() -> new PackedDropout(few, problem()))
        .hasMessageContaining("keep: expected at least")
        .hasMessageContaining("INT8[3]");
  }
}
