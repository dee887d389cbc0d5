package io.github.attn4j.cli.capture;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class SafetensorsTest {
  @TempDir Path folder;

  private static Tensor counting(DType dtype, long... shape) {
    Tensor tensor = Tensor.zeros(dtype, shape);
    Tensor flat = tensor.reshape(tensor.elements());
    for (long n = 0; n < flat.elements(); n++) {
      flat.set((double) (dtype == DType.BOOL ? n % 2 : n - 3), n);
    }
    return tensor;
  }

  private static void assertEqual(Tensor got, Tensor expected) {
    assertThat(got).hasToString(expected.toString());
    assertThat(got.to(DType.INT64).toFloatArray())
        .isEqualTo(expected.to(DType.INT64).toFloatArray());
  }

  @ParameterizedTest
  @EnumSource(DType.class)
  void whatIsWrittenIsRead(DType dtype) throws IOException {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put("matrix", counting(dtype, 3, 5));
    tensors.put("scalar", counting(dtype));
    tensors.put("empty", counting(dtype, 2, 0, 7));
    tensors.put("view", counting(dtype, 4, 6).transpose(0, 1).slice(0, 1, 5));
    Path file = folder.resolve("all.safetensors");
    SafetensorsWriter.write(file, Map.of("op", "none"), tensors);
    try (SafetensorsFile read = SafetensorsFile.open(file)) {
      assertThat(read.metadata()).isEqualTo(Map.of("op", "none"));
      assertThat(read.tensors()).containsOnlyKeys(tensors.keySet());
      tensors.forEach((name, tensor) -> assertEqual(RawFile.tensor(read, name), tensor));
    }
  }

  @Test
  void int64SurvivesBeyondTheIntegersOfDouble() throws IOException {
    Path file = folder.resolve("long.safetensors");
    SafetensorsWriter.write(
        file, Map.of(), Map.of("seed", Tensor.of(new long[] {Long.MAX_VALUE}, 1)));
    byte[] bytes = Files.readAllBytes(file);
    assertThat(ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong(bytes.length - 8))
        .isEqualTo(Long.MAX_VALUE);
  }

  @Test
  void bytesDependOnTheContentOnly() throws IOException {
    Tensor a = counting(DType.INT8, 3);
    Tensor b = counting(DType.FLOAT32, 2);
    Map<String, Tensor> oneOrder = new LinkedHashMap<>();
    oneOrder.put("a", a);
    oneOrder.put("b", b);
    Map<String, Tensor> otherOrder = new LinkedHashMap<>();
    otherOrder.put("b", b);
    otherOrder.put("a", a);
    Path first = folder.resolve("first");
    Path second = folder.resolve("second");
    SafetensorsWriter.write(first, Map.of("x", "1", "y", "2"), oneOrder);
    SafetensorsWriter.write(second, Map.of("y", "2", "x", "1"), otherOrder);
    assertThat(first).hasSameBinaryContentAs(second);
  }

  @Test
  void everyTensorLiesAligned() throws IOException {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put("bytes", counting(DType.INT8, 3));
    tensors.put("halves", counting(DType.FLOAT16, 3));
    tensors.put("floats", counting(DType.FLOAT32, 3));
    tensors.put("longs", counting(DType.INT64, 3));
    Path file = folder.resolve("aligned.safetensors");
    SafetensorsWriter.write(file, Map.of(), tensors);
    try (SafetensorsFile read = SafetensorsFile.open(file)) {
      // A mapping starts at a page, so the address tells the alignment in the file.
      read.tensors()
          .values()
          .forEach(t -> assertThat(t.segment().address() % t.dtype().bytes()).isZero());
    }
  }

  @Test
  void tensorsMayLieAnywhere() throws IOException {
    String header =
        """
        {"b":{"dtype":"I8","shape":[1],"data_offsets":[0,1]},\
        "f":{"dtype":"F32","shape":[2],"data_offsets":[1,9]},\
        "s":{"dtype":"BF16","shape":[],"data_offsets":[9,11]}}\
        """;
    ByteBuffer data = ByteBuffer.allocate(11).order(ByteOrder.LITTLE_ENDIAN);
    data.put((byte) 7).putFloat(1.5f).putFloat(-2).putShort(DType.floatToBfloat16(0.25f));
    // A header of odd length besides.
    Path file = folder.resolve("odd.safetensors");
    byte[] json = (header + (header.length() % 2 == 0 ? " " : "")).getBytes(StandardCharsets.UTF_8);
    RawFile.write(file, json, data.array());
    try (SafetensorsFile read = SafetensorsFile.open(file)) {
      assertThat(RawFile.tensor(read, "b").get(0)).isEqualTo(7);
      assertThat(RawFile.tensor(read, "f").toFloatArray()).containsExactly(1.5f, -2);
      assertThat(RawFile.tensor(read, "s").get()).isEqualTo(0.25);
    }
  }

  @Test
  void unsignedBytesKeepTheirBits() throws IOException {
    String header = "{\"u\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}";
    Path file = folder.resolve("u8.safetensors");
    RawFile.write(file, header.getBytes(StandardCharsets.UTF_8), new byte[] {(byte) 0x80});
    try (SafetensorsFile read = SafetensorsFile.open(file)) {
      assertThat(RawFile.tensor(read, "u").dtype()).isEqualTo(DType.INT8);
      assertThat(RawFile.tensor(read, "u").get(0)).isEqualTo(-128);
    }
  }

  @Test
  void namesOfAnyScriptSurvive() throws IOException {
    Path file = folder.resolve("names.safetensors");
    Map<String, Tensor> tensors =
        Map.of("q\"\\\n\t\u00e9\u4e2d\ud83d\ude00", counting(DType.INT8, 1));
    SafetensorsWriter.write(file, Map.of("k\u0001", "v\u20ac"), tensors);
    try (SafetensorsFile read = SafetensorsFile.open(file)) {
      assertThat(read.tensors()).containsOnlyKeys(tensors.keySet());
      assertThat(read.metadata()).isEqualTo(Map.of("k\u0001", "v\u20ac"));
    }
  }

  @Test
  void nothingHalfWrittenIsLeft() throws IOException {
    SafetensorsWriter.write(folder.resolve("x.safetensors"), Map.of(), Map.of());
    try (var files = Files.list(folder)) {
      assertThat(files.map(file -> file.getFileName().toString()).toList())
          .isEqualTo(List.of("x.safetensors"));
    }
  }
}
