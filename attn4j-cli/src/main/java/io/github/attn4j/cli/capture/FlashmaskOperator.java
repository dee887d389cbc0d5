package io.github.attn4j.cli.capture;

import io.github.attn4j.RefusedException;
import io.github.attn4j.Tensor;
import io.github.attn4j.cli.check.Quantity;
import io.github.attn4j.operators.FlashmaskAttention;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** {@code paddle.flashmask_attention}. */
final class FlashmaskOperator implements CaptureOperator {
  @Override
  public String name() {
    return "paddle.flashmask_attention";
  }

  @Override
  public Call prepare(Capture capture, Options execution) {
    capture.expectTensors(
        "query", "key", "value", "startend_row_indices", "block_mask", "fixed_seed_offset");
    Attributes attributes = capture.attributes();
    FlashmaskAttention call =
        FlashmaskAttention.of(
                capture.tensor("query"), capture.tensor("key"), capture.tensor("value"))
            .startendRowIndices(capture.optional("startend_row_indices"))
            .blockMask(capture.optional("block_mask"))
            .fixedSeedOffset(capture.optional("fixed_seed_offset"))
            .dropout(attributes.number("dropout", 0))
            .causal(attributes.bool("causal", false))
            .rngName(attributes.string("rng_name", ""))
            .training(attributes.bool("training", true))
            .name(attributes.string("name"))
            .softmaxScale(attributes.number("softmax_scale"))
            .returnSoftmaxLse(attributes.bool("return_softmax_lse", false))
            .returnSeedOffset(attributes.bool("return_seed_offset", false))
            .backend(execution.backend())
            .threads(execution.threads());
    window(call, attributes.smalls("window_size"));
    attributes.finish();
    return new Call(call::plan, () -> forward(call));
  }

  private static void window(FlashmaskAttention call, int @Nullable [] sizes) {
    if (sizes == null) {
      return;
    }
    if (sizes.length != 1 && sizes.length != 2) {
      throw RefusedException.value(
          "window_size", "expected one or two integers, got " + Arrays.toString(sizes));
    }
    call.windowSize(sizes[0], sizes[sizes.length - 1]);
  }

  private static Forward forward(FlashmaskAttention call) {
    FlashmaskAttention.Result result = call.forward();
    Results results =
        new Results()
            .with("out", Quantity.OUT, result.out())
            .with("softmax_lse", Quantity.LSE, result.softmaxLse())
            .with("seed_offset", result.seedOffset());
    return new Forward(results, result.core(), dout -> backward(call, result, dout));
  }

  private static Results backward(
      FlashmaskAttention call, FlashmaskAttention.Result result, Tensor dout) {
    FlashmaskAttention.Gradients gradients = call.backward(result, dout);
    return Results.gradients(gradients.dquery(), gradients.dkey(), gradients.dvalue());
  }
}
