package io.github.attn4j;

import io.github.attn4j.spi.ElementBits;
import java.util.ArrayList;
import java.util.List;

/**
 * Which keys each query may see, as a value.
 *
 * <p>Every mask has a slow truth, {@link #allows}, and a fast lowering: for each key column the
 * query rows that may <em>not</em> see it, as a few half-open intervals ({@link #intervals}, {@link
 * #lower}); what has no such form rides along as bits ({@link #bits}). The two are tested against
 * each other. Masks compose by {@link #and}: visible is what every part allows.
 */
public sealed interface Mask
    permits FullMask,
        CausalMask,
        WindowMask,
        PrefixMask,
        DocumentMask,
        ColumnMask,
        DenseMask,
        BlockMask,
        SequenceMask,
        AndMask {

  /**
   * Whether query {@code i} may see key {@code j}.
   *
   * @param b the sequence
   * @param h the query head
   * @param i the query row within the sequence
   * @param j the key row within the sequence
   * @param extent the sizes of the sequence
   * @return true if the score takes part in the softmax
   */
  boolean allows(int b, int h, int i, int j, Extent extent);

  /**
   * How many intervals {@link #lower} writes per key column.
   *
   * @return zero for masks that have none: those that mask nothing, or by bits only
   */
  default int intervals() {
    return 0;
  }

  /**
   * Writes, for every key column {@code j}, the rows that may not see it: interval {@code n} of
   * column {@code j} is {@code [starts[n0 + n][j], ends[n0 + n][j])}. Values are clamped to {@code
   * [0, seqlenQ]}; an interval with start {@code >=} end masks nothing. Intervals may overlap and
   * come in any order.
   *
   * @param b the sequence
   * @param h the query head
   * @param extent the sizes of the sequence
   * @param n0 the first of the interval slots to fill
   * @param starts one array of seqlenK entries per interval slot
   * @param ends one array of seqlenK entries per interval slot
   */
  default void lower(int b, int h, Extent extent, int n0, int[][] starts, int[][] ends) {}

  /**
   * The parts that have no interval form.
   *
   * @return one reader of bits per such part; empty for most masks
   */
  default List<ElementBits> bits() {
    return List.of();
  }

  /**
   * How many sequences the mask tells apart.
   *
   * @return 1 if every sequence has the same mask, else the batch size it was made for
   */
  default int batches() {
    return 1;
  }

  /**
   * How many heads the mask tells apart; query head {@code h} of {@code heads} uses mask head
   * {@code h / (heads / maskHeads)}.
   *
   * @return 1 if every head has the same mask
   */
  default int heads() {
    return 1;
  }

  /**
   * Refuses sequences this mask was not made for.
   *
   * <p>A mask of numbers per row or key must reach to the end of each sequence; it may be as large
   * as the widest, so that a mask of the tensors' shape serves padded sequences of any lengths.
   *
   * @param b the sequence
   * @param extent the sizes of that sequence
   * @param widest the sizes of the tensors, or of the longest sequence when ragged
   * @throws RefusedException naming {@code mask}, what was expected and what came
   */
  default void check(int b, Extent extent, Extent widest) {}

  /**
   * Both masks at once.
   *
   * @param other another mask
   * @return a mask that allows what both allow
   */
  default Mask and(Mask other) {
    if (this instanceof FullMask) {
      return other;
    }
    if (other instanceof FullMask) {
      return this;
    }
    List<Mask> parts = new ArrayList<>();
    for (Mask mask : List.of(this, other)) {
      if (mask instanceof AndMask(List<Mask> inner)) {
        parts.addAll(inner);
      } else {
        parts.add(mask);
      }
    }
    return new AndMask(parts);
  }

  /**
   * Every query sees every key.
   *
   * @return the mask that masks nothing
   */
  static Mask full() {
    return new FullMask();
  }

  /**
   * Keys up to the query's own place, the ends aligned (bottom-right): the last query sees every
   * key. Where query and key have as many rows, that is {@code j <= i}.
   *
   * @return a causal mask
   */
  static Mask causal() {
    return new CausalMask(Alignment.BOTTOM_RIGHT);
  }

  /**
   * Keys up to the query's own place.
   *
   * @param alignment where the diagonal lies when query and key differ in length
   * @return a causal mask
   */
  static Mask causal(Alignment alignment) {
    return new CausalMask(alignment);
  }

  /**
   * Keys from {@code left} before the query's place to {@code right} after it, the ends aligned
   * (bottom-right). {@code window(3, 0)} is a causal window of four keys, the query's own among
   * them.
   *
   * @param left keys before, or {@link WindowMask#OPEN}; -1 is not open, it leaves out the query's
   *     own place
   * @param right keys after, or {@link WindowMask#OPEN}; may be negative
   * @return a window mask
   * @throws RefusedException if nobody would see anything
   */
  static Mask window(int left, int right) {
    if ((long) left + right < 0) {
      throw RefusedException.value(
          "window",
          "expected left + right >= 0, with WindowMask.OPEN for an end without a bound, got left %d and right %d"
              .formatted(left, right));
    }
    return new WindowMask(left, right, Alignment.BOTTOM_RIGHT);
  }

  /**
   * A causal mask (bottom-right) under which the first keys are visible to every query.
   *
   * @param lengths visible keys per sequence, or one number for all
   * @return a prefix mask
   */
  static Mask prefix(int... lengths) {
    return new PrefixMask(lengths, Alignment.BOTTOM_RIGHT);
  }

  /**
   * A mask of its own for every sequence.
   *
   * @param masks one per sequence, or one for all; each made for a single sequence
   * @return a mask that hands every sequence to its own
   */
  static Mask perSequence(List<Mask> masks) {
    return new SequenceMask(masks);
  }

  /**
   * Packed documents: a query sees the keys of its own document, in both directions. Add {@link
   * #causal} by {@link #and}. Rows behind the last document see nothing and are seen by nobody.
   *
   * @param lengths the documents' lengths, the same for query and key
   * @return a document mask
   */
  static Mask documents(int... lengths) {
    return new DocumentMask(lengths, lengths);
  }

  /**
   * FlashMask: per key column the rows that may not see it.
   *
   * @param indices int32 (batch or 1, mask heads, seqlenK, form.columns()), values are absolute
   *     query rows
   * @param form what the last dimension means
   * @return a column mask
   */
  static Mask columns(Tensor indices, ColumnMask.Form form) {
    return new ColumnMask(indices, form);
  }

  /**
   * A mask element by element.
   *
   * @param visible bool or int8 (batch or 1, mask heads, seqlenQ or 1, seqlenK or 1); an element
   *     other than zero is visible
   * @return a dense mask
   */
  static Mask dense(Tensor visible) {
    return new DenseMask(visible, true);
  }

  /**
   * A mask by blocks, counted from the top-left corner; the last ones may be ragged.
   *
   * @param visible int32, int8 or bool (batch or 1, mask heads, ceil(seqlenQ / blockM),
   *     ceil(seqlenK / blockN)); an element other than zero keeps its block
   * @param blockM query rows of a block
   * @param blockN key rows of a block
   * @return a block mask
   */
  static Mask blocks(Tensor visible, int blockM, int blockN) {
    return new BlockMask(visible, blockM, blockN);
  }
}
