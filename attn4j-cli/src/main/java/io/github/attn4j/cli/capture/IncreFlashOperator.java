package io.github.attn4j.cli.capture;

import io.github.attn4j.Attention;
import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionPlan;
import io.github.attn4j.AttentionSpec;
import io.github.attn4j.Bias;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Tensor;
import io.github.attn4j.cli.check.Quantity;
import io.github.attn4j.operators.CoreCall;
import io.github.attn4j.operators.IncreFlashAttention;
import java.util.List;
import java.util.stream.LongStream;

/**
 * {@code mindspore.incre_flash_attention}; key and value are one tensor each. The document's
 * operator has no lse: it is there if {@code return_softmax_lse} says so or the file expects it.
 */
final class IncreFlashOperator implements CaptureOperator {
  private static final String LSE = "softmax_lse";

  @Override
  public String name() {
    return "mindspore.incre_flash_attention";
  }

  @Override
  public Call prepare(Capture capture, Options execution) {
    capture.expectTensors(
        "query",
        "key",
        "value",
        "attn_mask",
        "pse_shift",
        "dequant_scale1",
        "quant_scale1",
        "dequant_scale2",
        "quant_scale2",
        "quant_offset2",
        "antiquant_scale",
        "antiquant_offset",
        "block_table",
        "kv_padding_size");
    if (capture.dout() != null) {
      throw RefusedException.runtime("dout", "expected none: " + name() + " has no backward");
    }
    Attributes attributes = capture.attributes();
    IncreFlashAttention call =
        IncreFlashAttention.of(
                capture.tensor("query"), capture.tensor("key"), capture.tensor("value"))
            .attnMask(capture.optional("attn_mask"))
            .pseShift(capture.optional("pse_shift"))
            .dequantScale1(capture.optional("dequant_scale1"))
            .quantScale1(capture.optional("quant_scale1"))
            .dequantScale2(capture.optional("dequant_scale2"))
            .quantScale2(capture.optional("quant_scale2"))
            .quantOffset2(capture.optional("quant_offset2"))
            .antiquantScale(capture.optional("antiquant_scale"))
            .antiquantOffset(capture.optional("antiquant_offset"))
            .blockTable(capture.optional("block_table"))
            .kvPaddingSize(capture.optional("kv_padding_size"))
            .actualSeqLengths(attributes.smalls("actual_seq_lengths"))
            .numHeads(attributes.small("num_heads", 1))
            .inputLayout(attributes.string("input_layout", "BSH"))
            .scaleValue(attributes.number("scale_value", 1))
            .numKeyValueHeads(attributes.small("num_key_value_heads", 0))
            .blockSize(attributes.small("block_size", 0))
            .innerPrecise(attributes.small("inner_precise", 1))
            .returnSoftmaxLse(
                attributes.bool("return_softmax_lse", capture.expected().containsKey(LSE)))
            .backend(execution.backend())
            .threads(execution.threads());
    attributes.finish();
    return new Call(call::plan, () -> forward(call));
  }

  private static Forward forward(IncreFlashAttention call) {
    IncreFlashAttention.Result result = call.forward();
    Results results =
        new Results()
            .with("attention_out", Quantity.OUT, result.attentionOut())
            .with(LSE, Quantity.LSE, result.softmaxLse());
    return new Forward(
        results,
        cores(result.core()),
        dout -> {
          throw new IllegalStateException("refused before");
        });
  }

  /**
   * A row whose keys are all masked gets the plain average of their values, which is a call of the
   * core with every score 0.
   */
  private static List<CoreCall> cores(CoreCall core) {
    Tensor lse = core.result().lse();
    Tensor flat = lse.reshape(lse.elements());
    boolean seeAll =
        LongStream.range(0, flat.elements())
            .noneMatch(row -> flat.get(row) == Double.NEGATIVE_INFINITY);
    if (seeAll) {
      return List.of(core);
    }
    AttentionSpec spec = core.plan().spec();
    AttentionPlan average =
        Attention.plan(
            AttentionSpec.builder()
                .layout(spec.layout())
                .sequences(spec.sequences())
                .heads(spec.heads(), spec.kvHeads())
                .dims(spec.headDim(), spec.valueDim())
                .dtype(spec.dtype())
                .kvDtype(spec.kvDtype())
                .scale(0)
                .build());
    AttentionInputs inputs = core.inputs().withBias((Bias) null);
    return List.of(core, new CoreCall(average, inputs, core.result()));
  }
}
