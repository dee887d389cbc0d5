package io.github.attn4j.cli.capture;

import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionPlan;
import io.github.attn4j.Dropout;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Tensor;
import io.github.attn4j.cli.check.Arithmetic;
import io.github.attn4j.cli.check.Quantity;
import io.github.attn4j.cli.check.ScalarAttention;
import io.github.attn4j.operators.FlashmaskAttention;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** {@code paddle.flashmask_attention}. */
final class FlashmaskOperator implements CaptureOperator {
  private static final Set<String> TENSORS =
      Set.of("query", "key", "value", "startend_row_indices", "block_mask", "fixed_seed_offset");

  @Override
  public String name() {
    return "paddle.flashmask_attention";
  }

  @Override
  public Call prepare(Capture capture, Options execution) {
    for (String name : capture.tensors().keySet()) {
      if (!TENSORS.contains(name)) {
        throw RefusedException.type(
            name, "expected one of the tensors " + TENSORS.stream().sorted().toList());
      }
    }
    Attributes attributes = capture.attributes();
    String rngName = attributes.string("rng_name");
    Double dropout = attributes.number("dropout");
    boolean training = attributes.bool("training", true);
    boolean lse = attributes.bool("return_softmax_lse", false);
    boolean seedOffset = attributes.bool("return_seed_offset", false);
    FlashmaskAttention call =
        FlashmaskAttention.of(
                capture.tensor("query"), capture.tensor("key"), capture.tensor("value"))
            .startendRowIndices(capture.tensors().get("startend_row_indices"))
            .blockMask(capture.tensors().get("block_mask"))
            .fixedSeedOffset(capture.tensors().get("fixed_seed_offset"))
            .dropout(dropout == null ? 0 : dropout)
            .causal(attributes.bool("causal", false))
            .rngName(rngName == null ? "" : rngName)
            .training(training)
            .name(attributes.string("name"))
            .softmaxScale(attributes.number("softmax_scale"))
            // Always taken, for the tolerance rule; written only if the call asks for them.
            .returnSoftmaxLse(true)
            .returnSeedOffset(true)
            .backend(execution.backend())
            .threads(execution.threads());
    window(call, attributes.integers("window_size"));
    attributes.finish();
    call.plan();
    double p = training && dropout != null ? dropout : 0;
    return new FlashmaskCall(capture, call, lse, seedOffset, p);
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

  private static final class FlashmaskCall implements Call {
    private final Capture capture;
    private final FlashmaskAttention call;
    private final boolean lse;
    private final boolean seedOffset;
    private final double dropout;
    private FlashmaskAttention.@Nullable Result result;

    FlashmaskCall(
        Capture capture, FlashmaskAttention call, boolean lse, boolean seedOffset, double dropout) {
      this.capture = capture;
      this.call = call;
      this.lse = lse;
      this.seedOffset = seedOffset;
      this.dropout = dropout;
    }

    @Override
    public AttentionPlan plan() {
      return call.plan();
    }

    @Override
    public Map<String, Tensor> forward() {
      FlashmaskAttention.Result fresh = call.forward();
      result = fresh;
      Map<String, Tensor> results = new LinkedHashMap<>();
      results.put("out", fresh.out());
      if (lse) {
        results.put("softmax_lse", Objects.requireNonNull(fresh.softmaxLse()));
      }
      if (seedOffset) {
        results.put("seed_offset", Objects.requireNonNull(fresh.seedOffset()));
      }
      return results;
    }

    private FlashmaskAttention.Result last() {
      return Objects.requireNonNull(result, "forward comes first");
    }

    @Override
    public Map<String, Tensor> backward(Tensor dout) {
      FlashmaskAttention.Gradients gradients = call.backward(last(), dout);
      Map<String, Tensor> results = new LinkedHashMap<>();
      results.put("dquery", gradients.dquery());
      results.put("dkey", gradients.dkey());
      results.put("dvalue", gradients.dvalue());
      return results;
    }

    @Override
    public @Nullable Quantity quantity(String name) {
      return switch (name) {
        case "out" -> Quantity.OUT;
        case "softmax_lse" -> Quantity.LSE;
        case "dquery" -> Quantity.DQUERY;
        case "dkey" -> Quantity.DKEY;
        case "dvalue" -> Quantity.DVALUE;
        default -> null;
      };
    }

    @Override
    public ScalarAttention scalar(@Nullable Tensor dout, Arithmetic arithmetic) {
      Tensor pair = Objects.requireNonNull(last().seedOffset());
      AttentionInputs inputs =
          AttentionInputs.of(
                  capture.tensor("query"), capture.tensor("key"), capture.tensor("value"))
              .withDropout(
                  dropout == 0 ? null : Dropout.of(dropout, number(pair, 0), number(pair, 1)));
      return new ScalarAttention(plan(), inputs, dout, arithmetic);
    }

    private static long number(Tensor pair, int index) {
      return pair.segment().getAtIndex(ValueLayout.JAVA_LONG_UNALIGNED, index);
    }
  }
}
