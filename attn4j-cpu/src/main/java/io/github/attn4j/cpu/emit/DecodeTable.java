package io.github.attn4j.cpu.emit;

import io.github.attn4j.cpu.asm.CodePages;
import io.github.attn4j.cpu.asm.Label;
import java.lang.foreign.MemorySegment;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;

/**
 * Where the kernels of a decode start: AVX-512, for tiles of up to 4 or 8 queries, per storage of
 * the cache.
 */
public final class DecodeTable {
  /** The most queries of a tile. */
  public static final int MOST_ROWS = 8;

  /** The most columns of an output row; rows of outputs are so far apart. */
  public static final int MOST_COLUMNS = 256;

  private static final int FEW_ROWS = 4;

  /** The kernels of one storage and number of rows. */
  private record Pair(Label scores, Label values) {}

  private final MemorySegment code;
  private final Map<DecodeStorage, Pair> few = new EnumMap<>(DecodeStorage.class);
  private final Map<DecodeStorage, Pair> more = new EnumMap<>(DecodeStorage.class);
  private final Label fewSoftmax;
  private final Label moreSoftmax;

  /**
   * Emits and places all kernels.
   *
   * @param tileN keys of a tile
   * @throws IllegalStateException if the system gives no memory for code; says why
   */
  public DecodeTable(int tileN) {
    Frame frame = new Frame(Isa.AVX512);
    int scoreStep = scoreStep(tileN) * Float.BYTES;
    int outStep = MOST_COLUMNS * Float.BYTES;
    for (DecodeStorage storage : DecodeStorage.values()) {
      few.put(storage, emit(frame, storage, FEW_ROWS, scoreStep, outStep));
      more.put(storage, emit(frame, storage, MOST_ROWS, scoreStep, outStep));
    }
    fewSoftmax = new DecodeSoftmaxEmitter(frame, FEW_ROWS, scoreStep, outStep).emit();
    moreSoftmax = new DecodeSoftmaxEmitter(frame, MOST_ROWS, scoreStep, outStep).emit();
    frame.writeConstants();
    code = CodePages.place(frame.a.bytes());
  }

  private static Pair emit(
      Frame frame, DecodeStorage storage, int rows, int scoreStep, int outStep) {
    return new Pair(
        new DecodeScoresEmitter(frame, storage, rows, scoreStep).emit(),
        new DecodeValuesEmitter(frame, storage, rows, scoreStep, outStep).emit());
  }

  /**
   * Distance between the rows of scores: those of a tile, and a vector to fill up the last one.
   *
   * @param tileN keys of a tile
   * @return floats
   */
  public static int scoreStep(int tileN) {
    return tileN + 16;
  }

  /**
   * Products of queries and keys.
   *
   * @param storage of the keys
   * @param rows queries, at most {@link #MOST_ROWS}
   * @return a function of nine arguments, the first an address, the others longs
   */
  public MemorySegment scores(DecodeStorage storage, int rows) {
    return at(pair(storage, rows).scores());
  }

  /**
   * Products of weights and values.
   *
   * @param storage of the values
   * @param rows queries, at most {@link #MOST_ROWS}
   * @return a function of nine arguments, the first an address, the others longs
   */
  public MemorySegment values(DecodeStorage storage, int rows) {
    return at(pair(storage, rows).values());
  }

  /**
   * A step of the running softmax.
   *
   * @param rows queries, at most {@link #MOST_ROWS}
   * @return a function of six longs
   */
  public MemorySegment softmax(int rows) {
    return at(rows <= FEW_ROWS ? fewSoftmax : moreSoftmax);
  }

  private Pair pair(DecodeStorage storage, int rows) {
    return Objects.requireNonNull((rows <= FEW_ROWS ? few : more).get(storage));
  }

  private MemorySegment at(Label label) {
    return MemorySegment.ofAddress(code.address() + label.offset());
  }
}
