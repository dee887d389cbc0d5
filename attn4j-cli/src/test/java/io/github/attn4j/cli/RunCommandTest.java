package io.github.attn4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import io.github.attn4j.cli.capture.RawFile;
import io.github.attn4j.cli.capture.SafetensorsFile;
import io.github.attn4j.cli.capture.SafetensorsWriter;
import io.github.attn4j.operators.FlashmaskAttention;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Replays calls written by the test, their expectations by the float64 reference. */
class RunCommandTest {
  private static final String OP = "paddle.flashmask_attention";

  @TempDir Path folder;

  private final Random random = new Random(11);

  private Path out() {
    return folder.resolve("out");
  }

  private Tensor random(DType dtype, long... shape) {
    Tensor tensor = Tensor.zeros(DType.FLOAT32, shape);
    Tensor flat = tensor.reshape(tensor.elements());
    for (long n = 0; n < flat.elements(); n++) {
      flat.set(random.nextGaussian(), n);
    }
    return tensor.to(dtype);
  }

  /** A causal call with documents, dropout by a fixed seed, backward and every result expected. */
  private Map<String, Tensor> call(DType dtype) {
    Map<String, Tensor> call = new HashMap<>();
    call.put("query", random(dtype, 2, 37, 4, 16));
    call.put("key", random(dtype, 2, 37, 2, 16));
    call.put("value", random(dtype, 2, 37, 2, 8));
    Tensor indices = Tensor.zeros(DType.INT32, 2, 1, 37, 1);
    for (int j = 0; j < 37; j++) {
      indices.set(j < 20 ? 20 : 37, 0, 0, j, 0);
      indices.set(30, 1, 0, j, 0);
    }
    call.put("startend_row_indices", indices);
    call.put("fixed_seed_offset", Tensor.of(new long[] {7, 9}, 2));
    call.put("dout", random(dtype, 2, 37, 4, 8));
    FlashmaskAttention reference =
        FlashmaskAttention.of(get(call, "query"), get(call, "key"), get(call, "value"))
            .startendRowIndices(indices)
            .causal(true)
            .dropout(0.25)
            .fixedSeedOffset(call.get("fixed_seed_offset"))
            .returnSoftmaxLse(true)
            .backend("reference");
    FlashmaskAttention.Result result = reference.forward();
    FlashmaskAttention.Gradients gradients = reference.backward(result, get(call, "dout"));
    call.put("expected.out", result.out());
    call.put("expected.softmax_lse", Objects.requireNonNull(result.softmaxLse()));
    call.put("expected.seed_offset", get(call, "fixed_seed_offset"));
    call.put("expected.dquery", gradients.dquery());
    call.put("expected.dkey", gradients.dkey());
    call.put("expected.dvalue", gradients.dvalue());
    return call;
  }

  private static Tensor get(Map<String, Tensor> call, String name) {
    return Objects.requireNonNull(call.get(name));
  }

  private Path write(String name, Map<String, Tensor> call) throws IOException {
    Path file = folder.resolve(name + ".safetensors");
    String attrs =
        "{\"causal\": true, \"dropout\": 0.25, "
            + "\"return_softmax_lse\": true, \"return_seed_offset\": true}";
    SafetensorsWriter.write(file, Map.of("op", OP, "attrs", attrs, "source", "a test"), call);
    return file;
  }

  private Cli.Said run(Path... files) {
    String[] arguments = new String[files.length + 5];
    arguments[0] = "run";
    arguments[1] = "--out";
    arguments[2] = out().toString();
    arguments[3] = "--threads";
    arguments[4] = "2";
    for (int n = 0; n < files.length; n++) {
      arguments[n + 5] = files[n].toString();
    }
    return Cli.run(arguments);
  }

  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"FLOAT32", "BFLOAT16", "FLOAT16"})
  void aCallThatAgreesWritesItsResults(DType dtype) throws IOException {
    Cli.Said said = run(write("good", call(dtype)));
    assertThat(said.out()).contains("good", OP, "skipped", "dvalue").doesNotContain("DIFFERS");
    assertThat(said.status()).isZero();
    assertThat(said.out().lines()).hasSize(1);
    assertThat(said.err()).isEmpty();
    try (SafetensorsFile results = SafetensorsFile.open(out().resolve("good.safetensors"))) {
      assertThat(results.tensors())
          .containsOnlyKeys("out", "softmax_lse", "seed_offset", "dquery", "dkey", "dvalue");
      assertThat(results.metadata())
          .containsEntry("op", OP)
          .containsEntry("backend", "cpu")
          .containsKeys("seconds", "skipped_tile_share");
      assertThat(RawFile.tensor(results, "out").dtype()).isEqualTo(dtype);
    }
  }

  @Test
  void onlyWhatTheCallAsksForIsWritten() throws IOException {
    Map<String, Tensor> call = call(DType.FLOAT32);
    call.keySet().removeIf(name -> name.startsWith("expected.") || name.equals("dout"));
    Path file = folder.resolve("plain.safetensors");
    SafetensorsWriter.write(file, Map.of("op", OP, "attrs", "{\"causal\": true}"), call);
    Cli.Said said = run(file);
    assertThat(said.status()).isZero();
    try (SafetensorsFile results = SafetensorsFile.open(out().resolve("plain.safetensors"))) {
      assertThat(results.tensors()).containsOnlyKeys("out");
    }
  }

  @Test
  void aResultThatDiffersIsToldAndStillWritten() throws IOException {
    for (String name : new String[] {"out", "softmax_lse", "dquery", "dkey", "dvalue"}) {
      Map<String, Tensor> call = call(DType.FLOAT32);
      Tensor wrong = get(call, "expected." + name).copy();
      Tensor flat = wrong.reshape(wrong.elements());
      flat.set(flat.get(5) + 1e-2, 5);
      call.put("expected." + name, wrong);
      Cli.Said said = run(write("off", call));
      assertThat(said.status()).as(name).isEqualTo(1);
      assertThat(said.out()).containsPattern(name + ": error [^;]*DIFFERS");
      assertThat(out().resolve("off.safetensors")).exists();
      assertThat(out().resolve("off.error.txt")).doesNotExist();
    }
  }

  @Test
  void noNumberAndNoShapeDiffer() throws IOException {
    Map<String, Tensor> call = call(DType.FLOAT32);
    Tensor wrong = get(call, "expected.out").copy();
    wrong.set(Double.NaN, 0, 0, 0, 0);
    call.put("expected.out", wrong);
    assertThat(run(write("nan", call)).out()).contains("DIFFERS");
    call.put("expected.out", Tensor.zeros(DType.FLOAT32, 2, 37, 4, 9));
    Cli.Said said = run(write("shape", call));
    assertThat(said.status()).isEqualTo(1);
    assertThat(said.out()).contains("DIFFERS", "FLOAT32[2, 37, 4, 9]", "FLOAT32[2, 37, 4, 8]");
    call.put("expected.out", get(call, "expected.seed_offset"));
    assertThat(run(write("type", call)).status()).isEqualTo(1);
  }

  @Test
  void anExpectationOfNoResultIsRefused() throws IOException {
    Map<String, Tensor> call = call(DType.FLOAT32);
    call.put("expected.output", get(call, "expected.out"));
    Cli.Said said = run(write("typo", call));
    assertThat(said.status()).isEqualTo(1);
    assertThat(out().resolve("typo.error.txt"))
        .content()
        .startsWith("ValueError: expected.output: ");
    assertThat(out().resolve("typo.safetensors")).doesNotExist();
  }

  @Test
  void aRefusedCallLeavesOneLineAndNoResult() throws IOException {
    Map<String, Tensor> call = call(DType.FLOAT32);
    call.put("startend_row_indices", Tensor.zeros(DType.INT32, 2, 1, 37, 4));
    Cli.Said said = run(write("refused", call));
    assertThat(said.status()).isEqualTo(1);
    assertThat(said.out()).contains("refused").doesNotContain("\tat ");
    assertThat(said.err()).isEmpty();
    assertThat(Files.readAllLines(out().resolve("refused.error.txt")))
        .singleElement()
        .asString()
        .startsWith("ValueError: startend_row_indices: ");
    assertThat(out().resolve("refused.safetensors")).doesNotExist();
  }

  @Test
  void brokenAndGoodCallsRunInOneProcess() throws IOException {
    Path broken = folder.resolve("broken.safetensors");
    Files.write(broken, new byte[] {1, 2, 3});
    Path other = folder.resolve("other.safetensors");
    SafetensorsWriter.write(other, Map.of("op", "torch.relu", "attrs", "{}"), Map.of());
    Cli.Said said =
        run(
            broken,
            other,
            folder.resolve("nowhere.safetensors"),
            write("good", call(DType.FLOAT32)));
    assertThat(said.status()).isEqualTo(1);
    assertThat(said.out().lines()).hasSize(4);
    assertThat(out().resolve("broken.error.txt")).content().startsWith("ValueError: header: ");
    assertThat(out().resolve("other.error.txt")).content().startsWith("ValueError: op: ");
    assertThat(out().resolve("nowhere.error.txt")).content().startsWith("ValueError: header: ");
    assertThat(out().resolve("good.safetensors")).exists();
  }

  @Test
  void whatAnEarlierRunLeftIsGone() throws IOException {
    Path good = write("call", call(DType.FLOAT32));
    Map<String, Tensor> bad = call(DType.FLOAT32);
    bad.remove("key");
    run(good);
    run(write("call", bad));
    assertThat(out().resolve("call.safetensors")).doesNotExist();
    assertThat(out().resolve("call.error.txt")).exists();
    run(write("call", call(DType.FLOAT32)));
    assertThat(out().resolve("call.safetensors")).exists();
    assertThat(out().resolve("call.error.txt")).doesNotExist();
  }

  @Test
  void controlCharactersOfAFileReachNoTerminal() throws IOException {
    Map<String, Tensor> call = call(DType.FLOAT32);
    call.put("evil\u001b[2J\nname", get(call, "query"));
    Cli.Said said = run(write("evil", call));
    assertThat(said.out()).doesNotContain("\u001b");
    assertThat(Files.readAllLines(out().resolve("evil.error.txt"))).hasSize(1);
  }

  @Test
  void halvesOfCharactersAndLineSeparatorsAreReplaced() throws IOException {
    byte[] header =
        ("{\"__metadata__\": {\"op\": \"paddle.flash\\ud800 \\u2028 \\u202e \\u0085\","
                + " \"attrs\": \"{}\"}}")
            .getBytes(StandardCharsets.UTF_8);
    Path half = RawFile.write(folder.resolve("half.safetensors"), header, new byte[0]);
    Cli.Said said = run(half, write("good", call(DType.FLOAT32)));
    assertThat(said.status()).isEqualTo(1);
    assertThat(said.out().lines()).hasSize(2);
    assertThat(said.out()).contains("half  refused").doesNotContainPattern("[\u2028\u202e\u0085]");
    assertThat(out().resolve("half.error.txt")).exists();
    assertThat(out().resolve("good.safetensors")).exists();
  }

  @Test
  void aResultThatCannotBeWrittenLeavesTheOthersAlone() throws IOException {
    Files.createDirectories(out().resolve("first.safetensors").resolve("full"));
    Files.createDirectories(out().resolve("second.error.txt").resolve("full"));
    Cli.Said said =
        run(
            write("first", call(DType.FLOAT32)),
            write("second", call(DType.FLOAT32)),
            write("third", call(DType.FLOAT32)));
    assertThat(said.status()).isEqualTo(1);
    assertThat(said.out()).contains("first  refused  RuntimeError: out: ", "second  refused");
    assertThat(out().resolve("first.error.txt")).content().startsWith("RuntimeError: out: ");
    assertThat(out().resolve("third.safetensors")).exists();
  }

  @Test
  void attributesMayBeLargeNumbersAndAreRefusedInPlainWords() throws IOException {
    Map<String, Tensor> call = call(DType.FLOAT32);
    call.keySet().removeIf(name -> name.startsWith("expected."));
    Path file = folder.resolve("attrs.safetensors");
    String large = "{\"softmax_scale\": 10000000000000000000000}";
    SafetensorsWriter.write(
        file, Map.of("op", OP, "attrs", large.replace("}", ", \"causal\": true}")), call);
    assertThat(run(file).status()).isZero();
    for (String attrs : new String[] {"{\"causal\": true", "[1]"}) {
      SafetensorsWriter.write(file, Map.of("op", OP, "attrs", attrs), call);
      assertThat(run(file).out())
          .contains("ValueError: attrs: ")
          .doesNotContain("Source", "REDACTED", "START_", "marker at");
    }
  }

  @Test
  void integersAreComparedToTheLastBit() throws IOException {
    Map<String, Tensor> call = call(DType.FLOAT32);
    call.keySet().removeIf(name -> name.startsWith("expected."));
    long large = (1L << 53) + 1;
    call.put("fixed_seed_offset", Tensor.of(new long[] {large, 9}, 2));
    call.put("expected.seed_offset", Tensor.of(new long[] {large, 9}, 2));
    assertThat(run(write("same", call)).status()).isZero();
    call.put("expected.seed_offset", Tensor.of(new long[] {large - 1, 9}, 2));
    assertThat(run(write("other", call)).out()).contains("seed_offset: error 1.00e+00", "DIFFERS");
  }

  @Test
  void aGradientThatCancelsToNothingIsHeldAgainstItsTerms() throws IOException {
    // One key: every gradient of query and key is zero but for rounding.
    Map<String, Tensor> call = new HashMap<>();
    call.put("query", random(DType.FLOAT32, 1, 5, 1, 64));
    call.put("key", random(DType.FLOAT32, 1, 1, 1, 64));
    call.put("value", random(DType.FLOAT32, 1, 1, 1, 64));
    call.put("dout", random(DType.FLOAT32, 1, 5, 1, 64));
    call.put("expected.dquery", Tensor.zeros(DType.FLOAT32, 1, 5, 1, 64));
    call.put("expected.dkey", Tensor.zeros(DType.FLOAT32, 1, 1, 1, 64));
    Path file = folder.resolve("zero.safetensors");
    SafetensorsWriter.write(file, Map.of("op", OP, "attrs", "{}"), call);
    assertThat(run(file).out()).contains("dquery", "dkey").doesNotContain("DIFFERS");
    Tensor wrong = Tensor.zeros(DType.FLOAT32, 1, 1, 1, 64);
    wrong.set(2e-3, 0, 0, 0, 3);
    call.put("expected.dkey", wrong);
    SafetensorsWriter.write(file, Map.of("op", OP, "attrs", "{}"), call);
    assertThat(run(file).out()).containsPattern("dkey: [^;]*DIFFERS");
  }

  @Test
  void theReferenceCanBeAskedForByName() throws IOException {
    Path file = write("call", call(DType.FLOAT32));
    Cli.Said said =
        Cli.run("run", "--backend", "reference", "--out", out().toString(), file.toString());
    assertThat(said.status()).isZero();
    assertThat(said.out()).contains("reference");
  }

  @Test
  void aWrongCommandLineRunsNothing() throws IOException {
    Path file = write("call", call(DType.FLOAT32));
    Path sub = Files.createDirectories(folder.resolve("sub"));
    Path same = Files.copy(file, sub.resolve("call.safetensors"));
    String[][] lines = {
      {"run", file.toString()},
      {"run", "--out", out().toString()},
      {"run", "--out", out().toString(), "--backend", "abacus", file.toString()},
      {"run", "--out", out().toString(), "--threads", "-1", file.toString()},
      {"run", "--out", out().toString(), "--threads", "two", file.toString()},
      {"run", "--out", out().toString(), file.toString(), same.toString()},
      {"run", "--out", file.toString(), file.toString()},
      {"run", "--out", folder.toString(), file.toString()}
    };
    for (String[] line : lines) {
      Cli.Said said = Cli.run(line);
      assertThat(said.status()).as(String.join(" ", line)).isEqualTo(2);
      assertThat(said.err()).contains("attn4j run").doesNotContain("\tat ");
    }
    assertThat(out()).doesNotExist();
    assertThat(file).exists();
  }
}
