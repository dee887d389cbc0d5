package io.github.attn4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

class BenchCommandTest {
  @TempDir Path folder;

  private final StringWriter out = new StringWriter();

  /** The command with little patience: the numbers are not what is tested. */
  private int bench(String... arguments) {
    PrintWriter writer = new PrintWriter(out, true);
    return new CommandLine(new BenchCommand(new Terminal(writer, writer, false), 0.01))
        .setOut(writer)
        .setErr(writer)
        .execute(arguments);
  }

  private static Map<String, String> object(String line) throws IOException {
    Map<String, String> values = new LinkedHashMap<>();
    try (JsonParser parser = new JsonFactory().createParser(line)) {
      assertThat(parser.nextToken()).isEqualTo(JsonToken.START_OBJECT);
      while (parser.nextToken() != JsonToken.END_OBJECT) {
        String key = parser.currentName();
        assertThat(parser.nextToken().isScalarValue()).isTrue();
        values.put(key, parser.getText());
      }
      assertThat(parser.nextToken()).isNull();
    }
    return values;
  }

  @Test
  void everyCombinationIsALineWithAllItsKeys() throws IOException {
    Path json = folder.resolve("bench.jsonl");
    int status =
        bench(
            "--mask",
            "full,causal",
            "--pass",
            "forward,backward",
            "--seq",
            "64",
            "--dim",
            "16",
            "--heads",
            "2",
            "--kv-heads",
            "1",
            "--json",
            json.toString());
    assertThat(status).as(out.toString()).isZero();
    List<String> lines = Files.readAllLines(json);
    assertThat(lines).hasSize(4);
    for (String line : lines) {
      Map<String, String> values = object(line);
      assertThat(values)
          .containsKeys(
              "pass",
              "dtype",
              "mask",
              "batch",
              "heads",
              "kv_heads",
              "seq",
              "seq_k",
              "dim",
              "threads",
              "seconds",
              "gflops",
              "peak_gflops",
              "share",
              "tile_density",
              "vector_bits",
              "backend",
              "runs");
      double gflops = Double.parseDouble(values.get("gflops"));
      double share = Double.parseDouble(values.get("share"));
      double peak = Double.parseDouble(values.get("peak_gflops"));
      assertThat(share).isCloseTo(gflops / peak, Offset.offset(1e-9));
      double visible = "causal".equals(values.get("mask")) ? 65 / 128.0 : 1;
      double passes = "backward".equals(values.get("pass")) ? 2.5 : 1;
      assertThat(gflops * Double.parseDouble(values.get("seconds")))
          .isCloseTo(4 * 2 * 64 * 64 * 16 * visible * passes * 1e-9, Offset.offset(1e-12));
    }
    assertThat(out.toString().lines()).hasSize(5);
  }

  @Test
  void decodingIsMeasuredByTheBytesOfItsCache() throws IOException {
    Path json = folder.resolve("decode.jsonl");
    String[] line =
        ("--pass decode --dtype f32,bf16,f16,int8,int4 --page-size 0,16 --batch 2 --heads 4"
                + " --kv-heads 2 --seq-k 40 --dim 16 --json "
                + json)
            .split(" ", -1);
    assertThat(bench(line)).as(out.toString()).isZero();
    List<String> lines = Files.readAllLines(json);
    assertThat(lines).hasSize(10);
    Map<String, Double> bytesPerElement =
        Map.of("f32", 4.0, "bf16", 2.0, "f16", 2.0, "int8", 1.0, "int4", 0.5);
    for (String one : lines) {
      Map<String, String> values = object(one);
      assertThat(values)
          .containsEntry("pass", "decode")
          .containsEntry("seq", "1")
          .containsEntry("seq_k", "40")
          .containsKeys("threads", "runs", "backend", "vector_bits");
      double bytes =
          2 * 2 * 2 * 40 * 16 * Objects.requireNonNull(bytesPerElement.get(values.get("dtype")));
      double seconds = number(values, "seconds");
      double rate = number(values, "cache_gb_per_second");
      assertThat(rate * seconds).isCloseTo(bytes * 1e-9, Offset.offset(1e-15));
      assertThat(number(values, "tokens_per_second") * seconds).isCloseTo(2, Offset.offset(1e-9));
      assertThat(number(values, "share"))
          .isCloseTo(rate / number(values, "read_gb_per_second"), Offset.offset(1e-9));
    }
    assertThat(out.toString().lines()).hasSize(11);
    assertThat(out.toString()).contains("tokens/s", "GB/s");
  }

  private static double number(Map<String, String> values, String key) {
    return Double.parseDouble(Objects.requireNonNull(values.get(key)));
  }

  @Test
  void lengthsOfQueryAndKeyMayDiffer() {
    assertThat(bench("--seq", "32", "--seq-k", "64", "--dim", "8", "--mask", "causal")).isZero();
    assertThat(bench("--seq", "32", "--seq-k", "64", "--mask", "document")).isEqualTo(2);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--pass sideways",
        "--dtype int8",
        "--dtype f64",
        "--mask nonsense",
        "--page-size 16",
        "--pass decode --mask causal",
        "--pass decode --page-size -1",
        "--pass decode --dtype i8",
        "--heads 3 --kv-heads 2",
        "--dim 0",
        "--threads -1",
        "--seq x",
        "--seq -4"
      })
  void whatCannotBeMeasuredIsAWrongCommandLine(String line) {
    Cli.Said said = Cli.run(("bench " + line).split(" ", -1));
    assertThat(said.status()).isEqualTo(2);
    assertThat(said.out()).isEmpty();
    assertThat(said.err()).contains("attn4j bench").doesNotContain("\tat ");
  }
}
