package io.github.attn4j.examples.minilm;

import io.github.attn4j.Attention;
import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionPlan;
import io.github.attn4j.AttentionResult;
import io.github.attn4j.AttentionSpec;
import io.github.attn4j.DType;
import io.github.attn4j.Layout;
import io.github.attn4j.Mask;
import io.github.attn4j.Tensor;
import io.github.attn4j.examples.math.Gemm;
import io.github.attn4j.examples.math.Workers;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * The model on attn4j. All texts lie in one row, and a document mask keeps each to itself: there is
 * no padding to compute, and tiles between texts are skipped.
 *
 * <p>It reuses its memory from call to call, so it serves one caller at a time.
 */
final class PackedEncoder implements Encoder {
  private static final int HIDDEN = MiniLm.HIDDEN;

  private final MiniLm model;
  private final Workers workers;
  private Activations activations = new Activations(0);

  PackedEncoder(MiniLm model, Workers workers) {
    this.model = model;
    this.workers = workers;
  }

  /** What a call computes on its way, for so many tokens or fewer. */
  private record Activations(float[] qkv, float[] heads, float[] lse, float[] inner, float[] sum) {
    Activations(int tokens) {
      this(
          new float[Math.multiplyExact(tokens, 3 * HIDDEN)],
          new float[tokens * HIDDEN],
          new float[tokens * MiniLm.HEADS],
          new float[Math.multiplyExact(tokens, MiniLm.INNER)],
          new float[tokens * HIDDEN]);
    }
  }

  /**
   * The plan that all layers share.
   *
   * @param batch at least one token
   */
  AttentionPlan plan(Batch batch) {
    int tokens = batch.tokens();
    return Attention.plan(
        AttentionSpec.builder()
            .layout(Layout.BSND)
            .padded(1, tokens, tokens)
            .heads(MiniLm.HEADS, MiniLm.HEADS)
            .dims(MiniLm.HEAD_DIM, MiniLm.HEAD_DIM)
            .mask(Mask.documents(batch.lengths()))
            .threads(workers.threads())
            .executor(workers.helpers())
            .build());
  }

  @Override
  public float[] encode(Batch batch) {
    int tokens = batch.tokens();
    float[] x = new float[Math.multiplyExact(tokens, HIDDEN)];
    if (tokens == 0) {
      return x;
    }
    if (activations.lse.length < tokens * MiniLm.HEADS) {
      activations = new Activations(tokens);
    }
    Activations a = activations;
    embed(batch, x);
    AttentionPlan plan = plan(batch);
    AttentionInputs inputs = inputs(tokens, a.qkv);
    AttentionResult result =
        new AttentionResult(
            tensor(a.heads, 1, tokens, MiniLm.HEADS, MiniLm.HEAD_DIM),
            tensor(a.lse, 1, MiniLm.HEADS, tokens),
            null,
            Layout.BSND);
    for (MiniLm.Layer layer : model.layers()) {
      linear(tokens, x, layer.qkv(), a.qkv, null);
      plan.forward(inputs, result);
      linear(tokens, a.heads, layer.project(), a.sum, null);
      LayerNorm.apply(tokens, layer.attentionNorm(), a.sum, x, x, workers);
      linear(tokens, x, layer.up(), a.inner, Gelu::apply);
      linear(tokens, a.inner, layer.down(), a.sum, null);
      LayerNorm.apply(tokens, layer.outputNorm(), a.sum, x, x, workers);
    }
    return x;
  }

  private void embed(Batch batch, float[] x) {
    workers.forEach(
        batch.texts(),
        text -> {
          int start = batch.starts()[text];
          for (int token = start; token < start + batch.length(text); token++) {
            int word = batch.ids()[token] * HIDDEN;
            int position = (token - start) * HIDDEN;
            for (int n = 0; n < HIDDEN; n++) {
              x[token * HIDDEN + n] = model.words()[word + n] + model.positions()[position + n];
            }
          }
        });
    LayerNorm.apply(batch.tokens(), model.embeddingNorm(), x, null, x, workers);
  }

  private void linear(
      int tokens, float[] x, MiniLm.Linear linear, float[] y, Gemm.@Nullable Finish finish) {
    Gemm.linear(tokens, x, linear.weights(), linear.bias(), y, finish, workers);
  }

  /** Query, key and value are views of one product; nothing is copied. */
  private static AttentionInputs inputs(int tokens, float[] qkv) {
    Tensor parts = tensor(qkv, 1, tokens, 3, MiniLm.HEADS, MiniLm.HEAD_DIM);
    return AttentionInputs.of(parts.select(2, 0), parts.select(2, 1), parts.select(2, 2));
  }

  /** The arrays may be longer than this call needs. */
  private static Tensor tensor(float[] numbers, long... shape) {
    return Tensor.of(MemorySegment.ofArray(numbers), DType.FLOAT32, shape);
  }
}
