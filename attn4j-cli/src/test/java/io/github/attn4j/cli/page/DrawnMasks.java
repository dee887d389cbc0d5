package io.github.attn4j.cli.page;

import io.github.attn4j.Alignment;
import io.github.attn4j.BlockMask;
import io.github.attn4j.ColumnMask;
import io.github.attn4j.DType;
import io.github.attn4j.DenseMask;
import io.github.attn4j.DocumentMask;
import io.github.attn4j.Extent;
import io.github.attn4j.Mask;
import io.github.attn4j.PrefixMask;
import io.github.attn4j.Tensor;
import io.github.attn4j.WindowMask;
import java.util.List;
import java.util.SplittableRandom;

/** Random masks of every kind for one sequence, alone, composed, and one of several sequences. */
final class DrawnMasks {
  static final int KINDS = 12;

  private static final List<ColumnMask.Form> FORMS = List.of(ColumnMask.Form.values());

  private DrawnMasks() {}

  static Mask draw(SplittableRandom random, int kind, Extent extent) {
    Alignment alignment = random.nextBoolean() ? Alignment.TOP_LEFT : Alignment.BOTTOM_RIGHT;
    return switch (kind) {
      case 0 -> Mask.causal(alignment);
      case 1 -> new WindowMask(end(random, extent), end(random, extent), alignment);
      case 2 -> new PrefixMask(new int[] {random.nextInt(extent.seqlenK() + 2)}, alignment);
      case 3 ->
          new DocumentMask(lengths(random, extent.seqlenQ()), lengths(random, extent.seqlenK()));
      case 4, 5, 6, 7 -> columns(random, FORMS.get(kind - 4), extent);
      case 8 ->
          new DenseMask(bits(random, extent.seqlenQ(), extent.seqlenK()), random.nextBoolean());
      case 9 -> {
        int m = 1 + random.nextInt(5);
        int n = 1 + random.nextInt(5);
        yield new BlockMask(
            bits(random, Math.ceilDiv(extent.seqlenQ(), m), Math.ceilDiv(extent.seqlenK(), n)),
            m,
            n);
      }
      case 10 ->
          draw(random, random.nextInt(10), extent)
              .and(draw(random, random.nextInt(10), extent))
              .and(draw(random, random.nextInt(10), extent));
      default ->
          Mask.perSequence(
              List.of(
                  draw(random, random.nextInt(10), extent),
                  draw(random, random.nextInt(10), extent)));
    };
  }

  private static int end(SplittableRandom random, Extent extent) {
    return random.nextInt(5) == 0 ? WindowMask.OPEN : random.nextInt(-3, extent.seqlenK() + 1);
  }

  /** Four documents, some of them perhaps empty, perhaps with padding behind them. */
  private static int[] lengths(SplittableRandom random, int rows) {
    int[] lengths = new int[4];
    int rest = rows;
    for (int d = 0; d < lengths.length; d++) {
      lengths[d] = random.nextInt(rest / 2 + 2) % (rest + 1);
      rest -= lengths[d];
    }
    return lengths;
  }

  private static Mask columns(SplittableRandom random, ColumnMask.Form form, Extent extent) {
    int[] rows =
        random.ints((long) extent.seqlenK() * form.columns(), -2, extent.seqlenQ() + 3).toArray();
    return Mask.columns(Tensor.of(rows, 1, 1, extent.seqlenK(), form.columns()), form);
  }

  private static Tensor bits(SplittableRandom random, int rows, int columns) {
    byte[] bits = new byte[rows * columns];
    int of = 1 + random.nextInt(9);
    for (int n = 0; n < bits.length; n++) {
      bits[n] = (byte) (random.nextInt(of) == 0 ? 1 : 0);
    }
    return Tensor.of(bits, DType.INT8, 1, 1, rows, columns);
  }
}
