package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Lanes.TILE_N;

import io.github.attn4j.cpu.emit.DecodeTable;
import io.github.attn4j.cpu.emit.Isa;
import io.github.attn4j.spi.ForwardCall;
import io.github.attn4j.spi.Problem;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * FULL tiles of few queries, without packing: keys and values are read in place, once, so that
 * memory is what a decode waits for. Every element goes through the operations of the packed way in
 * its order, so the bits are the same.
 *
 * <p>Values that are not finite are the exception: the packed way adds them apart. They leave an
 * output that is not finite whatever follows, and such a part is to be done again, packed.
 */
final class DecodePass {
  /** How many key tiles were done so in this process. */
  static final LongAdder TILES = new LongAdder();

  /** Parts that were done again, packed, since their output was not finite. */
  static final LongAdder REDONE = new LongAdder();

  private static final long OUT_STEP = (long) DecodeTable.MOST_COLUMNS * Float.BYTES;

  private final DecodeSource key;
  private final DecodeSource value;

  private DecodePass(DecodeSource key, DecodeSource value) {
    this.key = key;
    this.value = value;
  }

  /** The pass over a call's tiles, or null if they need more than it does. */
  static @Nullable DecodePass of(TileKernels kernels, Problem problem, ForwardCall call) {
    // A row must come out as in a prefill: so where that multiplies bfloat16, this does not serve.
    if (kernels instanceof Bfloat16Kernels
        || KernelChoice.ACTIVE.isaOrNull() != Isa.AVX512
        || problem.score().softcap() > 0
        || call.bias() != null
        || call.dropout() != null
        || problem.valueDim() > DecodeTable.MOST_COLUMNS) {
      return null;
    }
    DecodeSource key = DecodeSource.of(problem.sequences(), call.key(), problem.headDim());
    DecodeSource value = DecodeSource.of(problem.sequences(), call.value(), problem.valueDim());
    return key == null || value == null ? null : new DecodePass(key, value);
  }

  /** Whether a task is one for this pass. */
  static boolean takes(ForwardTask task) {
    return task.slot() == ForwardTask.OWN && task.tile().lanes() <= DecodeTable.MOST_ROWS;
  }

  /**
   * Takes key tiles {@code [from, to)}, all FULL, into the running softmax in w.
   *
   * @param seqlenK keys of the sequence
   */
  void tiles(QueryTile tile, int kvHead, int from, int to, int seqlenK, Workspace w) {
    DecodeScratch scratch = w.decode();
    scratch.fit(Math.max(key.columns(), value.columns()));
    int b = tile.b();
    int lanes = tile.lanes();
    key.loadColumnFactors(b, kvHead, scratch.keyFactors, w);
    value.loadColumnFactors(b, kvHead, scratch.valueFactors, w);
    EmittedPacker.panelToRows(w.ot, value.columns(), lanes, scratch.out, OUT_STEP);
    MemorySegment softmax = DecodeKernels.TABLE.softmax(lanes);
    for (int n = from; n < to; n++) {
      int key0 = n * TILE_N;
      KeyRange range = new KeyRange(b, kvHead, key0, Math.min(TILE_N, seqlenK - key0), seqlenK);
      scores(range, lanes, w.qt, scratch);
      DecodeKernels.softmax(
          softmax,
          scratch.scores.address(),
          range.count(),
          w.rowMax.address(),
          w.rowSum.address(),
          scratch.out.address(),
          value.columns());
      outputs(range, lanes, scratch);
    }
    EmittedPacker.rowsToPanel(scratch.out, OUT_STEP, value.columns(), lanes, w.ot);
    TILES.add(to - from);
  }

  /** Whether the output in w is finite. */
  boolean finite(Workspace w, int lanes) {
    DecodeScratch scratch = w.decode();
    EmittedPacker.panelToRows(w.ot, value.columns(), lanes, scratch.out, OUT_STEP);
    boolean finite = EmittedPacker.finite(scratch.out, OUT_STEP, lanes, value.columns());
    if (!finite) {
      REDONE.increment();
    }
    return finite;
  }

  /** The keys of a tile: {@code count} of {@code all} of a head, from {@code first} on. */
  private record KeyRange(int b, int head, int first, int count, int all) {
    /** Where the key stands that follows key {@code end} of the tile; if none, {@code offset}. */
    long next(DecodeSource source, int end, long offset) {
      return first + end < all ? source.offset(b, head, first + end) : offset;
    }
  }

  private void scores(KeyRange range, int lanes, Floats queries, DecodeScratch scratch) {
    MemorySegment kernel = DecodeKernels.TABLE.scores(key.storage(), lanes);
    key.loadKeyFactors(range.b(), range.head(), range.first(), range.count(), scratch.keyFactors);
    int run;
    for (int j = 0; j < range.count(); j += run) {
      int first = range.first() + j;
      run = key.run(first, range.count() - j) / DecodeSource.BLOCK * DecodeSource.BLOCK;
      MemorySegment base = key.segment();
      long offset = 0;
      long next = 0;
      long stride = key.stride();
      int keys = run;
      if (run > 0) {
        offset = key.offset(range.b(), range.head(), first);
        next = range.next(key, j + run, offset);
      } else {
        // What the block has behind its last key is computed and never read.
        run = Math.min(DecodeSource.BLOCK, range.count() - j);
        key.copyBlock(range.b(), range.head(), first, run, scratch.block);
        base = scratch.block.segment();
        stride = key.bytes();
        keys = DecodeSource.BLOCK;
      }
      DecodeKernels.read(
          kernel,
          base,
          offset,
          stride,
          keys,
          key.columns(),
          queries.address(),
          scratch.scores.address() + (long) j * Float.BYTES,
          next,
          key.factors(scratch.keyFactors, j));
    }
  }

  private void outputs(KeyRange range, int lanes, DecodeScratch scratch) {
    MemorySegment kernel = DecodeKernels.TABLE.values(value.storage(), lanes);
    value.loadKeyFactors(
        range.b(), range.head(), range.first(), range.count(), scratch.valueFactors);
    int run;
    for (int j = 0; j < range.count(); j += run) {
      run = value.run(range.first() + j, range.count() - j);
      long offset = value.offset(range.b(), range.head(), range.first() + j);
      DecodeKernels.read(
          kernel,
          value.segment(),
          offset,
          value.stride(),
          run,
          value.columns(),
          scratch.scores.address() + (long) j * Float.BYTES,
          scratch.out.address(),
          range.next(value, j + run, offset),
          value.factors(scratch.valueFactors, j));
    }
  }
}
