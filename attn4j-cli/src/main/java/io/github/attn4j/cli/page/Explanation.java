package io.github.attn4j.cli.page;

import io.github.attn4j.Alignment;
import io.github.attn4j.AndMask;
import io.github.attn4j.BlockMask;
import io.github.attn4j.CausalMask;
import io.github.attn4j.ColumnMask;
import io.github.attn4j.DenseMask;
import io.github.attn4j.DocumentMask;
import io.github.attn4j.Extent;
import io.github.attn4j.FullMask;
import io.github.attn4j.Mask;
import io.github.attn4j.PrefixMask;
import io.github.attn4j.SequenceMask;
import io.github.attn4j.WindowMask;
import io.github.attn4j.spi.ElementBits;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Why a query may not see a key: for every part of a mask that forbids it one sentence. An element
 * is visible if nothing forbids it.
 */
final class Explanation {
  /** What one word of bits can hold; no call has so many parts. */
  private static final int MOST = Long.SIZE;

  private final int b;
  private final int h;
  private final Extent extent;
  private final Sentences sentences = new Sentences();
  private final List<Rows> rows = new ArrayList<>();
  private final List<Bits> bits = new ArrayList<>();
  private final List<Integer> context = new ArrayList<>();

  /** For each key the rows that one sentence forbids: {@code [starts[j], ends[j])}. */
  private record Rows(int[] starts, int[] ends, int sentence) {}

  /** Elements that one sentence forbids, by their bits. */
  private record Bits(ElementBits reader, int sentence) {}

  private Explanation(int b, int h, Extent extent) {
    this.b = b;
    this.h = h;
    this.extent = extent;
  }

  /**
   * Explains a mask.
   *
   * @param mask which keys each query may see
   * @param b the sequence
   * @param h the query head
   * @param extent the sizes of the sequence
   */
  static Explanation of(Mask mask, int b, int h, Extent extent) {
    Explanation explanation = new Explanation(b, h, extent);
    explanation.add(mask);
    if (explanation.sentences.count() > MOST) {
      throw new IllegalArgumentException("expected a mask of few parts, got " + mask);
    }
    return explanation;
  }

  /**
   * Adds in which documents query and key lie, for masks that are made from documents but do not
   * know it any more.
   */
  void tellDocuments(int[] lengths) {
    int[] ends = lengths.clone();
    Arrays.parallelPrefix(ends, Integer::sum);
    Places query = Places.of(ends, extent.seqlenQ());
    Places key = Places.of(ends, extent.seqlenK());
    boolean padded =
        Math.min(query.total, key.total) < Math.max(extent.seqlenQ(), extent.seqlenK());
    context.add(
        sentences.add(
            "Query {i} lies in document %s, key {j} in document %s%s."
                .formatted(
                    sentences.row("document", query.number),
                    sentences.key("document", key.number),
                    padded ? " (0 is the padding behind them)" : "")));
  }

  private void add(Mask mask) {
    switch (mask) {
      case FullMask _ -> {}
      case AndMask(List<Mask> parts) -> parts.forEach(this::add);
      case SequenceMask each -> add(each.parts().get(each.parts().size() == 1 ? 0 : b));
      case CausalMask(Alignment alignment) ->
          add(mask, "causal: key {j} comes after " + place(alignment) + ".");
      case WindowMask window -> addWindow(window);
      case PrefixMask prefix ->
          add(
              mask,
              "prefix: key {j} comes after %s and is not among the first %d keys, which all see."
                  .formatted(place(prefix.alignment()), prefix.length(b)));
      case DocumentMask documents -> addDocuments(documents);
      case ColumnMask columns -> addColumns(columns);
      case DenseMask dense ->
          bits.add(
              new Bits(dense, sentences.add("dense mask: its element ({i}, {j}) forbids it.")));
      case BlockMask blocks -> addBlocks(blocks);
    }
  }

  /** The query's own place among the keys, in words. */
  private String place(Alignment alignment) {
    int offset = alignment.offset(extent);
    if (offset == 0) {
      return "the query's own place, {i}";
    }
    int[] places = new int[extent.seqlenQ()];
    Arrays.setAll(places, i -> i + offset);
    return "the query's own place, %s ({i} %s %d, the ends aligned)"
        .formatted(sentences.row("place", places), offset < 0 ? "−" : "+", Math.abs(offset));
  }

  /** A mask whose interval slots have one sentence each. */
  private void add(Mask mask, String... templates) {
    int[][][] slots = lowered(mask);
    for (int slot = 0; slot < templates.length; slot++) {
      rows.add(new Rows(slots[0][slot], slots[1][slot], sentences.add(templates[slot])));
    }
  }

  private int[][][] lowered(Mask mask) {
    int[][] starts = new int[mask.intervals()][extent.seqlenK()];
    int[][] ends = new int[mask.intervals()][extent.seqlenK()];
    mask.lower(b, h, extent, 0, starts, ends);
    return new int[][][] {starts, ends};
  }

  private void addWindow(WindowMask window) {
    String place = place(window.alignment());
    add(
        window,
        "window: key {j} lies more than %d before %s.".formatted(window.left(), place),
        "window: key {j} lies more than %d behind %s.".formatted(window.right(), place));
  }

  private void addDocuments(DocumentMask mask) {
    int seqlenQ = extent.seqlenQ();
    Places query = Places.of(mask.endsQ(), seqlenQ);
    Places key = Places.of(mask.endsK(), extent.seqlenK());
    int packed = Math.min(seqlenQ, query.total);
    String keyPlace = key.words(sentences, false);
    int[][][] slots = lowered(mask);
    int[] zeros = new int[extent.seqlenK()];
    int[] padding = new int[extent.seqlenK()];
    int[] behind = new int[extent.seqlenK()];
    int[] packedEnds = new int[extent.seqlenK()];
    int[] allEnds = new int[extent.seqlenK()];
    for (int j = 0; j < extent.seqlenK(); j++) {
      boolean padded = key.number[j] == 0;
      padding[j] = padded ? seqlenQ : 0;
      packedEnds[j] = padded ? 0 : packed;
      behind[j] = packed;
      allEnds[j] = padded ? 0 : seqlenQ;
    }
    rows.add(
        new Rows(
            zeros, padding, sentences.add("documents: key {j} lies behind the last document.")));
    int other =
        sentences.add(
            "documents: key {j} lies in %s, query {i} in %s."
                .formatted(keyPlace, query.words(sentences, true)));
    rows.add(new Rows(slots[0][0], packedEnds, other));
    rows.add(new Rows(slots[0][1], slots[1][1], other));
    rows.add(
        new Rows(
            behind,
            allEnds,
            sentences.add(
                "documents: query {i} lies behind the last document, key {j} in %s."
                    .formatted(keyPlace))));
  }

  private void addColumns(ColumnMask columns) {
    int[][][] slots = lowered(columns);
    String text = "column {j}: rows [%s, %s) are masked (%s).";
    switch (columns.form()) {
      case START -> addColumns(slots, 0, text, "LTS to the end", "LTS", "end");
      case START_END -> addColumns(slots, 0, text, "LTS to LTE", "LTS", "LTE");
      case LOWER_START_UPPER_END -> {
        addColumns(slots, 0, text, "LTS to the end", "LTS", "end");
        addColumns(slots, 1, text, "the first row to UTE", "first", "UTE");
      }
      case TWO_INTERVALS -> {
        addColumns(slots, 0, text, "LTS to LTE", "LTS", "LTE");
        addColumns(slots, 1, text, "UTS to UTE", "UTS", "UTE");
      }
    }
  }

  private void addColumns(
      int[][][] slots, int slot, String text, String says, String start, String end) {
    int[] starts = slots[0][slot];
    int[] ends = slots[1][slot];
    String template = text.formatted(sentences.key(start, starts), sentences.key(end, ends), says);
    rows.add(new Rows(starts, ends, sentences.add(template)));
  }

  private void addBlocks(BlockMask blocks) {
    int[] blockRows = new int[extent.seqlenQ()];
    int[] blockColumns = new int[extent.seqlenK()];
    Arrays.setAll(blockRows, i -> i / blocks.blockM());
    Arrays.setAll(blockColumns, j -> j / blocks.blockN());
    bits.add(
        new Bits(
            blocks,
            sentences.add(
                "block mask: block (%s, %s) of %d × %d is zero."
                    .formatted(
                        sentences.row("block", blockRows),
                        sentences.key("block", blockColumns),
                        blocks.blockM(),
                        blocks.blockN()))));
  }

  Sentences sentences() {
    return sentences;
  }

  /** Sentences that are true of every element. */
  List<Integer> context() {
    return context;
  }

  /**
   * Why the queries may not see one key: bit n of {@code why[i]} says that sentence n forbids it to
   * query i; zero is visible.
   */
  void column(int j, long[] why) {
    Arrays.fill(why, 0);
    for (Rows each : rows) {
      long bit = 1L << each.sentence;
      for (int i = each.starts[j]; i < each.ends[j]; i++) {
        why[i] |= bit;
      }
    }
    if (bits.isEmpty()) {
      return;
    }
    int words = Math.ceilDiv(extent.seqlenQ(), Long.SIZE);
    long[] visible = new long[words];
    for (Bits each : bits) {
      Arrays.fill(visible, -1);
      each.reader.clearMasked(
          b, h, extent, new ElementBits.Tile(0, extent.seqlenQ(), j, 1, words), visible);
      for (int i = 0; i < extent.seqlenQ(); i++) {
        if ((visible[i >>> 6] >>> i & 1) == 0) {
          why[i] |= 1L << each.sentence;
        }
      }
    }
  }

  /** Every sentence that forbids query i to see key j; none if it sees it. */
  List<String> reasons(int i, int j) {
    long[] why = new long[extent.seqlenQ()];
    column(j, why);
    List<String> reasons = new ArrayList<>();
    for (long left = why[i]; left != 0; left &= left - 1) {
      reasons.add(sentences.fill(Long.numberOfTrailingZeros(left), i, j));
    }
    return reasons;
  }

  /** What else there is to say of an element. */
  List<String> context(int i, int j) {
    return context.stream().map(sentence -> sentences.fill(sentence, i, j)).toList();
  }

  /** In which document each row lies, from 1; 0 behind the last one. */
  private record Places(int[] number, int[] first, int[] last, int total) {
    static Places of(int[] ends, int rows) {
      Places places =
          new Places(
              new int[rows],
              new int[rows],
              new int[rows],
              ends.length == 0 ? 0 : ends[ends.length - 1]);
      for (int d = 0; d < ends.length; d++) {
        int start = d == 0 ? 0 : ends[d - 1];
        for (int row = start; row < Math.min(rows, ends[d]); row++) {
          places.number[row] = d + 1;
          places.first[row] = start;
          places.last[row] = ends[d] - 1;
        }
      }
      return places;
    }

    String words(Sentences sentences, boolean queries) {
      String document =
          queries ? sentences.row("document", number) : sentences.key("document", number);
      String from = queries ? sentences.row("first", first) : sentences.key("first", first);
      String to = queries ? sentences.row("last", last) : sentences.key("last", last);
      return "document %s (%s %s to %s)".formatted(document, queries ? "rows" : "keys", from, to);
    }
  }
}
