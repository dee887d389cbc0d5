package io.github.attn4j.cpu.kernel;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.jspecify.annotations.Nullable;

/**
 * Where the parts of query tiles are joined, from the first keys to the last: one set of rows per
 * tile that is begun and not finished, whatever the number of parts.
 */
final class Joins {
  private final int columns;
  private final Turns order = new Turns();
  private final AtomicIntegerArray turns;
  private final @Nullable PartialRows[] begun;
  private final Deque<PartialRows> spare = new ArrayDeque<>();

  Joins(int tiles, int columns) {
    this.columns = columns;
    turns = new AtomicIntegerArray(tiles);
    begun = new PartialRows[tiles];
  }

  /**
   * Adds what a task has made of its share of the keys when its turn has come.
   *
   * @return all shares joined, to be given back by {@link #finish}, if this was the last; else null
   */
  @Nullable PartialRows add(int tile, int share, int shares, PartialRows rows, int lanes) {
    order.await(turns, tile, share);
    PartialRows joined = begun[tile];
    if (joined == null) {
      joined = borrow();
      begun[tile] = joined;
      joined.set(rows, lanes, columns);
    } else {
      joined.merge(rows, lanes, columns);
    }
    boolean last = share == shares - 1;
    begun[tile] = last ? null : joined;
    turns.set(tile, last ? 0 : share + 1);
    return last ? joined : null;
  }

  void fail(Throwable cause) {
    order.fail(cause);
  }

  private synchronized PartialRows borrow() {
    PartialRows kept = spare.poll();
    return kept == null ? new PartialRows(columns) : kept;
  }

  synchronized void finish(PartialRows joined) {
    spare.push(joined);
  }
}
