package io.github.attn4j.testkit;

import io.github.attn4j.Alignment;
import io.github.attn4j.BlockMask;
import io.github.attn4j.CausalMask;
import io.github.attn4j.ColumnMask;
import io.github.attn4j.DType;
import io.github.attn4j.DenseMask;
import io.github.attn4j.DocumentMask;
import io.github.attn4j.Mask;
import io.github.attn4j.PrefixMask;
import io.github.attn4j.Tensor;
import io.github.attn4j.WindowMask;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;

/** Every kind of mask, with a generator of random ones that fit a case. */
public enum MaskKind {
  /** The last query beside the last key. */
  CAUSAL,
  /** The first query beside the first key. */
  CAUSAL_TOP_LEFT,
  /** A band, perhaps open at an end, perhaps off the diagonal. */
  WINDOW,
  /** Causal with visible first keys. */
  PREFIX,
  /** Packed documents, perhaps with padding behind them. */
  DOCUMENTS,
  /** FlashMask, one start. */
  START,
  /** FlashMask, one interval. */
  START_END,
  /** FlashMask, a start and an end of two intervals. */
  LOWER_UPPER,
  /** FlashMask, two intervals in any order. */
  TWO_INTERVALS,
  /** Element by element. */
  DENSE,
  /** By blocks. */
  BLOCKS,
  /** Another mask for every sequence. */
  PER_SEQUENCE;

  Mask make(Draw draw, AttentionCase c) {
    Alignment alignment = draw.pick(List.of(Alignment.values()));
    return switch (this) {
      case CAUSAL -> new CausalMask(Alignment.BOTTOM_RIGHT);
      case CAUSAL_TOP_LEFT -> new CausalMask(Alignment.TOP_LEFT);
      case WINDOW -> new WindowMask(end(draw, c), end(draw, c), alignment);
      case PREFIX -> prefix(draw, c, alignment);
      case DOCUMENTS -> documents(draw, c);
      case START -> columns(draw, c, ColumnMask.Form.START);
      case START_END -> columns(draw, c, ColumnMask.Form.START_END);
      case LOWER_UPPER -> columns(draw, c, ColumnMask.Form.LOWER_START_UPPER_END);
      case TWO_INTERVALS -> columns(draw, c, ColumnMask.Form.TWO_INTERVALS);
      case DENSE -> dense(draw, c);
      case BLOCKS -> blocks(draw, c);
      case PER_SEQUENCE -> perSequence(draw, c);
    };
  }

  private static int end(Draw draw, AttentionCase c) {
    return draw.chance(0.2) ? WindowMask.OPEN : draw.between(-3, Math.max(4, c.extentK / 2));
  }

  private static Mask prefix(Draw draw, AttentionCase c, Alignment alignment) {
    int[] lengths = new int[c.maskPerBatch ? c.batch() : 1];
    for (int b = 0; b < lengths.length; b++) {
      lengths[b] = draw.between(0, c.lengthsK[b] + 2);
    }
    return new PrefixMask(lengths, alignment);
  }

  private static Mask documents(Draw draw, AttentionCase c) {
    int documents = draw.between(0, 6);
    int[] lengthsQ = new int[documents];
    int[] lengthsK = new int[documents];
    int restQ = c.shortestQ();
    int restK = c.shortestK();
    for (int d = 0; d < documents; d++) {
      boolean last = d == documents - 1 && draw.chance(0.7);
      lengthsQ[d] = last ? restQ : draw.between(0, restQ / 2);
      lengthsK[d] = last ? restK : draw.between(0, restK / 2);
      restQ -= lengthsQ[d];
      restK -= lengthsK[d];
    }
    return new DocumentMask(lengthsQ, lengthsK);
  }

  private static Mask perSequence(Draw draw, AttentionCase c) {
    List<MaskKind> kinds = List.copyOf(EnumSet.complementOf(EnumSet.of(PER_SEQUENCE)));
    List<Mask> parts = new ArrayList<>();
    for (int b = 0; b < c.batch(); b++) {
      AttentionCase one = c.copy();
      one.lengthsQ = new int[] {c.lengthsQ[b]};
      one.lengthsK = new int[] {c.lengthsK[b]};
      one.maskPerBatch = false;
      one.maskHeads = draw.chance(0.5) ? 1 : c.maskHeads;
      parts.add(draw.pick(kinds).make(draw, one));
    }
    return Mask.perSequence(parts);
  }

  private static long batches(AttentionCase c) {
    return c.maskPerBatch ? c.batch() : 1;
  }

  /** Stretches of equal columns, so that EMPTY and FULL tiles occur too. */
  private static Mask columns(Draw draw, AttentionCase c, ColumnMask.Form form) {
    int seqlenQ = c.widestQ();
    int seqlenK = c.widestK();
    Tensor indices =
        Storage.allocate(
                draw, c.strided, DType.INT32, batches(c), c.maskHeads, seqlenK, form.columns())
            .view();
    int longest = draw.pick(1, 20, 200);
    int[] values = new int[form.columns()];
    for (long b = 0; b < batches(c); b++) {
      for (long h = 0; h < c.maskHeads; h++) {
        int stop = 0;
        for (int j = 0; j < seqlenK; j++) {
          if (j == stop) {
            stop += draw.between(1, longest);
            for (int n = 0; n < values.length; n++) {
              values[n] = draw.between(-2, seqlenQ + 2);
            }
          }
          for (int n = 0; n < values.length; n++) {
            indices.set(values[n], b, h, j, n);
          }
        }
      }
    }
    return new ColumnMask(indices, form);
  }

  private static Mask dense(Draw draw, AttentionCase c) {
    DType dtype = draw.pick(List.of(DType.BOOL, DType.INT8));
    long rows = draw.chance(0.15) ? 1 : c.widestQ();
    long keys = draw.chance(0.15) ? 1 : c.widestK();
    Tensor bits =
        Storage.allocate(draw, c.strided, dtype, batches(c), c.maskHeads, rows, keys).view();
    randomBits(draw, bits, draw.pick(List.of(0.05, 0.5, 0.95)));
    return new DenseMask(bits, draw.chance(0.5));
  }

  private static Mask blocks(Draw draw, AttentionCase c) {
    DType dtype = draw.pick(List.of(DType.INT32, DType.INT8, DType.BOOL));
    int blockM = draw.pick(1, 3, 8, 16, 40, 64, 128);
    int blockN = draw.pick(1, 5, 8, 16, 48, 64, 128);
    long rows = Math.ceilDiv(c.widestQ(), blockM);
    long columns = Math.ceilDiv(c.widestK(), blockN);
    Tensor bits =
        Storage.allocate(draw, c.strided, dtype, batches(c), c.maskHeads, rows, columns).view();
    randomBits(draw, bits, 0.6);
    return new BlockMask(bits, blockM, blockN);
  }

  static void randomBits(Draw draw, Tensor bits, double density) {
    for (long b = 0; b < bits.dim(0); b++) {
      for (long h = 0; h < bits.dim(1); h++) {
        for (long i = 0; i < bits.dim(2); i++) {
          for (long j = 0; j < bits.dim(3); j++) {
            bits.set(draw.chance(density) ? 1 : 0, b, h, i, j);
          }
        }
      }
    }
  }
}
