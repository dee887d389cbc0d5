package io.github.attn4j.internal;

import io.github.attn4j.RefusedException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * Which page of a cache belongs to whom: the sequences, their pages in order, how many sequences
 * hold each page, and the free ones. Knows nothing of what the pages hold, and is not safe for
 * several threads.
 */
public final class KvCachePages {
  private final int pageSize;

  /** How many sequences hold each page. */
  private final int[] holders;

  /** A stack: the page handed out next lies on top. */
  private final int[] free;

  private int freeCount;
  private final Map<Long, Line> lines = new HashMap<>();
  private long made;

  /** All pages free. */
  public KvCachePages(int pages, int pageSize) {
    this.pageSize = pageSize;
    holders = new int[pages];
    free = new int[pages];
    Arrays.setAll(free, n -> pages - 1 - n);
    freeCount = pages;
  }

  /** One sequence: its tokens, and the pages that hold them. */
  private static final class Line {
    private int[] pages = {};
    private int count;
    private int length;
  }

  /** What appending would change, worked out before anything does. */
  public final class Growth {
    private final Line line;
    private final int tokens;
    private final int[] fresh;

    /** Index in the sequence of the first page that is not its own yet. */
    private final int firstFresh;

    private Growth(Line line, int tokens, boolean copies, int needed) {
      this.line = line;
      this.tokens = tokens;
      this.firstFresh = copies ? line.count - 1 : line.count;
      this.fresh = new int[needed];
      Arrays.setAll(fresh, n -> free[freeCount - 1 - n]);
    }

    /** Where the first new token goes. */
    public int length() {
      return line.length;
    }

    /** The page that will hold a token, counted from the sequence's start. */
    public int page(int token) {
      int n = token / pageSize;
      return n < firstFresh ? line.pages[n] : fresh[n - firstFresh];
    }

    /** Whether a page that others hold too has to be copied first. */
    public boolean copies() {
      return firstFresh < line.count;
    }

    /** The page to copy from; {@link #page} of the same tokens is where to. */
    public int shared() {
      return line.pages[firstFresh];
    }

    /** Makes it so. */
    public void commit() {
      freeCount -= fresh.length;
      if (copies()) {
        holders[shared()]--;
      }
      int count = firstFresh + fresh.length;
      if (count > line.pages.length) {
        line.pages = Arrays.copyOf(line.pages, Math.max(count, 2 * line.pages.length));
      }
      System.arraycopy(fresh, 0, line.pages, firstFresh, fresh.length);
      for (int page : fresh) {
        holders[page] = 1;
      }
      line.count = count;
      line.length += tokens;
    }
  }

  /** Starts a sequence without tokens. */
  public long create() {
    lines.put(++made, new Line());
    return made;
  }

  /** Starts a sequence with the tokens, and the pages, of another. */
  public long fork(long sequence) {
    Line from = line(sequence);
    Line to = new Line();
    to.pages = Arrays.copyOf(from.pages, from.count);
    to.count = from.count;
    to.length = from.length;
    for (int page : to.pages) {
      holders[page]++;
    }
    lines.put(++made, to);
    return made;
  }

  /** Ends a sequence; pages that nobody else holds become free. */
  public void free(long sequence) {
    Line line = line(sequence);
    shorten(line, 0);
    lines.remove(sequence);
  }

  /** Drops the last tokens of a sequence. */
  public void truncate(long sequence, int tokens) {
    Line line = line(sequence);
    if (tokens < 0 || tokens > line.length) {
      throw RefusedException.value(
          "tokens",
          "expected between 0 and the %d of sequence %d, got %d"
              .formatted(line.length, sequence, tokens));
    }
    shorten(line, line.length - tokens);
  }

  private void shorten(Line line, int length) {
    int keep = Math.ceilDiv(length, pageSize);
    while (line.count > keep) {
      int page = line.pages[--line.count];
      if (--holders[page] == 0) {
        free[freeCount++] = page;
      }
    }
    line.length = length;
  }

  /**
   * What appending tokens takes. Only a page that is partly filled and that others hold too is
   * copied: full ones are never written again.
   *
   * @throws RefusedException if there are not enough free pages
   */
  public Growth grow(long sequence, long tokens) {
    Line line = line(sequence);
    if (tokens > Integer.MAX_VALUE - line.length) {
      throw RefusedException.value(
          "key",
          "expected fewer than 2^31 tokens in a sequence, got %d behind %d"
              .formatted(tokens, line.length));
    }
    boolean copies =
        tokens > 0 && line.length % pageSize != 0 && holders[line.pages[line.count - 1]] > 1;
    int length = line.length + (int) tokens;
    int needed = Math.ceilDiv(length, pageSize) - line.count + (copies ? 1 : 0);
    if (needed > freeCount) {
      throw RefusedException.runtime(
          "pages",
          "expected %d free pages of %d tokens to append %d behind the %d of sequence %d, got %d of %d"
              .formatted(
                  needed, pageSize, tokens, line.length, sequence, freeCount, holders.length));
    }
    return new Growth(line, (int) tokens, copies, needed);
  }

  private Line line(long sequence) {
    Line line = lines.get(sequence);
    if (line == null) {
      boolean wasMade = sequence > 0 && sequence <= made;
      throw RefusedException.value(
          "sequence",
          "expected a sequence of this cache, got %d, which %s"
              .formatted(sequence, wasMade ? "was freed" : "it never made"));
    }
    return line;
  }

  /** The tokens of a sequence. */
  public int length(long sequence) {
    return line(sequence).length;
  }

  /** The pages of a sequence, in order. */
  public int[] pages(long sequence) {
    Line line = line(sequence);
    return Arrays.copyOf(line.pages, line.count);
  }

  /** Pages that nobody holds. */
  public int freePages() {
    return freeCount;
  }
}
