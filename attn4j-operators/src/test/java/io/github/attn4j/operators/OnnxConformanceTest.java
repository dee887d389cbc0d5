package io.github.attn4j.operators;

import static io.github.attn4j.operators.Tensors.assertClose;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The standard's own test cases, with the results that the standard expects. */
@NullMarked
class OnnxConformanceTest {
  static Stream<String> backends() {
    return Tensors.backends();
  }

  /** A folder {@code shared/conformance/onnx} beside this checkout or above it. */
  private static @Nullable Path folder() {
    for (Path at = Path.of("").toAbsolutePath(); at != null; at = at.getParent()) {
      Path candidate = at.resolve("shared").resolve("conformance").resolve("onnx");
      if (Files.isDirectory(candidate)) {
        return candidate;
      }
    }
    return null;
  }

  @ParameterizedTest
  @MethodSource("backends")
  void everyPublishedCaseHolds(String backend) throws IOException {
    Path folder = folder();
    if (folder == null) {
      System.err.println(
          "SKIPPED: OnnxConformanceTest found no folder shared/conformance/onnx above here");
    }
    assumeTrue(folder != null, "no folder shared/conformance/onnx");
    List<Path> files;
    try (Stream<Path> all = Files.list(folder)) {
      files = all.filter(file -> file.toString().endsWith(".safetensors")).sorted().toList();
    }
    assertThat(files).hasSize(38);
    for (Path file : files) {
      OnnxCapture capture = OnnxCapture.read(file);
      OnnxAttention.Result result = capture.call().backend(backend).forward();
      String name = String.valueOf(file.getFileName());
      Tensor expected = capture.required("expected.Y");
      // Numbers below 2, computed in float32 and rounded once; the file's were computed in float16.
      double tolerance = expected.dtype() == DType.FLOAT16 ? 1e-3 : 1e-6;
      check(name + " Y", result.y(), expected, tolerance);
      check(name, result.presentKey(), capture.tensor("expected.present_key"), 0);
      check(name, result.presentValue(), capture.tensor("expected.present_value"), 0);
      check(name, result.qkMatmulOutput(), capture.tensor("expected.qk_matmul_output"), 2e-6);
    }
  }

  private static void check(
      String what, @Nullable Tensor got, @Nullable Tensor expected, double tolerance) {
    if (got == null || expected == null) {
      assertThat(got).as(what).isSameAs(expected);
      return;
    }
    assertThat(got.dtype()).as(what).isEqualTo(expected.dtype());
    assertThat(got.shape()).as(what).isEqualTo(expected.shape());
    assertClose(what, got, Oracle.doubles(expected), tolerance);
  }
}
