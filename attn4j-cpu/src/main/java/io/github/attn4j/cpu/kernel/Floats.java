package io.github.attn4j.cpu.kernel;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A fixed run of float32, zeros at first, that a tile lives in: a Java array, or native memory that
 * starts on a cache line. A process has tiles of one kind only, that of its kernels, so that no
 * access has a choice to make at run time.
 */
final class Floats {
  /** Bytes of a cache line, and of the widest vector. */
  private static final long ALIGNMENT = 64;

  private final float @Nullable [] array;
  private final @Nullable MemorySegment memory;
  private final int size;

  private Floats(float @Nullable [] array, @Nullable MemorySegment memory, int size) {
    this.array = array;
    this.memory = memory;
    this.size = size;
  }

  /** So many floats of the kind that the active kernels work on. */
  static Floats allocate(int size) {
    return TileKernels.active().allocate(size);
  }

  /** An array. */
  static Floats onHeap(int size) {
    return new Floats(new float[size], null, size);
  }

  /** Native memory, freed some time after this object has become unreachable. */
  static Floats offHeap(int size) {
    long bytes = size * (long) Float.BYTES;
    return new Floats(null, Arena.ofAuto().allocate(bytes, ALIGNMENT), size);
  }

  int size() {
    return size;
  }

  /** The array itself; only for what is on the heap. */
  float[] array() {
    return Objects.requireNonNull(array, "array of floats in native memory");
  }

  /** Where the native memory starts: a multiple of 64, good for as long as this is reachable. */
  long address() {
    return Objects.requireNonNull(memory, "address of floats in an array").address();
  }

  float get(int at) {
    return array != null ? array[at] : memory().getAtIndex(JAVA_FLOAT, at);
  }

  void set(int at, float value) {
    if (array != null) {
      array[at] = value;
    } else {
      memory().setAtIndex(JAVA_FLOAT, at, value);
    }
  }

  /** Sets one element by its bits. */
  void setBits(int at, int bits) {
    memory().setAtIndex(JAVA_INT, at, bits);
  }

  /** Copies elements of an array to the same places here. */
  void copyFrom(float[] from, int start, int count) {
    MemorySegment.copy(from, start, memory(), JAVA_FLOAT, start * 4L, count);
  }

  /** Copies the first elements into an array. */
  void copyTo(float[] to, int count) {
    MemorySegment.copy(memory(), JAVA_FLOAT, 0, to, 0, count);
  }

  /** The native memory itself; only for what is off the heap. */
  MemorySegment segment() {
    return memory();
  }

  /** Adds to one element. */
  void add(int at, float amount) {
    set(at, get(at) + amount);
  }

  /** Sets {@code [from, to)} to one value. */
  void fill(int from, int to, float value) {
    if (array != null) {
      Arrays.fill(array, from, to, value);
    } else if (Float.floatToRawIntBits(value) == 0) {
      memory().asSlice(from * 4L, (to - from) * 4L).fill((byte) 0);
    } else {
      for (int at = from; at < to; at++) {
        memory().setAtIndex(JAVA_FLOAT, at, value);
      }
    }
  }

  /** Sets all to one value. */
  void fill(float value) {
    fill(0, size, value);
  }

  private MemorySegment memory() {
    return Objects.requireNonNull(memory);
  }
}
