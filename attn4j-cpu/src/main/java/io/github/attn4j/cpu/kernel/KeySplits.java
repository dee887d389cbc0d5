package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Lanes.TILE_M;
import static io.github.attn4j.cpu.kernel.Lanes.TILE_N;

import io.github.attn4j.Sequences;
import io.github.attn4j.spi.Problem;

/**
 * Where the keys of a sequence are cut into parts, and what few query rows change: the rows of all
 * heads of a group share one tile, and threads share the parts, since there is nothing else to
 * share.
 *
 * <p>Where keys are cut depends on their position alone, not on how many rows there are, what
 * shares a tile, or how many threads: so bits do not either, and a row decoded alone repeats the
 * prefill.
 */
final class KeySplits {
  /**
   * Keys of a part where the backend chooses: enough that joining costs nothing beside them, few
   * enough that a long context keeps many threads busy.
   */
  private static final int CHOSEN = 4096;

  private final Problem problem;

  KeySplits(Problem problem) {
    this.problem = problem;
  }

  /** Whether a sequence has few query rows. */
  boolean fewRows(int b) {
    return problem.sequences().lengthQ(b) * (long) problem.group() <= TILE_M;
  }

  /** Whether one tile holds all rows of a sequence's groups: heads of a group see the same keys. */
  boolean groupsTiles(int b) {
    return fewRows(b) && problem.heads() / problem.mask().heads() % problem.group() == 0;
  }

  /** Key tiles of a part; more than there are if all are in one. */
  int tilesPerPart() {
    int asked = problem.splitKeys();
    return Math.ceilDiv(asked > 0 ? asked : CHOSEN, TILE_N);
  }

  /** Keys of a part; 0 if all are in one. */
  int keysPerPart(int b) {
    int tiles = tilesPerPart();
    Sequences sequences = problem.sequences();
    return tiles < Math.ceilDiv(sequences.lengthK(b), TILE_N) ? tiles * TILE_N : 0;
  }

  /** The most key tiles that any sequence wants packed before its query tiles run. */
  int mostPackedTiles() {
    Sequences sequences = problem.sequences();
    int most = 0;
    for (int b = 0; b < sequences.count(); b++) {
      int tiles = groupsTiles(b) ? 0 : Math.ceilDiv(sequences.lengthK(b), TILE_N);
      most = Math.max(most, sequences.lengthQ(b) == 0 ? 0 : tiles);
    }
    return most;
  }
}
