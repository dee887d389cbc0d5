package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Lanes.LD;
import static io.github.attn4j.cpu.kernel.Lanes.NR;
import static io.github.attn4j.cpu.kernel.Lanes.PANEL;
import static io.github.attn4j.cpu.kernel.Lanes.PS;
import static io.github.attn4j.cpu.kernel.Lanes.TILE_M;
import static io.github.attn4j.cpu.kernel.Lanes.TILE_N;

import io.github.attn4j.spi.ForwardCall;
import io.github.attn4j.spi.Problem;
import org.jspecify.annotations.Nullable;

/**
 * The scratch tiles of one thread, kept and reused by every call on it; they grow to the largest
 * dims seen. Nothing is cleared between uses: whoever reads a place has written it.
 */
final class Workspace {
  private static final ThreadLocal<Workspace> OF_THREAD = ThreadLocal.withInitial(Workspace::new);

  /** Longs per key in {@link #visible} and {@link #kept}. */
  static final int WORDS = TILE_M / 64;

  /** Rows are staged padded to multiples of so many columns: a vector of float32. */
  static final int STAGED_COLUMNS = 16;

  private static final int PANELS = TILE_M / NR;

  /** Scores, then probabilities, in panels: [panel][key][query]. The forward uses one panel. */
  final Floats st = Floats.allocate(PANELS * PANEL);

  /** Backward: dP, then dS, like {@link #st}. */
  final Floats ds = Floats.allocate(PANELS * PANEL);

  /** Derivative of the softcap, like {@link #st}. */
  final Floats slope = Floats.allocate(PANELS * PANEL);

  /** Bias of the tile, like {@link #st}. */
  final Floats bias = Floats.allocate(PANELS * PANEL);

  /** Backward: what one query row adds to the gradient of the bias. */
  final double[] amounts = new double[TILE_N];

  /** Backward: {@link #st} by rows, [key][query] at distance LD. */
  final Floats keyMajorP = Floats.allocate(TILE_N * LD);

  /** Backward: {@link #ds} by rows, [key][query] at distance LD. */
  final Floats keyMajorDs = Floats.allocate(TILE_N * LD);

  /** A panel of {@link #st} or {@link #ds} in pairs of keys, where products want that. */
  final Floats pairs = Floats.allocate(PANEL);

  final Floats rowMax = Floats.allocate(TILE_M);
  final Floats rowSum = Floats.allocate(TILE_M);

  /** Vectors on their way between two steps of the softmax. */
  final Floats base = Floats.allocate(NR);

  final Floats alpha = Floats.allocate(NR);

  /**
   * What the mask's bits leave visible, and what dropout keeps, as {@code ElementBits.Tile}
   * describes.
   */
  final long[] visible = new long[TILE_N * WORDS];

  final long[] kept = new long[TILE_N * WORDS];

  /** Such bits of one head, one long per key, on their way into a tile of several heads. */
  final long[] headBits = new long[TILE_N];

  /** Whether the rows of neighbouring lanes are neighbours: those of one head. */
  boolean consecutiveRows;

  /** The query row of each lane. */
  final int[] laneRows = new int[TILE_M];

  /** What the mask makes of each key for the queries of each panel: [panel][key]. */
  final byte[] keyKinds = new byte[TILE_M / NR * TILE_N];

  /** Bits of a panel's lanes, one int per key, where emitted kernels read them. */
  final Floats laneBits = Floats.allocate(TILE_N);

  /** Which keys each panel sees, as {@code MaskPass.range}. */
  final long[] ranges = new long[TILE_M / NR];

  /** Query tile, scaled, in panels of queries: [panel][column][query]. */
  Floats qt = Floats.allocate(0);

  /** Output tile in panels of queries: [panel][column][query]. */
  Floats ot = Floats.allocate(0);

  /** Backward: gradients of the task's keys and values, in panels of columns: [panel][key][NR]. */
  Floats dk = Floats.allocate(0);

  Floats dv = Floats.allocate(0);

  /** Rows on their way between a tensor and a tile. */
  float[] rows = {};

  /** The same in native memory, of kernels that need it there. */
  Floats stage = Floats.allocate(0);

  /** Rows of 16-bit numbers in native memory. */
  Floats stagedHalves = Floats.allocate(0);

  short[] halves = {};

  byte[] bytes = {};

  /** Scales and offsets of a row of integers. */
  float[] scales = {};

  float[] offsets = {};

  /** The query tile's result over the keys so far, and over those of the next part. */
  PartialRows joined = new PartialRows(0);

  PartialRows part = new PartialRows(0);

  private @Nullable DecodeScratch decode;

  /** Keys and values that a single query tile reads. */
  private KeyTile keys = new KeyTile(0, 0, false);

  static Workspace of(Problem problem) {
    Workspace workspace = OF_THREAD.get();
    workspace.fit(Math.max(problem.headDim(), problem.valueDim()));
    return workspace;
  }

  private void fit(int dim) {
    int columns = Lanes.roundUp(dim, Lanes.MR);
    if (qt.size() < PANELS * dim * PS) {
      ot = Floats.allocate(PANELS * columns * PS);
      rows = new float[Math.max(TILE_M, TILE_N) * dim];
      int staged = Math.max(TILE_M, TILE_N) * Lanes.roundUp(dim, STAGED_COLUMNS);
      stage = Floats.allocate(staged);
      stagedHalves = Floats.allocate(staged / 2);
      halves = new short[Math.max(dim, TILE_N)];
      bytes = new byte[dim];
      scales = new float[dim];
      offsets = new float[dim];
      joined = new PartialRows(dim);
      part = new PartialRows(dim);
      keys = new KeyTile(dim, dim, false);
      // Last, since it tells that all is there: memory may end before, and kernels know no bounds.
      qt = Floats.allocate(PANELS * dim * PS);
    }
  }

  /** Packs a key tile for the next use of this thread alone. */
  KeyTile pack(Problem problem, ForwardCall call, int b, int kvHead, int n) {
    keys.pack(TileKernels.of(problem), problem, call, b, kvHead, n);
    return keys;
  }

  /** What a decode works on; made when first asked for. */
  DecodeScratch decode() {
    DecodeScratch made = decode;
    if (made == null) {
      made = new DecodeScratch();
      decode = made;
    }
    return made;
  }

  /** Notes the rows of a tile's lanes. */
  void setLanes(QueryTile tile) {
    consecutiveRows = tile.heads() == 1;
    for (int lane = 0; lane < TILE_M; lane++) {
      laneRows[lane] = tile.row(lane);
    }
  }

  /** Makes room for the backward's accumulators and clears them. */
  void clearKeyGradients(Problem problem) {
    int dkSize = Lanes.roundUp(problem.headDim(), NR) * TILE_N;
    int dvSize = Lanes.roundUp(problem.valueDim(), NR) * TILE_N;
    if (dk.size() < dkSize) {
      dk = Floats.allocate(dkSize);
    }
    if (dv.size() < dvSize) {
      dv = Floats.allocate(dvSize);
    }
    dk.fill(0, dkSize, 0f);
    dv.fill(0, dvSize, 0f);
  }
}
