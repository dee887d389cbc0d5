package io.github.attn4j.cli.capture;

import io.github.attn4j.Tensor;
import io.github.attn4j.cli.check.Quantity;
import io.github.attn4j.operators.NpuFusionAttention;

/** {@code torch_npu.npu_fusion_attention}. */
final class NpuFusionOperator implements CaptureOperator {
  @Override
  public String name() {
    return "torch_npu.npu_fusion_attention";
  }

  @Override
  public Call prepare(Capture capture, Options execution) {
    capture.expectTensors(
        "query", "key", "value", "pse", "padding_mask", "atten_mask", "dropout_mask", "sink");
    Attributes attributes = capture.attributes();
    NpuFusionAttention call =
        NpuFusionAttention.of(
                capture.tensor("query"),
                capture.tensor("key"),
                capture.tensor("value"),
                Attributes.required("head_num", attributes.integer("head_num")),
                Attributes.required("input_layout", attributes.string("input_layout")))
            .pse(capture.optional("pse"))
            .paddingMask(capture.optional("padding_mask"))
            .attenMask(capture.optional("atten_mask"))
            .dropoutMask(capture.optional("dropout_mask"))
            .sink(capture.optional("sink"))
            .scale(attributes.number("scale", 1))
            .keepProb(attributes.number("keep_prob", 1))
            .preTockens(attributes.integer("pre_tockens", Integer.MAX_VALUE))
            .nextTockens(attributes.integer("next_tockens", Integer.MAX_VALUE))
            .innerPrecise(attributes.integer("inner_precise", 0))
            .prefix(attributes.integers("prefix"))
            .actualSeqQlen(attributes.integers("actual_seq_qlen"))
            .actualSeqKvlen(attributes.integers("actual_seq_kvlen"))
            .sparseMode(attributes.integer("sparse_mode", 0))
            .genMaskParallel(attributes.bool("gen_mask_parallel", true))
            .sync(attributes.bool("sync", false))
            .softmaxLayout(attributes.string("softmax_layout", ""))
            .seed(attributes.integer("seed"))
            .offset(attributes.integer("offset"))
            .pseType(attributes.integer("pse_type", 1))
            .qStartIdx(attributes.integers("q_start_idx"))
            .kvStartIdx(attributes.integers("kv_start_idx"))
            .backend(execution.backend())
            .threads(execution.threads());
    attributes.finish();
    return new Call(call::plan, () -> forward(call));
  }

  private static Forward forward(NpuFusionAttention call) {
    NpuFusionAttention.Result result = call.forward();
    Results results =
        new Results()
            .with("attention_out", Quantity.OUT, result.attentionOut())
            .with("softmax_max", Quantity.ROW_MAX, result.softmaxMax())
            .with("softmax_sum", Quantity.ROW_SUM, result.softmaxSum())
            .with("seed", result.seed())
            .with("offset", result.offset())
            .with("numels", result.numels());
    return new Forward(results, result.core(), dout -> backward(call, result, dout));
  }

  private static Results backward(
      NpuFusionAttention call, NpuFusionAttention.Result result, Tensor dout) {
    NpuFusionAttention.Gradients gradients = call.backward(result, dout);
    return Results.gradients(gradients.dquery(), gradients.dkey(), gradients.dvalue())
        .with("dpse", Quantity.DBIAS, gradients.dpse())
        .with("dsink", Quantity.DSINK, gradients.dsink());
  }
}
