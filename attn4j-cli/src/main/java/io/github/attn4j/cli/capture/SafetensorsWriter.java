package io.github.attn4j.cli.capture;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Writes safetensors files whose bytes depend on nothing but the content: metadata sorted by key,
 * tensors by size of element and name. The header is padded to 8 bytes and wide elements come
 * first, so that every tensor lies aligned although the format allows no gaps.
 */
public final class SafetensorsWriter {
  private static final int CHUNK = 1 << 20;

  private SafetensorsWriter() {}

  /**
   * Writes a file; it appears under its name only when it is complete.
   *
   * @param path where; an existing file is replaced
   * @param metadata strings for {@code __metadata__}
   * @param tensors the tensors by name
   * @throws IOException if the file cannot be written
   */
  public static void write(Path path, Map<String, String> metadata, Map<String, Tensor> tensors)
      throws IOException {
    List<Map.Entry<String, Tensor>> ordered = new ArrayList<>(tensors.entrySet());
    ordered.sort(
        Comparator.comparingInt((Map.Entry<String, Tensor> e) -> -e.getValue().dtype().bytes())
            .thenComparing(Map.Entry::getKey));
    Path part = path.resolveSibling("." + path.getFileName() + ".part");
    try {
      try (FileChannel channel =
          FileChannel.open(
              part,
              StandardOpenOption.WRITE,
              StandardOpenOption.CREATE,
              StandardOpenOption.TRUNCATE_EXISTING)) {
        byte[] header = header(metadata, ordered);
        ByteBuffer head = ByteBuffer.allocate(Long.BYTES + header.length);
        head.order(ByteOrder.LITTLE_ENDIAN).putLong(header.length).put(header).flip();
        writeFully(channel, head);
        for (Map.Entry<String, Tensor> entry : ordered) {
          writeTensor(channel, entry.getValue());
        }
      }
      try {
        Files.move(part, path, StandardCopyOption.ATOMIC_MOVE);
      } catch (AtomicMoveNotSupportedException e) {
        Files.move(part, path, StandardCopyOption.REPLACE_EXISTING);
      }
    } finally {
      Files.deleteIfExists(part);
    }
  }

  private static byte[] header(
      Map<String, String> metadata, List<Map.Entry<String, Tensor>> tensors) {
    Map<String, Object> header = new LinkedHashMap<>();
    if (!metadata.isEmpty()) {
      header.put(SafetensorsHeader.METADATA, new TreeMap<>(metadata));
    }
    long end = 0;
    for (Map.Entry<String, Tensor> entry : tensors) {
      Tensor tensor = entry.getValue();
      long begin = end;
      end += tensor.elements() * tensor.dtype().bytes();
      Map<String, Object> fields = new LinkedHashMap<>();
      fields.put("dtype", DTypeTags.tag(tensor.dtype()));
      fields.put("shape", Arrays.stream(tensor.shape()).boxed().toList());
      fields.put("data_offsets", List.of(begin, end));
      header.put(entry.getKey(), fields);
    }
    byte[] json = Json.write(header).getBytes(StandardCharsets.UTF_8);
    byte[] padded = Arrays.copyOf(json, Math.ceilDiv(json.length, 8) * 8);
    Arrays.fill(padded, json.length, padded.length, (byte) ' ');
    return padded;
  }

  private static void writeTensor(FileChannel channel, Tensor tensor) throws IOException {
    DType dtype = tensor.dtype();
    Tensor dense = tensor.isContiguous() ? tensor : tensor.copy();
    long bytes = dense.elements() * dtype.bytes();
    MemorySegment data = dense.segment().asSlice(dense.offset() * dtype.bytes(), bytes);
    ByteBuffer chunk = ByteBuffer.allocateDirect((int) Math.min(CHUNK, bytes));
    for (long at = 0; at < bytes; at += CHUNK) {
      long count = Math.min(CHUNK, bytes - at);
      MemorySegment.copy(data, at, MemorySegment.ofBuffer(chunk.clear()), 0, count);
      writeFully(channel, chunk.limit((int) count));
    }
  }

  private static void writeFully(FileChannel channel, ByteBuffer buffer) throws IOException {
    while (buffer.hasRemaining()) {
      channel.write(buffer);
    }
  }
}
