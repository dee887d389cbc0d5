package io.github.attn4j.spi;

import java.util.Arrays;

/**
 * For each tile line (a row or a column of tiles) the tiles to visit, ascending, as runs of one
 * kind; EMPTY tiles are in no run. The memory grows with the number of runs, not with the number of
 * tiles.
 */
public final class TileRuns {
  private final int[] pointers;
  private final int[] from;
  private final int[] to;
  private final boolean[] partial;

  private TileRuns(int[] pointers, int[] from, int[] to, boolean[] partial) {
    this.pointers = pointers;
    this.from = from;
    this.to = to;
    this.partial = partial;
  }

  /**
   * How many tile lines there are.
   *
   * @return lines
   */
  public int lines() {
    return pointers.length - 1;
  }

  /**
   * The first run of a line.
   *
   * @param line the line
   * @return an index for {@link #from}, {@link #to} and {@link #partial}; runs of the line end
   *     before {@code firstRun(line + 1)}
   */
  public int firstRun(int line) {
    return pointers[line];
  }

  /**
   * The first tile of a run.
   *
   * @param run the run
   * @return index along the line
   */
  public int from(int run) {
    return from[run];
  }

  /**
   * The end of a run.
   *
   * @param run the run
   * @return index along the line, excluded
   */
  public int to(int run) {
    return to[run];
  }

  /**
   * Whether the tiles of a run are PARTIAL.
   *
   * @param run the run
   * @return false if they are FULL
   */
  public boolean partial(int run) {
    return partial[run];
  }

  /**
   * How many tiles of a line are visited.
   *
   * @param line the line
   * @return tiles in its runs
   */
  public int visited(int line) {
    int tiles = 0;
    for (int run = pointers[line]; run < pointers[line + 1]; run++) {
      tiles += to[run] - from[run];
    }
    return tiles;
  }

  /** Collects runs in any order of lines; within one line they must come ascending. */
  static final class Builder {
    private final int lines;
    private int[] data = new int[64];
    private int size;

    Builder(int lines) {
      this.lines = lines;
    }

    void add(int line, int first, int end, boolean isPartial) {
      if (size + 4 > data.length) {
        data = Arrays.copyOf(data, Math.multiplyExact(data.length, 2));
      }
      data[size] = line;
      data[size + 1] = first;
      data[size + 2] = end;
      data[size + 3] = isPartial ? 1 : 0;
      size += 4;
    }

    TileRuns build() {
      int[] pointers = new int[lines + 1];
      for (int at = 0; at < size; at += 4) {
        pointers[data[at] + 1]++;
      }
      Arrays.parallelPrefix(pointers, Integer::sum);
      int runs = size / 4;
      int[] next = pointers.clone();
      int[] from = new int[runs];
      int[] to = new int[runs];
      boolean[] partial = new boolean[runs];
      for (int at = 0; at < size; at += 4) {
        int slot = next[data[at]]++;
        from[slot] = data[at + 1];
        to[slot] = data[at + 2];
        partial[slot] = data[at + 3] == 1;
      }
      return new TileRuns(pointers, from, to, partial);
    }
  }
}
