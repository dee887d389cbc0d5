package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Lanes.MR;
import static io.github.attn4j.cpu.kernel.Lanes.TILE_N;

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
  final Floats keyRows;

  /** Forward: V as panels over columns, for the output. Backward: K so, for dQ. */
  final Floats columns;

  /** Backward: V as panels over keys, for dP. */
  final Floats valueRows;

  /** Elements left out of {@link #columns} because they are not finite. */
  @Nullable Strays strays;

  KeyTile(int headDim, int valueDim, boolean backward) {
    this.backward = backward;
    keyRows = Floats.allocate(TILE_N * headDim);
    columns = Floats.allocate(TILE_N * Lanes.roundUp(backward ? headDim : valueDim, MR));
    valueRows = Floats.allocate(backward ? TILE_N * valueDim : 0);
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
  void pack(TileKernels kernels, Problem problem, ForwardCall call, int b, int kvHead, int n) {
    Workspace w = Workspace.of(problem);
    int dim = problem.headDim();
    int valueDim = problem.valueDim();
    int first = n * TILE_N;
    int count = Math.min(TILE_N, problem.sequences().lengthK(b) - first);
    KeyBlock block = new KeyBlock(problem.sequences(), b, kvHead, first, count);
    if (backward) {
      strays = kernels.packKeys(call.key(), block, dim, keyRows, columns, w);
      kernels.packKeys(call.value(), block, valueDim, valueRows, null, w);
    } else {
      kernels.packKeys(call.key(), block, dim, keyRows, null, w);
      strays = kernels.packKeys(call.value(), block, valueDim, null, columns, w);
    }
  }
}
