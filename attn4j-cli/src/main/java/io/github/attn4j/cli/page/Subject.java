package io.github.attn4j.cli.page;

import io.github.attn4j.Extent;
import io.github.attn4j.Mask;
import io.github.attn4j.Sequences;
import io.github.attn4j.cli.pattern.Numbers;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What a page shows: one sequence and head of a mask.
 *
 * @param title its name
 * @param says what it is, in a few words
 * @param mask the mask
 * @param sequences the lengths
 * @param heads query heads
 * @param b the sequence
 * @param h the query head
 * @param query what it was asked for by, or null if it is a capture's
 * @param source what a page sends to see it again
 * @param capture what to say of the capture, or null
 */
public record Subject(
    String title,
    String says,
    Mask mask,
    Sequences sequences,
    int heads,
    int b,
    int h,
    @Nullable MaskQuery query,
    Map<String, Object> source,
    @Nullable Map<String, Object> capture) {

  /** The mask of a query. */
  public static Subject of(MaskQuery query) {
    return new Subject(
        query.title(),
        query.says(),
        query.make(),
        Sequences.padded(1, query.seqlenQ(), query.seqlenK()),
        1,
        0,
        0,
        query,
        query.description(),
        null);
  }

  Extent extent() {
    return new Extent(sequences.lengthQ(b), sequences.lengthK(b), heads);
  }

  Explanation explanation() {
    Explanation explanation = Explanation.of(mask, b, h, extent());
    tellDocuments(explanation, query);
    return explanation;
  }

  /** FlashMask's patterns are columns that have forgotten the documents they were made from. */
  private static void tellDocuments(Explanation explanation, @Nullable MaskQuery query) {
    if (query == null) {
      return;
    }
    if (query.kind().generated() && query.values().containsKey("documents")) {
      String documents = Objects.requireNonNull(query.values().get("documents"));
      int[][] parts = Numbers.lists("documents", documents.replace('+', ':'), ':');
      boolean prefixed = query.mask().equals("prefix-lm-document");
      int[] lengths = new int[parts.length];
      for (int d = 0; d < lengths.length; d++) {
        lengths[d] = prefixed ? parts[d][parts[d].length - 1] : Arrays.stream(parts[d]).sum();
      }
      explanation.tellDocuments(lengths);
    }
    tellDocuments(explanation, query.and());
  }
}
