package io.github.attn4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.ShortBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Wrapping without copies, element access in every dtype, and refusals that say what came. */
final class TensorTest {
  @TempDir Path folder;

  @Test
  void arraysAreWrappedNotCopied() {
    float[] floats = {1, 2, 3, 4, 5, 6};
    Tensor tensor = Tensor.of(floats, 2, 3);
    floats[5] = 60;
    assertThat(tensor.get(1, 2)).isEqualTo(60);
    tensor.set(-1, 0, 1);
    assertThat(floats[1]).isEqualTo(-1);
    assertThat(tensor).hasToString("FLOAT32[2, 3]");
    assertThat(tensor.dtype()).isEqualTo(DType.FLOAT32);
    assertThat(tensor.rank()).isEqualTo(2);
    assertThat(tensor.shape()).containsExactly(2, 3);
    assertThat(tensor.dim(-1)).isEqualTo(3);
    assertThat(tensor.stride(0)).isEqualTo(3);
    assertThat(tensor.stride(-1)).isEqualTo(1);
    assertThat(tensor.elements()).isEqualTo(6);
    assertThat(tensor.isContiguous()).isTrue();
  }

  @Test
  void everyArrayTypeWraps() {
    short[] bits = {Float.floatToFloat16(1.5f), Float.floatToFloat16(-2)};
    assertThat(Tensor.of(bits, DType.FLOAT16, 2).toFloatArray()).containsExactly(1.5f, -2);
    short[] brain = {DType.floatToBfloat16(1.5f), DType.floatToBfloat16(-3)};
    assertThat(Tensor.of(brain, DType.BFLOAT16, 2).toFloatArray()).containsExactly(1.5f, -3);
    assertThat(Tensor.of(new int[] {7, Integer.MIN_VALUE}, 2).get(1)).isEqualTo(-0x1p31);
    assertThat(Tensor.of(new long[] {7, 1L << 52}, 2).get(1)).isEqualTo(0x1p52);
    byte[] bytes = {0, 5, -1};
    assertThat(Tensor.of(bytes, DType.INT8, 3).toFloatArray()).containsExactly(0, 5, -1);
    assertThat(Tensor.of(bytes, DType.BOOL, 3).toFloatArray()).containsExactly(0, 1, 1);
    assertThat(Tensor.of(new float[] {9}).get()).isEqualTo(9);
    assertThat(Tensor.of(new float[0], 3, 0).elements()).isZero();
  }

  @Test
  void segmentsMayBeLargerThanTheTensor() {
    MemorySegment segment = MemorySegment.ofArray(new float[10]);
    assertThat(Tensor.of(segment, DType.FLOAT32, 3, 3).elements()).isEqualTo(9);
    assertThatThrownBy(() -> Tensor.of(segment, DType.FLOAT32, 11))
        .isInstanceOf(RefusedException.class)
        .hasMessage("shape: expected at most 40 bytes of FLOAT32, got [11] (44 bytes)");
  }

  @Test
  void buffersAreWrappedFromTheirPosition() {
    FloatBuffer heap = FloatBuffer.wrap(new float[] {0, 1, 2, 3});
    heap.position(1);
    assertThat(Tensor.of(heap, DType.FLOAT32, 3).toFloatArray()).containsExactly(1, 2, 3);
    ByteBuffer direct = ByteBuffer.allocateDirect(16).order(ByteOrder.nativeOrder());
    direct.asFloatBuffer().put(3, 42);
    assertThat(Tensor.of(direct, DType.FLOAT32, 2, 2).get(1, 1)).isEqualTo(42);
    assertThat(Tensor.of(direct.asShortBuffer(), DType.BFLOAT16, 8).get(7)).isEqualTo(42);
    assertThat(Tensor.of(direct.asIntBuffer(), DType.INT32, 4).get(3))
        .isEqualTo(Float.floatToIntBits(42));
    assertThat(Tensor.of(direct.asLongBuffer(), DType.INT64, 2).elements()).isEqualTo(2);
  }

  /** Their bits would be read as other numbers. */
  @Test
  void buffersOfAnotherTypeAreRefused() {
    assertThatThrownBy(() -> Tensor.of(DoubleBuffer.allocate(4), DType.FLOAT32, 4))
        .isInstanceOf(RefusedException.class)
        .hasMessageStartingWith("buffer: expected bytes or elements of FLOAT32, got ")
        .hasMessageContaining("DoubleBuffer");
    assertThatThrownBy(() -> Tensor.of(IntBuffer.allocate(4), DType.FLOAT32, 4))
        .hasMessageContaining("IntBuffer");
    assertThatThrownBy(() -> Tensor.of(ShortBuffer.allocate(4), DType.INT8, 8))
        .hasMessageContaining("INT8");
  }

  @Test
  void buffersOfTheOtherByteOrderAreRefused() {
    ByteOrder other =
        ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN
            ? ByteOrder.BIG_ENDIAN
            : ByteOrder.LITTLE_ENDIAN;
    ByteBuffer bytes = ByteBuffer.allocateDirect(16).order(other);
    for (Buffer buffer :
        new Buffer[] {
          bytes.asFloatBuffer(), bytes.asShortBuffer(), bytes.asIntBuffer(), bytes.asLongBuffer()
        }) {
      assertThatThrownBy(() -> Tensor.of(buffer, DType.FLOAT32, 2))
          .isInstanceOf(RefusedException.class)
          .hasMessageContaining("buffer: expected byte order")
          .hasMessageContaining(other.toString());
    }
    assertThat(Tensor.of(bytes, DType.INT8, 16).elements()).isEqualTo(16);
  }

  @Test
  void filesAreMapped() throws IOException {
    Path file = folder.resolve("numbers");
    ByteBuffer bytes = ByteBuffer.allocate(13).order(ByteOrder.nativeOrder());
    bytes.position(1);
    bytes.putFloat(1).putFloat(2).putFloat(3);
    Files.write(file, bytes.array());
    try (Arena arena = Arena.ofConfined()) {
      Tensor tensor = Tensor.map(file, 1, arena, DType.FLOAT32, 3);
      assertThat(tensor.toFloatArray()).containsExactly(1, 2, 3);
      assertThat(Tensor.map(file, 13, arena, DType.FLOAT32, 0).elements()).isZero();
      assertThatThrownBy(() -> Tensor.map(file, 2, arena, DType.FLOAT32, 3))
          .isInstanceOf(RefusedException.class)
          .hasMessage("byteOffset: expected 12 bytes inside the file's 13, got offset 2");
      assertThatThrownBy(() -> Tensor.map(file, -1, arena, DType.FLOAT32, 3))
          .isInstanceOf(RefusedException.class);
      assertThatThrownBy(() -> Tensor.map(file, Long.MAX_VALUE, arena, DType.FLOAT32, 3))
          .isInstanceOf(RefusedException.class);
    }
  }

  /** Positions are long: a sparse file of three GiB, and a stride that runs past 2^31 elements. */
  @Test
  void positionsGoBeyondTwoToThe31() throws IOException {
    Path file = folder.resolve("sparse");
    long gib = 1L << 30;
    try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
      sparse.setLength(3 * gib);
      sparse.seek(3 * gib - 2);
      sparse.write(new byte[] {11, 22});
    }
    try (Arena arena = Arena.ofConfined()) {
      Tensor tensor = Tensor.map(file, 0, arena, DType.INT8, 3, gib);
      assertThat(tensor.elements()).isEqualTo(3 * gib);
      assertThat(tensor.get(2, gib - 1)).isEqualTo(22);
      Tensor corner = tensor.slice(1, gib - 2, gib).select(0, 2);
      assertThat(corner.offset()).isEqualTo(3 * gib - 2);
      assertThat(corner.toFloatArray()).containsExactly(11, 22);
      assertThat(tensor.transpose(0, 1).get(gib - 2, 2)).isEqualTo(11);
      assertThat(tensor.reshape(gib, 3).get(gib - 1, 2)).isEqualTo(22);
    }
    Tensor one = Tensor.of(new float[] {5}, 1, 1).expand(1L << 20, 1L << 20);
    assertThat(one.elements()).isEqualTo(1L << 40);
    assertThat(one.get((1L << 20) - 1, 12345)).isEqualTo(5);
    assertThat(one.isContiguous()).isFalse();
  }

  @Test
  void hostileShapesAreRefused() {
    assertThatThrownBy(() -> Tensor.zeros(DType.FLOAT32, 2, -1))
        .isInstanceOf(RefusedException.class)
        .hasMessage("shape: expected extents >= 0, got [2, -1]");
    assertThatThrownBy(() -> Tensor.zeros(DType.INT64, 1L << 31, 1L << 31))
        .isInstanceOf(RefusedException.class)
        .hasMessageContaining("fewer than 2^60 elements");
    assertThatThrownBy(() -> Tensor.of(new float[4], Long.MAX_VALUE, Long.MAX_VALUE, 4))
        .isInstanceOf(RefusedException.class);
    assertThat(Tensor.of(new float[0], Long.MAX_VALUE, 0).elements()).isZero();
    assertThatThrownBy(() -> Tensor.of(new float[5], 2, 3))
        .isInstanceOf(RefusedException.class)
        .hasMessage("shape: expected 5 elements, got [2, 3] (6 elements)");
  }

  @Test
  void arraysOfTheWrongDtypeAreRefused() {
    assertThatThrownBy(() -> Tensor.of(new short[1], DType.FLOAT32, 1))
        .isInstanceOfSatisfying(
            RefusedException.class,
            e -> assertThat(e.kind()).isEqualTo(RefusedException.Kind.TYPE_ERROR))
        .hasMessage("dtype: expected FLOAT16 or BFLOAT16 for a short[], got FLOAT32");
    assertThatThrownBy(() -> Tensor.of(new byte[1], DType.INT32, 1))
        .hasMessage("dtype: expected INT8 or BOOL for a byte[], got INT32");
  }

  @Test
  void elementsOutsideAreOutOfBounds() {
    Tensor tensor = Tensor.of(new float[6], 2, 3);
    assertThatThrownBy(() -> tensor.get(0, 3)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> tensor.get(-1, 0)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> tensor.set(1, 2, 0)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> tensor.get(1))
        .isInstanceOf(IndexOutOfBoundsException.class)
        .hasMessageContaining("expected 2 indices, got [1]");
  }

  @Test
  void integersAreCutToTheirRange() {
    Tensor bytes = Tensor.zeros(DType.INT8, 3);
    bytes.set(300, 0);
    bytes.set(-1e30, 1);
    bytes.set(-2.9, 2);
    assertThat(bytes.toFloatArray()).containsExactly(127, -128, -2);
    Tensor ints = Tensor.zeros(DType.INT32, 2);
    ints.set(1e12, 0);
    ints.set(Double.NaN, 1);
    assertThat(ints.get(0)).isEqualTo(Integer.MAX_VALUE);
    assertThat(ints.get(1)).isZero();
    Tensor flags = Tensor.zeros(DType.BOOL, 2);
    flags.set(0.25, 0);
    assertThat(flags.toFloatArray()).containsExactly(1, 0);
  }

  @Test
  void conversionsKeepEveryLong() {
    long big = (1L << 60) + 1;
    Tensor longs = Tensor.of(new long[] {big, -big}, 2, 1);
    Tensor copy = longs.transpose(0, 1).copy();
    assertThat(copy.segment().get(java.lang.foreign.ValueLayout.JAVA_LONG, 0)).isEqualTo(big);
    assertThat(copy.segment().get(java.lang.foreign.ValueLayout.JAVA_LONG, 8)).isEqualTo(-big);
  }

  @Test
  void assignConvertsAndChecksTheShape() {
    Tensor target = Tensor.zeros(DType.BFLOAT16, 2, 2);
    target.transpose(0, 1).assign(Tensor.of(new float[] {1, 2, 3, 4}, 2, 2));
    assertThat(target.toFloatArray()).containsExactly(1, 3, 2, 4);
    assertThatThrownBy(() -> target.assign(Tensor.zeros(DType.FLOAT32, 4)))
        .hasMessage("source: expected shape [2, 2], got [4]");
  }

  /** A view of nothing may start behind the end of its memory; there is nothing to copy. */
  @Test
  void viewsOfNothingAreCopied() {
    Tensor nothing = Tensor.zeros(DType.FLOAT32, 1, 3).slice(1, 2, 2).slice(0, 1, 1);
    assertThat(nothing.copy().shape()).containsExactly(0, 0);
    assertThat(nothing.to(DType.BFLOAT16).elements()).isZero();
  }
}
