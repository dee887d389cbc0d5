package io.github.attn4j;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import io.github.attn4j.internal.Elements;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.Buffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;

/**
 * A dtype, a shape and strides over a {@link MemorySegment}, heap or native.
 *
 * <p>Arrays, direct buffers and mapped files are wrapped as they are, without a copy; {@link
 * #slice}, {@link #transpose}, {@link #permute}, {@link #expand} and {@link #reshape} are views on
 * the same memory. Numbers are in the machine's byte order. Shapes, strides and offsets are {@code
 * long} and counted in elements; a tensor may hold more than 2<sup>31</sup> of them when its memory
 * is native.
 *
 * <p>Immutable apart from the elements; sharing one between threads is safe as long as nobody
 * writes.
 */
public final class Tensor {
  private final DType dtype;
  private final MemorySegment segment;
  private final long offset;
  private final long[] shape;
  private final long[] strides;

  private Tensor(DType dtype, MemorySegment segment, long offset, long[] shape, long[] strides) {
    this.dtype = dtype;
    this.segment = segment;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }

  /**
   * Wraps the start of a segment as a dense row-major tensor.
   *
   * @param segment the memory, at least as large as the tensor
   * @param dtype the type of its elements
   * @param shape the extents, outermost first; none for a scalar
   * @return a tensor on that memory
   * @throws RefusedException if an extent is negative or the segment is too small
   */
  public static Tensor of(MemorySegment segment, DType dtype, long... shape) {
    long[] extents = shape.clone();
    long bytes = Elements.bytes(dtype, extents);
    if (bytes > segment.byteSize()) {
      throw RefusedException.value(
          "shape",
          "expected at most %d bytes of %s, got %s (%d bytes)"
              .formatted(segment.byteSize(), dtype, Arrays.toString(extents), bytes));
    }
    return new Tensor(dtype, segment, 0, extents, Elements.denseStrides(extents));
  }

  /**
   * Wraps an array of float32.
   *
   * @param data the elements, row-major
   * @param shape the extents, outermost first
   * @return a tensor on the array
   */
  public static Tensor of(float[] data, long... shape) {
    return of(MemorySegment.ofArray(data), DType.FLOAT32, exactly(data.length, shape));
  }

  /**
   * Wraps an array of float16 or bfloat16.
   *
   * @param data the bits of the elements, row-major
   * @param dtype FLOAT16 or BFLOAT16
   * @param shape the extents, outermost first
   * @return a tensor on the array
   */
  public static Tensor of(short[] data, DType dtype, long... shape) {
    if (dtype.bytes() != 2) {
      throw RefusedException.type(
          "dtype", "expected FLOAT16 or BFLOAT16 for a short[], got " + dtype);
    }
    return of(MemorySegment.ofArray(data), dtype, exactly(data.length, shape));
  }

  /**
   * Wraps an array of int32.
   *
   * @param data the elements, row-major
   * @param shape the extents, outermost first
   * @return a tensor on the array
   */
  public static Tensor of(int[] data, long... shape) {
    return of(MemorySegment.ofArray(data), DType.INT32, exactly(data.length, shape));
  }

  /**
   * Wraps an array of int64.
   *
   * @param data the elements, row-major
   * @param shape the extents, outermost first
   * @return a tensor on the array
   */
  public static Tensor of(long[] data, long... shape) {
    return of(MemorySegment.ofArray(data), DType.INT64, exactly(data.length, shape));
  }

  /**
   * Wraps an array of int8 or bool.
   *
   * @param data the elements, row-major
   * @param dtype INT8 or BOOL
   * @param shape the extents, outermost first
   * @return a tensor on the array
   */
  public static Tensor of(byte[] data, DType dtype, long... shape) {
    if (dtype.bytes() != 1) {
      throw RefusedException.type("dtype", "expected INT8 or BOOL for a byte[], got " + dtype);
    }
    return of(MemorySegment.ofArray(data), dtype, exactly(data.length, shape));
  }

  /**
   * Wraps what remains of an NIO buffer, direct or heap, typed or bytes.
   *
   * @param buffer the elements in the machine's byte order
   * @param dtype their type
   * @param shape the extents, outermost first
   * @return a tensor on the buffer's memory
   * @throws RefusedException if the buffer is of another type, too small or in the other byte order
   */
  public static Tensor of(Buffer buffer, DType dtype, long... shape) {
    ByteOrder order =
        switch (buffer) {
          case java.nio.FloatBuffer b -> b.order();
          case java.nio.ShortBuffer b -> b.order();
          case java.nio.IntBuffer b -> b.order();
          case java.nio.LongBuffer b -> b.order();
          // The order of a byte buffer belongs to its accessors, not to its bytes.
          default -> ByteOrder.nativeOrder();
        };
    if (order != ByteOrder.nativeOrder()) {
      throw RefusedException.value(
          "buffer", "expected byte order " + ByteOrder.nativeOrder() + ", got " + order);
    }
    boolean fits =
        switch (buffer) {
          case java.nio.ByteBuffer _ -> true;
          case java.nio.FloatBuffer _ -> dtype == DType.FLOAT32;
          case java.nio.ShortBuffer _ -> dtype == DType.FLOAT16 || dtype == DType.BFLOAT16;
          case java.nio.IntBuffer _ -> dtype == DType.INT32;
          case java.nio.LongBuffer _ -> dtype == DType.INT64;
          default -> false;
        };
    if (!fits) {
      throw RefusedException.type(
          "buffer", "expected bytes or elements of %s, got %s".formatted(dtype, buffer));
    }
    return of(MemorySegment.ofBuffer(buffer), dtype, shape);
  }

  /**
   * Maps a part of a file read-only; pages are read when they are touched.
   *
   * @param file the file
   * @param byteOffset where the tensor starts in it
   * @param arena decides how long the mapping lives
   * @param dtype the type of its elements
   * @param shape the extents, outermost first
   * @return a tensor on the mapped memory
   * @throws IOException if the file cannot be read
   * @throws RefusedException if the file ends before the tensor does
   */
  public static Tensor map(Path file, long byteOffset, Arena arena, DType dtype, long... shape)
      throws IOException {
    long bytes = Elements.bytes(dtype, shape);
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      if (byteOffset < 0 || byteOffset > channel.size() - bytes) {
        throw RefusedException.value(
            "byteOffset",
            "expected %d bytes inside the file's %d, got offset %d"
                .formatted(bytes, channel.size(), byteOffset));
      }
      return of(channel.map(MapMode.READ_ONLY, byteOffset, bytes, arena), dtype, shape);
    }
  }

  /**
   * A new dense tensor of zeros, on the heap where an array can hold it and in collected native
   * memory beyond that.
   *
   * @param dtype the type of its elements
   * @param shape the extents, outermost first
   * @return the tensor
   */
  public static Tensor zeros(DType dtype, long... shape) {
    long bytes = Elements.bytes(dtype, shape);
    return of(Elements.allocate(dtype, bytes / dtype.bytes()), dtype, shape);
  }

  private static long[] exactly(long length, long[] shape) {
    long elements = Elements.count(shape);
    if (elements != length) {
      throw RefusedException.value(
          "shape",
          "expected %d elements, got %s (%d elements)"
              .formatted(length, Arrays.toString(shape), elements));
    }
    return shape;
  }

  /**
   * The type of the elements.
   *
   * @return the dtype
   */
  public DType dtype() {
    return dtype;
  }

  /**
   * The memory that holds the elements; element zero lies at {@link #offset()}.
   *
   * @return the whole segment
   */
  public MemorySegment segment() {
    return segment;
  }

  /**
   * Where the first element lies in {@link #segment()}.
   *
   * @return elements, not bytes
   */
  public long offset() {
    return offset;
  }

  /**
   * The number of dimensions.
   *
   * @return zero for a scalar
   */
  public int rank() {
    return shape.length;
  }

  /**
   * One extent.
   *
   * @param dimension which, outermost is 0; negative ones count from the innermost (-1)
   * @return the extent
   */
  public long dim(int dimension) {
    return shape[dimension < 0 ? dimension + shape.length : dimension];
  }

  /**
   * All extents.
   *
   * @return a copy, outermost first
   */
  public long[] shape() {
    return shape.clone();
  }

  /**
   * The distance between neighbours along one dimension.
   *
   * @param dimension which, outermost is 0; negative ones count from the innermost (-1)
   * @return elements, not bytes; 0 for an expanded dimension
   */
  public long stride(int dimension) {
    return strides[dimension < 0 ? dimension + strides.length : dimension];
  }

  /**
   * Whether the extents are these.
   *
   * @param extents what to compare with, outermost first
   * @return true if rank and every extent are equal
   */
  public boolean hasShape(long... extents) {
    return Arrays.equals(shape, extents);
  }

  /**
   * The number of elements.
   *
   * @return the product of the extents
   */
  public long elements() {
    return Elements.count(shape);
  }

  /**
   * Whether the elements lie dense and row-major.
   *
   * @return true if {@link #reshape} to any shape of as many elements is a view
   */
  public boolean isContiguous() {
    long expected = 1;
    for (int d = shape.length - 1; d >= 0; d--) {
      if (shape[d] != 1 && strides[d] != expected) {
        return elements() == 0;
      }
      expected *= shape[d];
    }
    return true;
  }

  /**
   * A part along one dimension.
   *
   * @param dimension which, outermost is 0
   * @param from first index, included
   * @param to last index, excluded
   * @return a view
   */
  public Tensor slice(int dimension, long from, long to) {
    checkDimension(dimension);
    if (from < 0 || to < from || to > shape[dimension]) {
      throw RefusedException.value(
          "slice",
          "expected 0 <= from <= to <= %d along dimension %d, got [%d, %d)"
              .formatted(shape[dimension], dimension, from, to));
    }
    long[] extents = shape.clone();
    extents[dimension] = to - from;
    return new Tensor(dtype, segment, offset + from * strides[dimension], extents, strides);
  }

  /**
   * One index of a dimension, which disappears.
   *
   * @param dimension which, outermost is 0
   * @param index the index along it
   * @return a view of one rank less
   */
  public Tensor select(int dimension, long index) {
    Tensor part = slice(dimension, index, index + 1);
    return new Tensor(
        dtype, segment, part.offset, without(part.shape, dimension), without(strides, dimension));
  }

  private static long[] without(long[] values, int dimension) {
    long[] rest = new long[values.length - 1];
    System.arraycopy(values, 0, rest, 0, dimension);
    System.arraycopy(values, dimension + 1, rest, dimension, rest.length - dimension);
    return rest;
  }

  /**
   * Two dimensions exchanged.
   *
   * @param first one dimension, outermost is 0
   * @param second the other
   * @return a view
   */
  public Tensor transpose(int first, int second) {
    checkDimension(first);
    checkDimension(second);
    int[] order = new int[shape.length];
    Arrays.setAll(order, d -> d == first ? second : d == second ? first : d);
    return permute(order);
  }

  /**
   * The dimensions in another order.
   *
   * @param order for each new dimension the old one, each exactly once
   * @return a view
   */
  public Tensor permute(int... order) {
    long[] extents = new long[shape.length];
    long[] steps = new long[shape.length];
    boolean[] seen = new boolean[shape.length];
    if (order.length != shape.length) {
      throw RefusedException.value(
          "order",
          "expected %d dimensions, got %s".formatted(shape.length, Arrays.toString(order)));
    }
    for (int d = 0; d < order.length; d++) {
      checkDimension(order[d]);
      if (seen[order[d]]) {
        throw RefusedException.value(
            "order", "expected each dimension once, got " + Arrays.toString(order));
      }
      seen[order[d]] = true;
      extents[d] = shape[order[d]];
      steps[d] = strides[order[d]];
    }
    return new Tensor(dtype, segment, offset, extents, steps);
  }

  /**
   * Another shape over the same elements in the same order.
   *
   * @param extents the new extents
   * @return a view
   * @throws RefusedException if the number of elements differs or the strides allow no view
   */
  public Tensor reshape(long... extents) {
    if (Elements.count(extents) != elements()) {
      throw RefusedException.value(
          "shape",
          "expected %d elements, got %s from %s"
              .formatted(elements(), Arrays.toString(extents), Arrays.toString(shape)));
    }
    long[] steps = Elements.viewStrides(shape, strides, extents);
    if (steps == null) {
      throw RefusedException.value(
          "shape",
          "expected strides that allow a view of %s as %s, got strides %s; copy() first"
              .formatted(
                  Arrays.toString(shape), Arrays.toString(extents), Arrays.toString(strides)));
    }
    return new Tensor(dtype, segment, offset, extents.clone(), steps);
  }

  /**
   * Repeats extents of one, by stride zero.
   *
   * @param extents the new extents; each equals the old one where that is not 1
   * @return a view
   */
  public Tensor expand(long... extents) {
    if (extents.length != shape.length) {
      throw RefusedException.value(
          "shape", "expected rank %d, got %s".formatted(shape.length, Arrays.toString(extents)));
    }
    long[] steps = strides.clone();
    for (int d = 0; d < extents.length; d++) {
      if (shape[d] == 1) {
        steps[d] = 0;
      } else if (shape[d] != extents[d]) {
        throw RefusedException.value(
            "shape",
            "expected extents that extend %s, got %s"
                .formatted(Arrays.toString(shape), Arrays.toString(extents)));
      }
    }
    Elements.count(extents);
    return new Tensor(dtype, segment, offset, extents.clone(), steps);
  }

  /**
   * Reads one element as a number; bool reads as 0 or 1.
   *
   * @param index one index per dimension
   * @return the element, exact for every dtype but INT64 beyond 2<sup>53</sup>
   */
  public double get(long... index) {
    return Elements.get(segment, dtype, position(index));
  }

  /**
   * Writes one element, rounded to nearest even for the floating dtypes and cut to the range for
   * the others.
   *
   * @param value the number
   * @param index one index per dimension
   */
  public void set(double value, long... index) {
    Elements.set(segment, dtype, position(index), value);
  }

  /**
   * Reads one element of an integer dtype, exact also for INT64.
   *
   * @param index one index per dimension
   * @return the element
   */
  public long getLong(long... index) {
    return Elements.getLong(segment, dtype, position(index));
  }

  /**
   * Writes one element of an integer dtype, exact also for INT64.
   *
   * @param value the number
   * @param index one index per dimension
   */
  public void setLong(long value, long... index) {
    Elements.setLong(segment, dtype, position(index), value);
  }

  private long position(long[] index) {
    if (index.length != shape.length) {
      throw new IndexOutOfBoundsException(
          "expected %d indices, got %s".formatted(shape.length, Arrays.toString(index)));
    }
    long at = offset;
    for (int d = 0; d < index.length; d++) {
      at += java.util.Objects.checkIndex(index[d], shape[d]) * strides[d];
    }
    return at;
  }

  /**
   * A dense copy of the same dtype.
   *
   * @return a new tensor
   */
  public Tensor copy() {
    return to(dtype);
  }

  /**
   * A dense copy in another dtype, each element rounded as {@link #set} does.
   *
   * @param target the new dtype
   * @return a new tensor
   */
  public Tensor to(DType target) {
    Tensor copy = zeros(target, shape);
    if (elements() == 0) {
      // The place of no element may lie behind the memory.
      return copy;
    }
    if (target == dtype && isContiguous()) {
      long bytes = elements() * dtype.bytes();
      MemorySegment.copy(
          segment, JAVA_BYTE, offset * dtype.bytes(), copy.segment, JAVA_BYTE, 0, bytes);
      return copy;
    }
    copy.assign(this);
    return copy;
  }

  /**
   * Overwrites the elements of this tensor by those of another of the same shape, converting the
   * dtype as {@link #set} does.
   *
   * @param source where the values come from
   */
  public void assign(Tensor source) {
    if (!Arrays.equals(shape, source.shape)) {
      throw RefusedException.value(
          "source",
          "expected shape %s, got %s"
              .formatted(Arrays.toString(shape), Arrays.toString(source.shape)));
    }
    Elements.copy(
        source.segment,
        source.dtype,
        source.offset,
        source.strides,
        segment,
        dtype,
        offset,
        strides,
        shape);
  }

  /**
   * All elements as float32, row-major.
   *
   * @return a new array
   */
  public float[] toFloatArray() {
    float[] values = new float[Math.toIntExact(elements())];
    of(values, shape).assign(this);
    return values;
  }

  private void checkDimension(int dimension) {
    if (dimension < 0 || dimension >= shape.length) {
      throw RefusedException.value(
          "dimension", "expected 0 <= dimension < %d, got %d".formatted(shape.length, dimension));
    }
  }

  /** Dtype and shape, for example {@code FLOAT32[2, 8, 128, 64]}. */
  @Override
  public String toString() {
    return dtype + Arrays.toString(shape);
  }
}
