package io.github.attn4j.cli.capture;

import io.github.attn4j.Tensor;
import io.github.attn4j.cli.check.Quantity;
import io.github.attn4j.operators.OnnxAttention;

/** {@code onnx.Attention}. Outputs that the file expects count as asked for. */
final class OnnxOperator implements CaptureOperator {
  private static final String SCORES = "qk_matmul_output";

  @Override
  public String name() {
    return "onnx.Attention";
  }

  @Override
  public Call prepare(Capture capture, Options execution) {
    capture.expectTensors("Q", "K", "V", "attn_mask", "past_key", "past_value", "nonpad_kv_seqlen");
    Attributes attributes = capture.attributes();
    OnnxAttention call =
        OnnxAttention.of(capture.tensor("Q"), capture.tensor("K"), capture.tensor("V"))
            .attnMask(capture.optional("attn_mask"))
            .past(capture.optional("past_key"), capture.optional("past_value"))
            .nonpadKvSeqlen(capture.optional("nonpad_kv_seqlen"))
            .opset(attributes.small("opset", 24))
            .isCausal(attributes.integer("is_causal", 0) != 0)
            .qNumHeads(attributes.small("q_num_heads"))
            .kvNumHeads(attributes.small("kv_num_heads"))
            .scale(attributes.number("scale"))
            .softcap(attributes.number("softcap", 0))
            .softmaxPrecision(attributes.small("softmax_precision"))
            .backend(execution.backend())
            .threads(execution.threads());
    Integer given = attributes.small("qk_matmul_output_mode");
    int mode = given == null ? 0 : given;
    call.qkMatmulOutputMode(mode)
        .returnQkMatmulOutput(given != null || capture.expected().containsKey(SCORES))
        .returnPresent(
            capture.optional("past_key") != null
                || capture.expected().containsKey("present_key")
                || capture.expected().containsKey("present_value"));
    attributes.finish();
    return new Call(call::plan, () -> forward(call, mode));
  }

  private static Forward forward(OnnxAttention call, int mode) {
    OnnxAttention.Result result = call.forward();
    Results results =
        new Results()
            .with("Y", Quantity.OUT, result.y())
            .with("present_key", result.presentKey())
            .with("present_value", result.presentValue())
            .with(SCORES, scores(mode), result.qkMatmulOutput());
    return new Forward(results, result.core(), dout -> backward(call, result, dout));
  }

  private static Quantity scores(int mode) {
    return switch (mode) {
      case 0 -> Quantity.SCALED;
      case 1 -> Quantity.CAPPED;
      case 2 -> Quantity.MASKED;
      default -> Quantity.PROBABILITIES;
    };
  }

  private static Results backward(OnnxAttention call, OnnxAttention.Result result, Tensor dout) {
    OnnxAttention.Gradients gradients = call.backward(result, dout);
    return new Results()
        .with("dQ", Quantity.DQUERY, gradients.dQ())
        .with("dK", Quantity.DKEY, gradients.dK())
        .with("dV", Quantity.DVALUE, gradients.dV());
  }
}
