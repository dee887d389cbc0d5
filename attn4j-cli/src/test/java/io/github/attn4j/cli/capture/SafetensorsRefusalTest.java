package io.github.attn4j.cli.capture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.sun.management.ThreadMXBean;
import io.github.attn4j.RefusedException;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every way in which a file can lie about itself is refused, naming what is wrong. */
class SafetensorsRefusalTest {
  @TempDir Path folder;

  private static RefusedException refusal(Path file) {
    return catchThrowableOfType(RefusedException.class, () -> SafetensorsFile.open(file).close());
  }

  private Path file() {
    return folder.resolve("broken.safetensors");
  }

  private static String entry(String name, String dtype, String shape, String offsets) {
    return "\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":%s}"
        .formatted(name, dtype, shape, offsets);
  }

  static Stream<Arguments> headers() {
    String good = entry("a", "F32", "[2]", "[0,8]");
    return Stream.of(
        Arguments.of(
            "overlap", "b", "{" + good + "," + entry("b", "F32", "[2]", "[4,12]") + "}", 12),
        Arguments.of(
            "same bytes", "b", "{" + good + "," + entry("b", "F32", "[2]", "[0,8]") + "}", 8),
        Arguments.of("hole before", "a", "{" + entry("a", "F32", "[2]", "[4,12]") + "}", 12),
        Arguments.of(
            "hole between", "b", "{" + good + "," + entry("b", "I8", "[1]", "[9,10]") + "}", 10),
        Arguments.of("hole behind", "header", "{" + good + "}", 9),
        Arguments.of("data without tensors", "header", "{}", 1),
        Arguments.of("out of range", "a", "{" + good + "}", 7),
        Arguments.of(
            "far out of range",
            "a",
            "{" + entry("a", "F32", "[2]", "[9223372036854775799,9223372036854775807]") + "}",
            8),
        Arguments.of("descending", "a", "{" + entry("a", "F32", "[2]", "[8,0]") + "}", 8),
        Arguments.of("negative offset", "a", "{" + entry("a", "F32", "[2]", "[-8,0]") + "}", 8),
        Arguments.of(
            "offset beyond 64 bits",
            "a",
            "{" + entry("a", "F32", "[2]", "[0,18446744073709551616]") + "}",
            8),
        Arguments.of("one offset", "a", "{" + entry("a", "F32", "[2]", "[0]") + "}", 8),
        Arguments.of("three offsets", "a", "{" + entry("a", "F32", "[2]", "[0,4,8]") + "}", 8),
        Arguments.of("size too small", "a", "{" + entry("a", "F32", "[3]", "[0,8]") + "}", 8),
        Arguments.of("size too large", "a", "{" + entry("a", "F32", "[1]", "[0,8]") + "}", 8),
        Arguments.of(
            "size of another dtype", "a", "{" + entry("a", "F16", "[2]", "[0,8]") + "}", 8),
        Arguments.of("negative extent", "a", "{" + entry("a", "F32", "[-2]", "[0,8]") + "}", 8),
        Arguments.of(
            "two negative extents", "a", "{" + entry("a", "F32", "[-1,-2]", "[0,8]") + "}", 8),
        Arguments.of("fractional extent", "a", "{" + entry("a", "F32", "[2.0]", "[0,8]") + "}", 8),
        Arguments.of(
            "extents that overflow to the size",
            "a",
            "{" + entry("a", "I8", "[4294967296,4294967296,8]", "[0,0]") + "}",
            0),
        Arguments.of(
            "extents that overflow to eight",
            "a",
            "{" + entry("a", "I8", "[6148914691236517208,3]", "[0,8]") + "}",
            8),
        Arguments.of(
            "too many dimensions",
            "a",
            "{" + entry("a", "I8", "[" + "1,".repeat(40) + "8]", "[0,8]") + "}",
            8),
        Arguments.of("unknown dtype", "a", "{" + entry("a", "F31", "[2]", "[0,8]") + "}", 8),
        Arguments.of(
            "dtype without a type here", "a", "{" + entry("a", "F64", "[1]", "[0,8]") + "}", 8),
        Arguments.of(
            "dtype in small letters", "a", "{" + entry("a", "f32", "[2]", "[0,8]") + "}", 8),
        Arguments.of(
            "dtype that is no string",
            "a",
            "{\"a\":{\"dtype\":32,\"shape\":[2],\"data_offsets\":[0,8]}}",
            8),
        Arguments.of("no dtype", "a", "{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8),
        Arguments.of("no shape", "a", "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8),
        Arguments.of("no offsets", "a", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8),
        Arguments.of(
            "unknown field",
            "a",
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"x\":1}}",
            8),
        Arguments.of("shape that is no list", "a", "{" + entry("a", "F32", "2", "[0,8]") + "}", 8),
        Arguments.of("tensor that is no object", "a", "{\"a\":[]}", 0),
        Arguments.of(
            "field twice",
            "header",
            "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"I32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
            8),
        Arguments.of("tensor twice", "header", "{" + good + "," + good + "}", 8),
        Arguments.of("metadata twice", "header", "{\"__metadata__\":{},\"__metadata__\":{}}", 0),
        Arguments.of("metadata that is no object", "header", "{\"__metadata__\":\"x\"}", 0),
        Arguments.of("metadata that is no string", "header", "{\"__metadata__\":{\"op\":1}}", 0),
        Arguments.of(
            "deep nesting",
            "header",
            "{\"__metadata__\":{}, \"" + "x".repeat(10) + "\":{\"shape\":" + "[".repeat(5000),
            0),
        Arguments.of("no JSON", "header", "{hello}", 0),
        Arguments.of("cut JSON", "header", "{\"a\":{\"dtype\":\"F32\"", 0),
        Arguments.of("two values", "header", "{} {}", 0),
        Arguments.of("list", "header", "[]", 0),
        Arguments.of("blank before", "header", " {}", 0),
        Arguments.of("empty header", "header", "", 0));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("headers")
  void aBrokenHeaderIsRefused(String what, String argument, String header, int dataBytes)
      throws IOException {
    RefusedException refusal = refusal(RawFile.write(file(), header, dataBytes));
    assertThat(refusal).as(what).isNotNull();
    // Deep nesting breaks inside a tensor as much as inside the header; either name is right.
    assertThat(refusal.argument())
        .isIn(argument, what.equals("deep nesting") ? "xxxxxxxxxx" : argument);
    assertThat(refusal.getMessage()).contains("expected");
  }

  @Test
  void aWrongDtypeIsATypeError() throws IOException {
    RawFile.write(file(), "{" + entry("query", "F64", "[1]", "[0,8]") + "}", 8);
    assertThat(refusal(file()).kind()).isEqualTo(RefusedException.Kind.TYPE_ERROR);
    assertThat(refusal(file())).hasMessageContaining("query").hasMessageContaining("F64");
  }

  @Test
  void everyTruncationIsRefused() throws IOException {
    String header = "{" + entry("a", "F32", "[2]", "[0,8]") + "}";
    byte[] whole = Files.readAllBytes(RawFile.write(file(), header, 8));
    for (int length = 0; length < whole.length; length++) {
      Files.write(file(), java.util.Arrays.copyOf(whole, length));
      RefusedException refusal = refusal(file());
      assertThat(refusal).as("%d of %d bytes", length, whole.length).isNotNull();
      assertThat(refusal.argument()).isEqualTo(length < 8 + header.length() ? "header" : "a");
    }
  }

  @ParameterizedTest
  @org.junit.jupiter.params.provider.ValueSource(
      longs = {3, 100_000_001, 1L << 31, 1L << 40, Long.MAX_VALUE, Long.MIN_VALUE, -1})
  void aHostileLengthIsRefusedWithoutAllocating(long length) throws IOException {
    RawFile.write(file(), length, "{}".getBytes(StandardCharsets.UTF_8), new byte[0]);
    refusal(file());
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    RefusedException refusal = refusal(file());
    assertThat(threads.getCurrentThreadAllocatedBytes() - before).isLessThan(1 << 20);
    assertThat(refusal.argument()).isEqualTo("header");
    assertThat(refusal).hasMessageContaining(Long.toUnsignedString(length));
  }

  @Test
  void aHeaderBeyondTheFormatsLimitIsRefusedEvenIfTheFileHasIt() throws IOException {
    try (var channel =
        java.nio.channels.FileChannel.open(
            file(),
            java.nio.file.StandardOpenOption.CREATE,
            java.nio.file.StandardOpenOption.WRITE)) {
      // Sparse: takes no room on disk.
      var length = java.nio.ByteBuffer.allocate(8).order(java.nio.ByteOrder.LITTLE_ENDIAN);
      channel.write(length.putLong(100_000_001).flip());
      channel.write(java.nio.ByteBuffer.wrap(new byte[1]), 200_000_000);
    }
    assertThat(refusal(file()).argument()).isEqualTo("header");
  }

  @Test
  void hugeShapesAllocateNothing() throws IOException {
    RawFile.write(file(), "{" + entry("a", "F32", "[1099511627776]", "[0,4398046511104]") + "}", 8);
    assertThat(refusal(file()).argument()).isEqualTo("a");
  }

  @Test
  void moreTensorsThanACallCanHaveAreRefused() throws IOException {
    StringBuilder header = new StringBuilder("{");
    for (int n = 0; n <= 70_000; n++) {
      header.append(n == 0 ? "" : ",").append(entry("t" + n, "I8", "[0]", "[0,0]"));
    }
    RawFile.write(file(), header.append('}').toString(), 0);
    assertThat(refusal(file()).argument()).isEqualTo("header");
  }

  @ParameterizedTest
  @MethodSource("noUtf8")
  void whatIsNoUtf8IsRefused(byte[] bytes) throws IOException {
    byte[] header = new byte[bytes.length + 7];
    System.arraycopy("{\"".getBytes(StandardCharsets.UTF_8), 0, header, 0, 2);
    System.arraycopy(bytes, 0, header, 2, bytes.length);
    System.arraycopy("\":{}}".getBytes(StandardCharsets.UTF_8), 0, header, 2 + bytes.length, 5);
    RefusedException refusal = refusal(RawFile.write(file(), header, new byte[0]));
    assertThat(refusal.argument()).isEqualTo("header");
    assertThat(refusal).hasMessageContaining("UTF-8");
  }

  static Stream<byte[]> noUtf8() {
    return Stream.of(
        new byte[] {(byte) 0xff},
        new byte[] {(byte) 0xc3, 'x'},
        // Overlong, a surrogate, and beyond the last code point.
        new byte[] {(byte) 0xc0, (byte) 0x80},
        new byte[] {(byte) 0xed, (byte) 0xa0, (byte) 0x80},
        new byte[] {(byte) 0xf5, (byte) 0x80, (byte) 0x80, (byte) 0x80});
  }

  @Test
  void utf16IsNotGuessed() throws IOException {
    byte[] header = "{}".getBytes(StandardCharsets.UTF_16LE);
    assertThat(refusal(RawFile.write(file(), header, new byte[0])).argument()).isEqualTo("header");
  }

  @Test
  void aFolderOrNoFileIsRefused() {
    assertThat(refusal(folder).argument()).isEqualTo("header");
    assertThat(refusal(folder.resolve("nothing")).argument()).isEqualTo("header");
  }
}
