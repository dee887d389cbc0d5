package io.github.attn4j.examples.minilm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Weights come out as they were written; files that are cut or spoilt are refused and named. */
class OnnxModelTest {
  /** A model with a product {@code y = x w}, w being 2 by 3. */
  private static byte[] model() {
    byte[] weights = tensor("w", 1, floats(1, 2, 3, 4, 5, 6), 2, 3);
    byte[] node = join(text(1, "x"), text(1, "w"), text(2, "y"), text(4, "MatMul"));
    return join(varint(1, 6), text(2, "writer"), bytes(7, join(bytes(1, node), bytes(5, weights))));
  }

  @Test
  void readsInitialisersAndWhoMultipliesByThem() throws IOException {
    OnnxModel model = new OnnxModel(model());
    assertThat(model.floats("w", 2, 3)).containsExactly(1, 2, 3, 4, 5, 6);
    assertThat(model.rightOperand("y", 2, 3)).containsExactly(1, 2, 3, 4, 5, 6);
  }

  @Test
  void dimensionsMayBePacked() throws IOException {
    byte[] weights =
        join(bytes(1, new byte[] {2, 1}), varint(2, 1), text(8, "w"), bytes(9, floats(7, 8)));
    OnnxModel model = new OnnxModel(bytes(7, bytes(5, weights)));
    assertThat(model.floats("w", 2, 1)).containsExactly(7, 8);
  }

  @Test
  void refusesWhatTheCallerCannotUse() throws IOException {
    OnnxModel model =
        new OnnxModel(
            bytes(
                7,
                join(
                    bytes(5, tensor("w", 1, floats(1, 2), 2)),
                    bytes(5, tensor("integers", 7, new byte[16], 2)),
                    bytes(5, tensor("short", 1, floats(1), 2)))));
    assertThatThrownBy(() -> model.floats("v", 2))
        .hasMessage("v: expected an initialiser, got none of this name");
    assertThatThrownBy(() -> model.floats("w", 1, 2))
        .hasMessage("w: expected data type 1 [1, 2], got 1 [2]");
    assertThatThrownBy(() -> model.floats("integers", 2))
        .hasMessage("integers: expected data type 1 [2], got 7 [2]");
    assertThatThrownBy(() -> model.floats("short", 2))
        .hasMessage("short: expected 8 bytes of raw_data, got 4");
    assertThatThrownBy(() -> model.rightOperand("y", 2))
        .hasMessage("y: expected the output of a MatMul, got none of this name");
  }

  @Test
  void everyCutIsNoticed() {
    byte[] whole = model();
    for (int length = 0; length < whole.length; length++) {
      byte[] cut = Arrays.copyOf(whole, length);
      assertThatThrownBy(() -> new OnnxModel(cut).floats("w", 2, 3))
          .as("%d of %d bytes", length, whole.length)
          .isInstanceOf(IOException.class);
    }
  }

  @Test
  void spoiltBytesAreRefusedOrRead() {
    byte[] whole = model();
    SplittableRandom random = new SplittableRandom(1);
    int refused = 0;
    for (int n = 0; n < 5000; n++) {
      byte[] spoilt = whole.clone();
      spoilt[random.nextInt(spoilt.length)] = (byte) random.nextInt();
      try {
        assertThat(new OnnxModel(spoilt).floats("w", 2, 3)).hasSize(6);
      } catch (IOException e) {
        refused++;
      }
    }
    assertThat(refused).isPositive();
  }

  @ParameterizedTest
  @CsvSource({
    // An integer that never ends, one that the end cuts, one that is too long.
    "08 80, 'byte 1: expected an integer, got the end of the message'",
    "80, 'byte 0: expected an integer, got the end of the message'",
    "08 80 80 80 80 80 80 80 80 80 80 01, 'byte 1: expected an integer of at most 10 bytes'",
    // Lengths beyond the end, and one whose sign bit is set.
    "3a 02 00, 'byte 2: expected 2 bytes in field 7, got 1'",
    "3a ff ff ff ff ff ff ff ff ff 01, 'byte 11: expected -1 bytes in field 7, got 0'",
    "3a ff ff ff ff 0f, 'byte 6: expected 4294967295 bytes in field 7, got 0'",
    "09 01 02, 'byte 1: expected 8 bytes in field 1, got 2'",
    "0d 01 02, 'byte 1: expected 4 bytes in field 1, got 2'",
    // Groups, which were given up long ago; a field that cannot be; a graph that is a number.
    "0b 0c, 'byte 0: expected wire type 0, 1, 2 or 5, got 3'",
    "02 00, 'byte 0: expected a field number'",
    "38 01, 'byte 2: expected a message in field 7, got wire type 0'",
    // Inside: a node inside the graph is longer than the graph.
    "3a 02 0a 7f, 'byte 4: expected 127 bytes in field 1, got 0'",
    "3a 04 0a 02 20 01, 'byte 6: expected text in field 4, got wire type 0'",
    "'', 'expected a graph with initialisers, got none'"
  })
  void saysWhereItWentWrong(String hex, String message) {
    byte[] file = HexFormat.of().parseHex(hex.replace(" ", ""));
    assertThatThrownBy(() -> new OnnxModel(file))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(message);
  }

  private static byte[] tensor(String name, int type, byte[] raw, int... shape) {
    byte[] dims = {};
    for (int extent : shape) {
      dims = join(dims, varint(1, extent));
    }
    return join(dims, varint(2, type), text(8, name), bytes(9, raw));
  }

  private static byte[] floats(float... numbers) {
    ByteBuffer raw = ByteBuffer.allocate(4 * numbers.length).order(ByteOrder.LITTLE_ENDIAN);
    raw.asFloatBuffer().put(numbers);
    return raw.array();
  }

  private static byte[] text(int field, String text) {
    return bytes(field, text.getBytes(StandardCharsets.UTF_8));
  }

  /** Fields and lengths of this test are below 128: one byte each. */
  private static byte[] bytes(int field, byte[] content) {
    assertThat(content).hasSizeLessThan(128);
    return join(new byte[] {(byte) (field << 3 | 2), (byte) content.length}, content);
  }

  private static byte[] varint(int field, int value) {
    return new byte[] {(byte) (field << 3), (byte) value};
  }

  private static byte[] join(byte[]... parts) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      all.writeBytes(part);
    }
    return all.toByteArray();
  }
}
