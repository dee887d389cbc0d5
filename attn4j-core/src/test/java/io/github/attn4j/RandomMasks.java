package io.github.attn4j;

import java.util.List;
import java.util.SplittableRandom;

/** Random masks of every kind for a given extent. */
public final class RandomMasks {
  /** How many kinds {@link #mask} knows. */
  public static final int KINDS = 11;

  private static final List<ColumnMask.Form> FORMS = List.of(ColumnMask.Form.values());

  private RandomMasks() {}

  /** A mask of one kind; with several sequences and heads where the kind can have them. */
  public static Mask mask(SplittableRandom random, int kind, int batches, Extent extent) {
    Alignment alignment = random.nextBoolean() ? Alignment.TOP_LEFT : Alignment.BOTTOM_RIGHT;
    return switch (kind) {
      case 0 -> Mask.full();
      case 1 -> Mask.causal(alignment);
      case 2 -> new WindowMask(end(random, extent), end(random, extent), alignment);
      case 3 -> new PrefixMask(prefixes(random, batches, extent), alignment);
      case 4 -> documents(random, extent);
      case 5, 6, 7, 8 -> columns(random, FORMS.get(kind - 5), batches, extent);
      case 9 -> dense(random, batches, extent);
      default -> blocks(random, batches, extent);
    };
  }

  private static int end(SplittableRandom random, Extent extent) {
    return random.nextInt(5) == 0
        ? WindowMask.OPEN
        : random.nextInt(-4, Math.max(2, extent.seqlenK()));
  }

  private static int[] prefixes(SplittableRandom random, int batches, Extent extent) {
    return random.ints(batches, 0, extent.seqlenK() + 3).toArray();
  }

  private static Mask documents(SplittableRandom random, Extent extent) {
    int[] q = new int[random.nextInt(6)];
    int[] k = new int[q.length];
    int restQ = extent.seqlenQ();
    int restK = extent.seqlenK();
    for (int d = 0; d < q.length; d++) {
      q[d] = random.nextInt(restQ + 1);
      k[d] = random.nextInt(restK + 1);
      restQ -= q[d];
      restK -= k[d];
    }
    return new DocumentMask(q, k);
  }

  private static int maskHeads(SplittableRandom random, Extent extent) {
    return random.nextBoolean() ? 1 : extent.heads();
  }

  private static Mask columns(
      SplittableRandom random, ColumnMask.Form form, int batches, Extent extent) {
    Tensor indices =
        Tensor.zeros(
            DType.INT32, batches, maskHeads(random, extent), extent.seqlenK(), form.columns());
    int longest = 1 + random.nextInt(12);
    for (long b = 0; b < indices.dim(0); b++) {
      for (long h = 0; h < indices.dim(1); h++) {
        int[] values = new int[form.columns()];
        int stop = 0;
        for (int j = 0; j < extent.seqlenK(); j++) {
          if (j == stop) {
            stop += 1 + random.nextInt(longest);
            values = random.ints(form.columns(), -3, extent.seqlenQ() + 4).toArray();
          }
          for (int n = 0; n < values.length; n++) {
            indices.set(values[n], b, h, j, n);
          }
        }
      }
    }
    return new ColumnMask(indices, form);
  }

  private static Mask dense(SplittableRandom random, int batches, Extent extent) {
    Tensor bits =
        Tensor.zeros(
            random.nextBoolean() ? DType.BOOL : DType.INT8,
            batches,
            maskHeads(random, extent),
            random.nextInt(4) == 0 ? 1 : extent.seqlenQ(),
            random.nextInt(4) == 0 ? 1 : extent.seqlenK());
    fill(random, bits, new double[] {0.02, 0.5, 0.98}[random.nextInt(3)]);
    return new DenseMask(bits, random.nextBoolean());
  }

  private static Mask blocks(SplittableRandom random, int batches, Extent extent) {
    int blockM = 1 + random.nextInt(9);
    int blockN = 1 + random.nextInt(9);
    Tensor bits =
        Tensor.zeros(
            random.nextBoolean() ? DType.INT32 : DType.BOOL,
            batches,
            maskHeads(random, extent),
            Math.ceilDiv(extent.seqlenQ(), blockM),
            Math.ceilDiv(extent.seqlenK(), blockN));
    fill(random, bits, 0.6);
    return new BlockMask(bits, blockM, blockN);
  }

  private static void fill(SplittableRandom random, Tensor bits, double density) {
    for (long b = 0; b < bits.dim(0); b++) {
      for (long h = 0; h < bits.dim(1); h++) {
        for (long i = 0; i < bits.dim(2); i++) {
          for (long j = 0; j < bits.dim(3); j++) {
            bits.set(random.nextDouble() < density ? 1 : 0, b, h, i, j);
          }
        }
      }
    }
  }
}
