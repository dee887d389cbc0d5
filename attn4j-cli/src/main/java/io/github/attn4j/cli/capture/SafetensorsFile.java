package io.github.attn4j.cli.capture;

import io.github.attn4j.RefusedException;
import io.github.attn4j.Tensor;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A safetensors file mapped into memory, read-only. Its tensors are views of the mapping, wherever
 * they lie in it, and live until {@link #close}.
 *
 * <p>The format: the header's length as a little-endian u64, the header as JSON, the tensors' bytes
 * without gaps.
 */
public final class SafetensorsFile implements AutoCloseable {
  /** The format's own limit on headers. */
  private static final long MAX_HEADER = 100_000_000;

  private static final int LENGTH_BYTES = Long.BYTES;

  private static final ValueLayout.OfLong LITTLE_ENDIAN_U64 =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Arena arena;
  private final Map<String, String> metadata;
  private final Map<String, Tensor> tensors;

  private SafetensorsFile(Arena arena, MemorySegment file) {
    this.arena = arena;
    long length = headerLength(file);
    MemorySegment data = file.asSlice(LENGTH_BYTES + length);
    SafetensorsHeader header =
        SafetensorsHeader.read(
            new SegmentStream(file.asSlice(LENGTH_BYTES, length)), data.byteSize());
    Map<String, Tensor> views = new LinkedHashMap<>();
    header
        .entries()
        .forEach((name, entry) ->
            views.put(
                name,
                Tensor.of(
                    data.asSlice(entry.begin(), entry.end() - entry.begin()),
                    entry.dtype(),
                    entry.shape())));
    metadata = Collections.unmodifiableMap(header.metadata());
    tensors = Collections.unmodifiableMap(views);
  }

  /**
   * Opens a file.
   *
   * @param path where it lies
   * @return the file; close it when its tensors are no longer needed
   * @throws RefusedException naming {@code header} or a tensor if it is not a sound safetensors
   *     file
   */
  public static SafetensorsFile open(Path path) {
    if (ByteOrder.nativeOrder() != ByteOrder.LITTLE_ENDIAN) {
      throw RefusedException.runtime(
          "header", "expected a little-endian machine, as the format is, got a big-endian one");
    }
    // Shared, because kernels read the tensors from several threads.
    Arena arena = Arena.ofShared();
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      return new SafetensorsFile(arena, channel.map(MapMode.READ_ONLY, 0, channel.size(), arena));
    } catch (IOException e) {
      arena.close();
      throw RefusedException.value("header", "expected a readable file, got " + e);
    } catch (RuntimeException e) {
      arena.close();
      throw e;
    }
  }

  private static long headerLength(MemorySegment file) {
    long size = file.byteSize();
    if (size < LENGTH_BYTES) {
      throw RefusedException.value("header", "expected at least 8 bytes, got a file of " + size);
    }
    long length = file.get(LITTLE_ENDIAN_U64, 0);
    // A length beyond 2^63 reads as negative.
    if (length < 0 || length > MAX_HEADER || length > size - LENGTH_BYTES) {
      throw RefusedException.value(
          "header",
          "expected a header of at most %d bytes within a file of %d, got a length of %s"
              .formatted(MAX_HEADER, size, Long.toUnsignedString(length)));
    }
    if (length == 0 || file.get(ValueLayout.JAVA_BYTE, LENGTH_BYTES) != '{') {
      throw RefusedException.value(
          "header", "expected JSON that starts with '{', got something else");
    }
    return length;
  }

  /**
   * The strings of the header's {@code __metadata__}.
   *
   * @return unmodifiable, empty if there are none
   */
  public Map<String, String> metadata() {
    return metadata;
  }

  /**
   * All tensors by name, in the order of the header.
   *
   * @return unmodifiable views of the mapped memory
   */
  public Map<String, Tensor> tensors() {
    return tensors;
  }

  @Override
  public void close() {
    arena.close();
  }

  /** The bytes of a segment as a stream, so that a large header is never copied as a whole. */
  private static final class SegmentStream extends InputStream {
    private final MemorySegment segment;
    private long position;

    SegmentStream(MemorySegment segment) {
      this.segment = segment;
    }

    @Override
    public int read() {
      return position == segment.byteSize()
          ? -1
          : Byte.toUnsignedInt(segment.get(ValueLayout.JAVA_BYTE, position++));
    }

    @Override
    public int read(byte[] target, int from, int length) {
      long count = Math.min(length, segment.byteSize() - position);
      if (count == 0) {
        return length == 0 ? 0 : -1;
      }
      MemorySegment.copy(segment, ValueLayout.JAVA_BYTE, position, target, from, (int) count);
      position += count;
      return (int) count;
    }
  }
}
