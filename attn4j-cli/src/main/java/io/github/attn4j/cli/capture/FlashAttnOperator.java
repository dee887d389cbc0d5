package io.github.attn4j.cli.capture;

import io.github.attn4j.Tensor;
import io.github.attn4j.cli.check.Quantity;
import io.github.attn4j.operators.FlashAttnUnpadded;
import io.github.attn4j.operators.FlashAttnVarlen;
import io.github.attn4j.operators.FlashAttnVarlenQkvpacked;
import java.util.List;
import java.util.function.Function;

/**
 * PaddlePaddle's attentions of variable-length sequences, {@code
 * paddle.flash_attn_varlen_qkvpacked} and {@code paddle.flash_attn_unpadded}, which differ in how
 * query, key and value come.
 */
final class FlashAttnOperator implements CaptureOperator {
  private final String name;
  private final Function<Capture, Reader<?>> reader;

  private FlashAttnOperator(String name, Function<Capture, Reader<?>> reader) {
    this.name = name;
    this.reader = reader;
  }

  static FlashAttnOperator qkvpacked() {
    return new FlashAttnOperator("paddle.flash_attn_varlen_qkvpacked", FlashAttnOperator::packed);
  }

  static FlashAttnOperator unpadded() {
    return new FlashAttnOperator("paddle.flash_attn_unpadded", FlashAttnOperator::separate);
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public Call prepare(Capture capture, Options execution) {
    return reader.apply(capture).call(capture, execution);
  }

  /**
   * A call and its backward.
   *
   * @param <C> the operator
   * @param call with its tensors
   * @param backward results and the gradient of the first to the gradients
   */
  private record Reader<C extends FlashAttnVarlen<C>>(C call, Backward backward) {
    Call call(Capture capture, Options execution) {
      Attributes attributes = capture.attributes();
      Integer maxSeqlenQ = attributes.small("max_seqlen_q");
      Integer maxSeqlenK = attributes.small("max_seqlen_k");
      call.maxSeqlenQ(Attributes.required("max_seqlen_q", maxSeqlenQ))
          .maxSeqlenK(Attributes.required("max_seqlen_k", maxSeqlenK))
          .scale(Attributes.required("scale", attributes.number("scale")))
          .dropout(attributes.number("dropout", 0))
          .causal(attributes.bool("causal", false))
          .returnSoftmax(attributes.bool("return_softmax", false))
          .fixedSeedOffset(capture.optional("fixed_seed_offset"))
          .rngName(attributes.string("rng_name", ""))
          .training(attributes.bool("training", true))
          .name(attributes.string("name"))
          .backend(execution.backend())
          .threads(execution.threads());
      attributes.finish();
      return new Call(call::plan, this::forward);
    }

    private Forward forward() {
      FlashAttnVarlen.Result result = call.forward();
      Results results =
          new Results()
              .with("out", Quantity.OUT, result.out())
              .with("softmax", Quantity.PROBABILITIES, result.softmax());
      return new Forward(results, result.core(), dout -> backward.gradients(result, dout));
    }
  }

  private interface Backward {
    Results gradients(FlashAttnVarlen.Result result, Tensor dout);
  }

  private static Reader<?> packed(Capture capture) {
    capture.expectTensors("qkv", "cu_seqlens_q", "cu_seqlens_k", "fixed_seed_offset");
    FlashAttnVarlenQkvpacked call =
        FlashAttnVarlenQkvpacked.of(
                capture.tensor("qkv"),
                capture.tensor("cu_seqlens_q"),
                capture.tensor("cu_seqlens_k"))
            .varlenPadded(capture.attributes().bool("varlen_padded", true));
    return new Reader<>(call, (result, dout) -> dqkv(call.backward(result, dout).dqkv()));
  }

  private static Results dqkv(Tensor dqkv) {
    long group = dqkv.dim(1) - 2;
    List<Results.Part> parts =
        List.of(
            new Results.Part(Quantity.DQUERY, 1, 0, group),
            new Results.Part(Quantity.DKEY, 1, group, group + 1),
            new Results.Part(Quantity.DVALUE, 1, group + 1, group + 2));
    return new Results().with("dqkv", dqkv, parts);
  }

  private static Reader<?> separate(Capture capture) {
    capture.expectTensors(
        "query", "key", "value", "cu_seqlens_q", "cu_seqlens_k", "fixed_seed_offset");
    FlashAttnUnpadded call =
        FlashAttnUnpadded.of(
            capture.tensor("query"),
            capture.tensor("key"),
            capture.tensor("value"),
            capture.tensor("cu_seqlens_q"),
            capture.tensor("cu_seqlens_k"));
    return new Reader<>(call, (result, dout) -> gradients(call.backward(result, dout)));
  }

  private static Results gradients(FlashAttnUnpadded.Gradients gradients) {
    return Results.gradients(gradients.dquery(), gradients.dkey(), gradients.dvalue());
  }
}
