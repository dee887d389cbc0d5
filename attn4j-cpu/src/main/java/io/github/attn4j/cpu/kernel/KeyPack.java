package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Lanes.TILE_N;
import static io.github.attn4j.cpu.kernel.MicroKernel.MR;

import io.github.attn4j.Sequences;
import io.github.attn4j.spi.ForwardCall;
import io.github.attn4j.spi.Problem;
import org.jspecify.annotations.Nullable;

/**
 * Keys and values of one key/value head, packed once and read by every query tile: per key tile,
 * panels for {@code K.Qᵀ} and for the products that sum over keys.
 */
final class KeyPack {
  private final Problem problem;
  private final boolean backward;

  /** K as panels over keys, for scores. */
  final float[][] keyRows;

  /** Forward: V as panels over columns, for the output. Backward: K so, for dQ. */
  final float[][] columns;

  /** Backward: V as panels over keys, for dP. */
  final float[][] valueRows;

  /** Rows left out of {@link #columns} because they are not finite. */
  final Packer.@Nullable Strays[] strays;

  KeyPack(Problem problem, int maxTiles, boolean backward) {
    this.problem = problem;
    this.backward = backward;
    int dim = problem.headDim();
    int valueDim = problem.valueDim();
    int columnDim = Lanes.roundUp(backward ? dim : valueDim, MR);
    keyRows = new float[maxTiles][TILE_N * dim];
    columns = new float[maxTiles][TILE_N * columnDim];
    valueRows = new float[backward ? maxTiles : 0][TILE_N * valueDim];
    strays = new Packer.Strays[maxTiles];
  }

  /** Bytes of a pack of so many tiles. */
  static long bytes(Problem problem, int tiles, boolean backward) {
    long perKey = problem.headDim() * (backward ? 2L : 1L) + problem.valueDim();
    return tiles * (long) TILE_N * perKey * Float.BYTES;
  }

  /** Packs one key tile of one head. */
  void pack(ForwardCall call, int b, int kvHead, int tile) {
    Workspace w = Workspace.of(problem);
    int dim = problem.headDim();
    int valueDim = problem.valueDim();
    int key0 = tile * TILE_N;
    int keys = Math.min(TILE_N, problem.sequences().lengthK(b) - key0);
    Sequences sequences = problem.sequences();
    Packer.readKeys(call.key(), sequences, b, kvHead, key0, keys, dim, w);
    Packer.rowPanels(w.rows, keys, dim, keyRows[tile]);
    if (backward) {
      strays[tile] = Packer.removeStrays(w.rows, keys, dim, 1f);
      Packer.columnPanels(w.rows, keys, dim, columns[tile]);
    }
    Packer.readKeys(call.value(), sequences, b, kvHead, key0, keys, valueDim, w);
    if (backward) {
      Packer.rowPanels(w.rows, keys, valueDim, valueRows[tile]);
    } else {
      strays[tile] = Packer.removeStrays(w.rows, keys, valueDim, 1f);
      Packer.columnPanels(w.rows, keys, valueDim, columns[tile]);
    }
  }
}
