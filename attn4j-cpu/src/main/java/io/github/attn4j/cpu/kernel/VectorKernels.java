package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Lanes.LD;
import static io.github.attn4j.cpu.kernel.Lanes.MR;
import static io.github.attn4j.cpu.kernel.Lanes.NR;
import static io.github.attn4j.cpu.kernel.Lanes.PANEL;
import static io.github.attn4j.cpu.kernel.Lanes.PS;
import static io.github.attn4j.cpu.kernel.Lanes.TILE_N;
import static io.github.attn4j.cpu.kernel.Vectors.COUNT;
import static io.github.attn4j.cpu.kernel.Vectors.FLOATS;
import static io.github.attn4j.cpu.kernel.Vectors.INTS;
import static io.github.attn4j.cpu.kernel.Vectors.WIDE;

import io.github.attn4j.DType;
import io.github.attn4j.Sequences;
import io.github.attn4j.spi.KeyRows;
import io.github.attn4j.spi.Rows;
import io.github.attn4j.spi.TileGrid;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;
import org.jspecify.annotations.Nullable;

/** Kernels in the Vector API, on arrays. A panel is two vectors of queries wide. */
final class VectorKernels implements TileKernels {
  static final TileKernels INSTANCE = new VectorKernels();

  /** As many lanes as a vector of floats has. */
  private static final VectorSpecies<Short> SHORTS =
      VectorSpecies.of(short.class, VectorShape.forBitSize(INTS.vectorBitSize() / 2));

  private VectorKernels() {}

  @Override
  public TileSizes sizes() {
    // Two vectors, so that one broadcast of the other operand feeds two fused multiply-adds.
    int nr = 2 * COUNT;
    // 24 accumulators of 32 registers, or 12 of 16: as many as leave room for two vectors of B and
    // one broadcast, since each row more is one load less per multiply-add.
    int mr = WIDE ? 12 : 6;
    // The narrow micro-kernel wants the distance to be a multiple of its six rows, so that one loop
    // variable serves both operands; the wide one takes panels as dense as they come.
    int ps = WIDE ? nr : nr / 2 * 3;
    // No more keys than leave a panel of probabilities, tileN × ps floats, half of a first-level
    // cache of 32 KiB or more; fewer would waste time at the ends of the loops.
    int tileN = WIDE ? 96 : 192;
    return new TileSizes(FLOATS.vectorBitSize(), nr, mr, ps, tileN);
  }

  @Override
  public Floats allocate(int size) {
    return Floats.onHeap(size);
  }

  @Override
  public long multiplyAdds(int steps) {
    return VectorPeak.multiplyAdds(steps);
  }

  @Override
  public void read(MemorySegment memory) {
    VectorPeak.read(memory);
  }

  /** By hand, since C2 makes no vectors of a loop that turns integer bits into floats. */
  @Override
  public void widenBfloat16(short[] halves, int columns, float[] to, int start) {
    int c = 0;
    for (; c < SHORTS.loopBound(columns); c += COUNT) {
      ShortVector.fromArray(SHORTS, halves, c)
          .convertShape(VectorOperators.S2I, INTS, 0)
          .reinterpretAsInts()
          .lanewise(VectorOperators.LSHL, 16)
          .viewAsFloatingLanes()
          .intoArray(to, start + c);
    }
    for (; c < columns; c++) {
      to[start + c] = DType.bfloat16ToFloat(halves[c]);
    }
  }

  private static boolean finite(float[] block, int size) {
    // x * 0 is zero unless x is not finite.
    FloatVector products = FloatVector.zero(FLOATS);
    int at = 0;
    for (; at < FLOATS.loopBound(size); at += COUNT) {
      products = products.add(FloatVector.fromArray(FLOATS, block, at).mul(0f));
    }
    float check = products.reduceLanes(VectorOperators.ADD);
    for (; at < size; at++) {
      check += block[at] * 0f;
    }
    return check == 0;
  }

  /** The search for what is not finite is rare. */
  private static @Nullable Strays takeStrays(float[] block, int count, int columns, float factor) {
    return finite(block, count * columns) ? null : Packer.takeStrays(block, count, columns, factor);
  }

  @Override
  public @Nullable Strays packKeys(
      KeyRows source,
      KeyBlock block,
      int columns,
      @Nullable Floats byKeys,
      @Nullable Floats byColumns,
      Workspace w) {
    Packer.readKeys(source, block, columns, w);
    if (byKeys != null) {
      Packer.rowPanels(w.rows, block.count(), columns, byKeys.array());
    }
    if (byColumns == null) {
      return null;
    }
    Strays strays = takeStrays(w.rows, block.count(), columns, 1f);
    Packer.columnPanels(w.rows, block.count(), columns, byColumns.array());
    return strays;
  }

  @Override
  public @Nullable Strays packQueries(
      Rows source,
      Sequences sequences,
      QueryTile tile,
      int columns,
      float factor,
      Floats byQueries,
      @Nullable Floats byColumns,
      Workspace w) {
    Packer.readQueries(source, sequences, tile, columns, w);
    Packer.transposedPanels(w.rows, tile.lanes(), columns, factor, byQueries.array());
    if (byColumns == null) {
      return null;
    }
    Strays strays = takeStrays(w.rows, tile.lanes(), columns, factor);
    Packer.widePanels(w.rows, tile.lanes(), columns, factor, byColumns.array());
    return strays;
  }

  @Override
  public void copyToRows(Floats panels, int paddedColumns, int count, int columns, float[] rows) {
    Packer.fromPanels(panels.array(), paddedColumns, count, columns, rows);
  }

  @Override
  public void scores(
      int depth,
      Floats a,
      Floats b,
      int panel,
      float factor,
      Floats tile,
      int base,
      int first,
      int end,
      Floats ahead,
      int aheadAt) {
    int bo = panel * depth * PS;
    float[] rows = a.array();
    float[] columns = b.array();
    float[] c = tile.array();
    for (int j = first / MR * MR; j < end; j += MR) {
      int at = base + j * PS;
      MicroKernel.panel(depth, rows, j * depth, columns, bo, MicroKernel.ZEROS, 0, c, at);
    }
  }

  @Override
  public void addBias(Workspace w, int biasBase, int base, int first, int end) {
    float[] st = w.st.array();
    float[] bias = w.bias.array();
    int shift = biasBase - base;
    for (int j = first; j < end; j++) {
      for (int at = base + j * PS; at < base + j * PS + NR; at += COUNT) {
        FloatVector x = FloatVector.fromArray(FLOATS, st, at);
        x.add(FloatVector.fromArray(FLOATS, bias, at + shift)).intoArray(st, at);
      }
    }
  }

  @Override
  public void cap(Workspace w, double softcap, boolean keepSlope, int base, int first, int end) {
    float[] st = w.st.array();
    float[] slope = w.slope.array();
    float inward = (float) (1 / softcap);
    float outward = (float) softcap;
    for (int j = first; j < end; j++) {
      for (int at = base + j * PS; at < base + j * PS + NR; at += COUNT) {
        FloatVector x = FloatVector.fromArray(FLOATS, st, at).mul(inward);
        FloatVector tanh = Tanh.of(x);
        tanh.mul(outward).intoArray(st, at);
        if (keepSlope) {
          FloatVector one = FloatVector.broadcast(FLOATS, 1f);
          one.sub(tanh.mul(tanh)).intoArray(slope, at);
        }
      }
    }
  }

  @Override
  public void hide(
      TileGrid grid,
      int lane,
      int key0,
      Workspace w,
      Floats tile,
      int base,
      int first,
      int end,
      float replacement) {
    PanelMask.hide(grid, lane, key0, w, tile.array(), base, first, end, replacement);
  }

  @Override
  public void drop(Workspace w, float factor, int lane, Floats tile, int base, int first, int end) {
    PanelMask.drop(w.kept, factor, lane, tile.array(), base, first, end);
  }

  @Override
  public void softmax(Workspace w, int lane, int first, int end, int outColumns) {
    Softmax.online(w, lane, first, end, outColumns);
  }

  @Override
  public void accumulate(
      Workspace w,
      Floats a,
      int keys,
      Floats tile,
      int base,
      int first,
      int end,
      Floats out,
      int outBase,
      int columns) {
    float[] panels = a.array();
    float[] b = tile.array();
    float[] c = out.array();
    int bo = base + first * PS;
    for (int column = 0; column < columns; column += MR) {
      int ao = column * keys + first * MR;
      int co = outBase + column * PS;
      MicroKernel.panel(end - first, panels, ao, b, bo, c, co, c, co);
    }
  }

  @Override
  public void divide(Workspace w, int lanes, int columns) {
    float[] ot = w.ot.array();
    int panel = Lanes.roundUp(columns, MR) * PS;
    for (int v = 0; v < lanes; v += COUNT) {
      FloatVector sum = FloatVector.fromArray(FLOATS, w.rowSum.array(), v);
      int start = v / NR * panel + v % NR;
      for (int at = start; at < start + columns * PS; at += PS) {
        // Adding zero turns -0, which skipping a tile may or may not leave behind, into +0.
        FloatVector.fromArray(FLOATS, ot, at).div(sum).add(0f).intoArray(ot, at);
      }
    }
  }

  @Override
  public void scoreGradients(
      Workspace w, QueryPack query, int m, int lane, int base, int first, int end) {
    for (int v = 0; v < NR; v += COUNT) {
      scoreGradients(w, query, m, lane + v, base + v + first * PS, base + v + end * PS);
    }
  }

  private static void scoreGradients(
      Workspace w, QueryPack query, int m, int lane, int start, int stop) {
    float[] st = w.st.array();
    float[] ds = w.ds.array();
    FloatVector base = FloatVector.fromArray(FLOATS, query.base[m].array(), lane);
    FloatVector logSum = FloatVector.fromArray(FLOATS, query.logSum[m].array(), lane);
    FloatVector delta = FloatVector.fromArray(FLOATS, query.delta[m].array(), lane);
    for (int at = start; at < stop; at += PS) {
      FloatVector p = Exp.of(FloatVector.fromArray(FLOATS, st, at).sub(base).sub(logSum));
      p.intoArray(st, at);
      p.mul(FloatVector.fromArray(FLOATS, ds, at).sub(delta)).intoArray(ds, at);
    }
  }

  @Override
  public void multiplySlope(Workspace w, int base, int first, int end) {
    float[] ds = w.ds.array();
    float[] slope = w.slope.array();
    float[] before = w.bias.array();
    for (int j = first; j < end; j++) {
      for (int at = base + j * PS; at < base + j * PS + NR; at += COUNT) {
        FloatVector d = FloatVector.fromArray(FLOATS, ds, at);
        d.intoArray(before, at);
        d.mul(FloatVector.fromArray(FLOATS, slope, at)).intoArray(ds, at);
      }
    }
  }

  @Override
  public void layByKeys(Workspace w, int lane, int first, int end, int from, int to) {
    float[] st = w.st.array();
    float[] ds = w.ds.array();
    float[] byKeysP = w.keyMajorP.array();
    float[] byKeysDs = w.keyMajorDs.array();
    FloatVector zero = FloatVector.zero(FLOATS);
    for (int j = from; j < to; j++) {
      boolean inside = j >= first && j < end;
      for (int v = 0; v < NR; v += COUNT) {
        int at = lane / NR * PANEL + j * PS + v;
        FloatVector p = inside ? FloatVector.fromArray(FLOATS, st, at) : zero;
        FloatVector d = inside ? FloatVector.fromArray(FLOATS, ds, at) : zero;
        p.intoArray(byKeysP, j * LD + lane + v);
        d.intoArray(byKeysDs, j * LD + lane + v);
      }
    }
  }

  @Override
  public void accumulateByKeys(
      Floats tile,
      Floats byKeys,
      Floats rows,
      int count,
      int columns,
      int laneLo,
      int laneHi,
      int from,
      int to,
      Floats out) {
    float[] a = byKeys.array();
    float[] b = rows.array();
    float[] c = out.array();
    for (int p = 0; p * NR < columns; p++) {
      int bo = (p * count + laneLo) * NR;
      for (int j = from; j < to; j += MR) {
        MicroKernel.row(laneHi - laneLo, a, j * LD + laneLo, b, bo, c, (p * TILE_N + j) * NR);
      }
    }
  }
}
