package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Lanes.TILE_N;
import static io.github.attn4j.cpu.kernel.MicroKernel.MR;

import io.github.attn4j.Sequences;
import io.github.attn4j.spi.ForwardCall;
import io.github.attn4j.spi.Problem;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * One key tile of one key/value head, packed: panels for {@code K.Qᵀ} and for the products that sum
 * over keys.
 */
final class KeyTile {
  private final boolean backward;

  /** K as panels over keys, for scores. */
  final float[] keyRows;

  /** Forward: V as panels over columns, for the output. Backward: K so, for dQ. */
  final float[] columns;

  /** Backward: V as panels over keys, for dP. */
  final float[] valueRows;

  /** Elements left out of {@link #columns} because they are not finite. */
  Packer.@Nullable Strays strays;

  KeyTile(int headDim, int valueDim, boolean backward) {
    this.backward = backward;
    keyRows = new float[TILE_N * headDim];
    columns = new float[TILE_N * Lanes.roundUp(backward ? headDim : valueDim, MR)];
    valueRows = new float[backward ? TILE_N * valueDim : 0];
  }

  /** So many tiles for a problem. */
  static KeyTile[] of(Problem problem, int count, boolean backward) {
    KeyTile[] tiles = new KeyTile[count];
    Arrays.setAll(tiles, n -> new KeyTile(problem.headDim(), problem.valueDim(), backward));
    return tiles;
  }

  /** Bytes of so many tiles. */
  static long bytes(Problem problem, int count, boolean backward) {
    long perKey = problem.headDim() * (backward ? 2L : 1L) + problem.valueDim();
    return count * (long) TILE_N * perKey * Float.BYTES;
  }

  /** Packs key tile {@code n} of a head. */
  void pack(Problem problem, ForwardCall call, int b, int kvHead, int n) {
    Workspace w = Workspace.of(problem);
    int dim = problem.headDim();
    int valueDim = problem.valueDim();
    int key0 = n * TILE_N;
    int keys = Math.min(TILE_N, problem.sequences().lengthK(b) - key0);
    Sequences sequences = problem.sequences();
    Packer.readKeys(call.key(), sequences, b, kvHead, key0, keys, dim, w);
    Packer.rowPanels(w.rows, keys, dim, keyRows);
    if (backward) {
      strays = Packer.removeStrays(w.rows, keys, dim, 1f);
      Packer.columnPanels(w.rows, keys, dim, columns);
    }
    Packer.readKeys(call.value(), sequences, b, kvHead, key0, keys, valueDim, w);
    if (backward) {
      Packer.rowPanels(w.rows, keys, valueDim, valueRows);
    } else {
      strays = Packer.removeStrays(w.rows, keys, valueDim, 1f);
      Packer.columnPanels(w.rows, keys, valueDim, columns);
    }
  }
}
