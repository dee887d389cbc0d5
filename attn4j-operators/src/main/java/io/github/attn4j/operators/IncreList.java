package io.github.attn4j.operators;

import static java.util.Objects.requireNonNull;

import io.github.attn4j.AttentionPlan;
import io.github.attn4j.Quantization;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Tensor;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A step over a cache that comes in one tensor per sequence: a step for each, their results side by
 * side.
 *
 * @param steps one per sequence
 */
record IncreList(List<IncreFlashAttention> steps) implements IncrePlan {
  /** Splits what belongs to sequences; the rest is each step's own. */
  static IncreList of(IncreFlashAttention call) {
    int batch = batch(call);
    List<IncreFlashAttention> steps = new ArrayList<>();
    for (int b = 0; b < batch; b++) {
      steps.add(step(call, b));
    }
    steps.forEach(IncreFlashAttention::plan);
    return new IncreList(List.copyOf(steps));
  }

  private static int batch(IncreFlashAttention call) {
    int count = call.key.size();
    boolean fits = count > 0 && call.query.rank() > 0 && call.query.dim(0) == count;
    if (!fits) {
      throw misfit("key", call);
    }
    if (call.value.size() != count) {
      throw misfit("value", call);
    }
    if (call.blockTable != null) {
      throw RefusedException.runtime(
          "block_table", "expected key and value of one tensor each, got %d".formatted(count));
    }
    return count;
  }

  private static RefusedException misfit(String name, IncreFlashAttention call) {
    return RefusedException.value(
        name,
        "expected exactly one tensor, or one per sequence, got query %s, key %s, value %s"
            .formatted(call.query, call.key, call.value));
  }

  /** Splits what belongs to sequences; the rest is every step's. */
  private static IncreFlashAttention step(IncreFlashAttention call, int b) {
    int batch = call.key.size();
    Tensor key = call.key.get(b);
    long prefix = call.prefixKey == null ? 0 : rows(call, call.prefixKey);
    Tensor mask = call.attnMask;
    if (mask != null && mask.elements() > 0) {
      long longest = call.key.stream().mapToLong(k -> rows(call, k)).max().orElse(0);
      IncreWindows.outerMask(call, mask, batch, prefix + longest);
      mask = mask.slice(0, b, b + 1).slice(mask.rank() - 1, 0, prefix + rows(call, key));
    }
    Tensor bias = call.pseShift;
    boolean biasPerSequence = bias != null && bias.rank() > 0 && bias.dim(0) == batch;
    IncreFlashAttention step =
        IncreFlashAttention.of(call.query.slice(0, b, b + 1), key, call.value.get(b))
            .attnMask(mask)
            .pseShift(bias != null && biasPerSequence ? bias.slice(0, b, b + 1) : bias)
            .dequantScale1(call.dequantScale1)
            .quantScale1(call.quantScale1)
            .dequantScale2(call.dequantScale2)
            .quantScale2(call.quantScale2)
            .quantOffset2(call.quantOffset2)
            .antiquantScale(call.antiquantScale)
            .antiquantOffset(call.antiquantOffset)
            .numHeads(call.numHeads)
            .inputLayout(call.inputLayout)
            .scaleValue(call.scaleValue)
            .numKeyValueHeads(call.numKeyValueHeads)
            .innerPrecise(call.innerPrecise)
            .kvPaddingSize(call.kvPaddingSize)
            .causal(call.causal)
            .keyAntiquant(entry(call.keyAntiquant, b, batch))
            .valueAntiquant(entry(call.valueAntiquant, b, batch))
            .sharedPrefix(call.prefixKey, call.prefixValue)
            .whereLike(call);
    long[] lengths = IncreWindows.given(call, batch);
    if (lengths != null) {
      step.lengths = new long[] {lengths[lengths.length == 1 ? 0 : b]};
    }
    return step;
  }

  /** Rows of keys whose shape the step has yet to check. */
  private static long rows(IncreFlashAttention call, Tensor keys) {
    int dimension = "BNSD".equals(call.inputLayout) ? 2 : 1;
    return keys.rank() > dimension ? keys.dim(dimension) : 0;
  }

  private static @Nullable Quantization entry(@Nullable Quantization rule, int b, int batch) {
    if (rule == null) {
      return null;
    }
    Tensor offset = rule.offset();
    return new Quantization(
        rule.bits(),
        entry(rule.scale(), b, batch),
        offset == null ? null : entry(offset, b, batch));
  }

  private static Tensor entry(Tensor factor, int b, int batch) {
    return factor.dim(0) == batch ? factor.slice(0, b, b + 1) : factor;
  }

  @Override
  public AttentionPlan cache() {
    return steps.get(0).plan();
  }

  @Override
  public IncreFlashAttention.Result forward(IncreFlashAttention call) {
    List<IncreFlashAttention.Result> results =
        steps.stream().map(step -> step.returnSoftmaxLse(call.returnSoftmaxLse).forward()).toList();
    return new IncreFlashAttention.Result(
        joined(results.stream().map(IncreFlashAttention.Result::attentionOut).toList()),
        call.returnSoftmaxLse
            ? joined(results.stream().map(result -> requireNonNull(result.softmaxLse())).toList())
            : null,
        results.get(0).core());
  }

  private static Tensor joined(List<Tensor> entries) {
    long[] extents = entries.get(0).shape();
    extents[0] = entries.size();
    Tensor joined = Tensor.zeros(entries.get(0).dtype(), extents);
    for (int b = 0; b < entries.size(); b++) {
      joined.slice(0, b, b + 1).assign(entries.get(b));
    }
    return joined;
  }
}
