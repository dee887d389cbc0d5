package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Lanes.MR;

import io.github.attn4j.spi.ForwardCall;
import io.github.attn4j.spi.Problem;
import io.github.attn4j.spi.Rows;

/** Turns what the running softmax has left of a query tile into rows, and writes rows. */
final class RowFinisher {
  private static final TileKernels KERNELS = TileKernels.active();

  private final Problem problem;
  private final ForwardCall call;

  RowFinisher(Problem problem, ForwardCall call) {
    this.problem = problem;
    this.call = call;
  }

  /** Leaves output, lse and stats of a tile in {@code result}. */
  void finish(Workspace w, QueryTile tile, boolean withSink, PartialRows result) {
    float[] sinks = withSink ? call.sink() : null;
    for (int i = 0; i < tile.lanes(); i++) {
      float sum = w.rowSum.get(i);
      double max = sum == 0 ? Double.NEGATIVE_INFINITY : w.rowMax.get(i);
      double sink = sinks == null ? Double.NEGATIVE_INFINITY : sinks[tile.head() + i / tile.rows()];
      // The sink is one more exponential, of no value.
      double most = Math.max(max, sink);
      double total = share(max, most) * sum + share(sink, most);
      result.rowMax[i] = (float) most;
      result.rowSum[i] = (float) total;
      result.lse[i] = (float) (most + Math.log(total));
      w.rowSum.set(i, sum == 0 ? 1 : (float) (sum + share(sink, max)));
    }
    int columns = problem.valueDim();
    KERNELS.divide(w, tile.lanes(), columns);
    KERNELS.copyToRows(w.ot, Lanes.roundUp(columns, MR), tile.lanes(), columns, result.out);
  }

  /** {@code exp(x - most)}; 0 for what is empty by name, since (-inf) - (-inf) is NaN. */
  private static double share(double x, double most) {
    if (x == Double.NEGATIVE_INFINITY) {
      return 0;
    }
    // Without a sink always; but not for infinities, whose difference is NaN.
    return x == most && Double.isFinite(x) ? 1 : Math.exp(x - most);
  }

  /** The largest score of the lanes of one head that was seen, NaN if there was a NaN. */
  static float largest(Workspace w, int from, int to) {
    float most = Float.NEGATIVE_INFINITY;
    for (int i = from; i < to; i++) {
      // The maximum passes over NaN; the sum tells of it, and of an infinity, which is a maximum.
      boolean nan = Float.isNaN(w.rowSum.get(i)) && w.rowMax.get(i) != Float.POSITIVE_INFINITY;
      most = Math.max(most, nan ? Float.NaN : w.rowMax.get(i));
    }
    return most;
  }

  /** Writes the rows of a tile to the result. */
  void write(PartialRows rows, QueryTile tile, short[] halves) {
    int columns = problem.valueDim();
    int entry = problem.sequences().entry(tile.b());
    long row = problem.sequences().startQ(tile.b()) + tile.row0();
    for (int g = 0; g < tile.heads(); g++) {
      int h = tile.head() + g;
      int first = g * tile.rows();
      long at = call.out().at(entry, h, row);
      Packer.writeBlock(call.out(), at, tile.rows(), first, columns, rows.out, halves);
      Rows rowMax = call.rowMax();
      Rows rowSum = call.rowSum();
      for (int i = 0; i < tile.rows(); i++) {
        writeOne(call.lse(), entry, h, row + i, rows.lse[first + i]);
        if (rowMax != null && rowSum != null) {
          writeOne(rowMax, entry, h, row + i, rows.rowMax[first + i]);
          writeOne(rowSum, entry, h, row + i, rows.rowSum[first + i]);
        }
      }
    }
  }

  private static void writeOne(Rows target, int entry, int h, long row, float value) {
    RowTransfer.writeOne(target, target.at(entry, h, row), value);
  }
}
