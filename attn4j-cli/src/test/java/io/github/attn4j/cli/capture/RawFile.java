package io.github.attn4j.cli.capture;

import io.github.attn4j.Tensor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;

/** Safetensors files written byte by byte, sound or not. */
public final class RawFile {
  private RawFile() {}

  /** A tensor that must be there. */
  public static Tensor tensor(SafetensorsFile file, String name) {
    return Objects.requireNonNull(file.tensors().get(name), name);
  }

  /** A file of a header and so many zero bytes of data. */
  public static Path write(Path file, String header, int dataBytes) throws IOException {
    return write(file, header.getBytes(StandardCharsets.UTF_8), new byte[dataBytes]);
  }

  /** A file of a header and data. */
  public static Path write(Path file, byte[] header, byte[] data) throws IOException {
    return write(file, header.length, header, data);
  }

  /** A file whose length field says what it likes. */
  public static Path write(Path file, long length, byte[] header, byte[] data) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(8 + header.length + data.length);
    bytes.order(ByteOrder.LITTLE_ENDIAN).putLong(length).put(header).put(data);
    return Files.write(file, bytes.array());
  }
}
