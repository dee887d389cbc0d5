package io.github.attn4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import io.github.attn4j.cli.capture.CaptureOperator;
import io.github.attn4j.cli.capture.SafetensorsFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What a run says of calls of every operator: right, wrong, and refused. */
class OperatorRunTest {
  @TempDir Path folder;

  private static List<OperatorCalls.Call> calls() {
    return OperatorCalls.all();
  }

  private Cli.Said run(OperatorCalls.Call call) throws IOException {
    Path file = call.write(folder.resolve("call.safetensors"));
    return Cli.run("run", "--out", folder.resolve("out").toString(), file.toString());
  }

  private Path result(String suffix) {
    return folder.resolve("out").resolve("call" + suffix);
  }

  @ParameterizedTest
  @MethodSource("calls")
  void everyResultIsWhatFloat64Says(OperatorCalls.Call call) throws IOException {
    Cli.Said said = run(call);
    assertThat(said.out()).contains(call.op()).doesNotContain("DIFFERS", "refused");
    assertThat(said.status()).isZero();
    try (SafetensorsFile results = SafetensorsFile.open(result(".safetensors"))) {
      for (String name : call.expected()) {
        assertThat(results.tensors()).containsKey(name.substring("expected.".length()));
        assertThat(said.out()).contains(name.substring("expected.".length()) + ": error");
      }
    }
  }

  @ParameterizedTest
  @MethodSource("calls")
  void aWrongElementOfAnyResultDiffers(OperatorCalls.Call call) throws IOException {
    for (String name : call.expected()) {
      Tensor wrong = call.tensor(name).copy();
      Tensor flat = wrong.reshape(wrong.elements());
      long last = wrong.elements() - 1;
      if (wrong.dtype().isFloating()) {
        // In the middle of the last slice: a part of a packed gradient, a lane of a maximum.
        flat.set(flat.get(last) + (wrong.dtype() == DType.FLOAT16 ? 0.05 : 1e-3), last);
      } else {
        flat.setLong(flat.getLong(last) + (flat.getLong(last) > 0 ? -3 : 3), last);
      }
      Cli.Said said = run(call.with(name, wrong));
      assertThat(said.status()).as("%s of %s", name, call.op()).isEqualTo(1);
      assertThat(said.out())
          .containsPattern(name.substring("expected.".length()) + ": error [^;]*DIFFERS");
    }
  }

  @ParameterizedTest
  @MethodSource("calls")
  void aResultThatNobodyExpectsIsWrittenOnlyIfTheCallHasIt(OperatorCalls.Call call)
      throws IOException {
    OperatorCalls.Call bare = call;
    for (String name : call.expected()) {
      bare = bare.without(name);
    }
    bare = bare.without("dout");
    Cli.Said said = run(bare);
    assertThat(said.status()).as(said.out()).isZero();
    assertThat(said.out()).contains("nothing to compare with");
    Map<String, List<String>> results =
        Map.of(
            "torch_npu.npu_fusion_attention",
            List.of("attention_out", "numels", "offset", "seed", "softmax_max", "softmax_sum"),
            "mindspore.incre_flash_attention",
            List.of("attention_out"),
            "paddle.flash_attn_varlen_qkvpacked",
            List.of("out"),
            "paddle.flash_attn_unpadded",
            List.of("out"),
            "onnx.Attention",
            List.of("Y", "present_key", "present_value"));
    try (SafetensorsFile file = SafetensorsFile.open(result(".safetensors"))) {
      assertThat(new TreeSet<>(file.tensors().keySet()))
          .containsExactlyElementsOf(Objects.requireNonNull(results.get(call.op())));
      assertThat(file.metadata()).containsEntry("op", call.op()).containsKey("skipped_tile_share");
    }
  }

  @ParameterizedTest
  @MethodSource("calls")
  void theMaskOfACallCanBeDrawn(OperatorCalls.Call call) throws IOException {
    Path file = call.write(folder.resolve("call.safetensors"));
    Cli.Said said = Cli.run("mask", "--head", "1", file.toString());
    assertThat(said.status()).as(said.err()).isZero();
    assertThat(said.out()).contains("sequence 0, head 1");
  }

  private void refused(OperatorCalls.Call call, String line) throws IOException {
    Cli.Said said = run(call);
    assertThat(said.status()).as(line).isEqualTo(1);
    assertThat(result(".safetensors")).doesNotExist();
    assertThat(Files.readAllLines(result(".error.txt")))
        .singleElement()
        .asString()
        .startsWith(line)
        .doesNotContain("expected no fault");
  }

  @ParameterizedTest
  @MethodSource("calls")
  void whatIsMissingMisspeltOrMistypedIsRefusedByItsName(OperatorCalls.Call call)
      throws IOException {
    String first = call.tensors().keySet().iterator().next();
    refused(call.without(first), "TypeError: " + first + ": ");
    refused(call.with("qurey", call.tensor(first)), "TypeError: qurey: ");
    String attrs = call.attrs();
    refused(call.attrs(attrs.replace("}", ", \"scael\": 1}")), "TypeError: attrs: ");
    String scale = attrs.replaceAll(".*\"(scale\\w*)\".*", "$1");
    refused(call.attrs("{\"" + scale + "\": \"much\"}"), "TypeError: ");
    refused(call.with(first, Tensor.zeros(DType.FLOAT32, 3)), "");
  }

  @Test
  void helpNamesEveryOperator() {
    String help = Cli.run("run", "--help").out();
    for (CaptureOperator operator : CaptureOperator.ALL) {
      assertThat(help).contains(operator.name());
    }
  }

  @Test
  void eachOperatorRefusesInItsOwnWords() throws IOException {
    for (OperatorCalls.Call call : calls()) {
      switch (call.op()) {
        case "torch_npu.npu_fusion_attention" -> {
          refused(call.attrs("{\"input_layout\": \"BNSD\"}"), "TypeError: head_num: ");
          refused(call.attrs("{\"head_num\": 4}"), "TypeError: input_layout: ");
          refused(
              call.attrs("{\"head_num\": 4.5, \"input_layout\": \"BNSD\"}"),
              "TypeError: head_num: expected an integer, got 4.5");
          refused(
              call.attrs(call.attrs().replace("}", ", \"inner_precise\": 9}")),
              "ValueError: inner_precise: ");
        }
        case "mindspore.incre_flash_attention" -> {
          refused(call.with("dout", call.tensor("query")), "RuntimeError: dout: ");
          refused(call.attrs(call.attrs().replace("}", ", \"inner_precise\": 2}")), "ValueError: ");
          refused(call.with("quant_scale1", Tensor.of(new float[] {1}, 1)), "");
        }
        case "onnx.Attention" -> {
          refused(
              call.attrs("{\"qk_matmul_output_mode\": 4}"), "ValueError: qk_matmul_output_mode");
          refused(call.attrs("{\"is_causal\": true}"), "TypeError: is_causal: ");
        }
        default -> {
          refused(call.attrs("{}"), "TypeError: max_seqlen_q: ");
          refused(
              call.attrs("{\"max_seqlen_q\": 6, \"max_seqlen_k\": 10000000000, \"scale\": 1}"),
              "ValueError: max_seqlen_k: expected an integer of 32 bits");
          refused(
              call.attrs(call.attrs().replace("}", ", \"return_softmax\": true}")),
              "RuntimeError: return_softmax: ");
        }
      }
    }
  }
}
