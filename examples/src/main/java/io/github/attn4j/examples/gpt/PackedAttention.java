package io.github.attn4j.examples.gpt;

import io.github.attn4j.Attention;
import io.github.attn4j.AttentionGradients;
import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionPlan;
import io.github.attn4j.AttentionResult;
import io.github.attn4j.AttentionSpec;
import io.github.attn4j.DType;
import io.github.attn4j.Dropout;
import io.github.attn4j.Layout;
import io.github.attn4j.Mask;
import io.github.attn4j.Tensor;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Attention over documents packed into one row of tokens: each sees itself only, backwards. One
 * plan serves every layer, forward and backward; query, key and value are views of one product.
 */
class PackedAttention implements Attend {
  private final int rows;
  private final int heads;
  private final int dim;
  private final AttentionPlan plan;
  private final @Nullable Dropout dropout;
  private final Tensor[] lse;
  private long nanos;

  /**
   * Makes the plan.
   *
   * @param lengths of the documents
   * @param dropout on the probabilities; layer {@code n} draws from stream {@code offset + n}; null
   *     for none
   * @param threads how many work at once
   */
  PackedAttention(GptConfig config, int[] lengths, @Nullable Dropout dropout, int threads) {
    int tokens = 0;
    for (int length : lengths) {
      tokens += length;
    }
    this.rows = tokens;
    this.heads = config.heads();
    this.dim = config.headDim();
    this.dropout = dropout;
    long start = System.nanoTime();
    this.plan =
        Attention.plan(
            AttentionSpec.builder()
                .layout(Layout.BSND)
                .padded(1, rows, rows)
                .heads(heads, heads)
                .dims(dim, dim)
                .mask(Mask.documents(lengths).and(Mask.causal()))
                .threads(threads)
                .build());
    this.lse = new Tensor[config.layers()];
    for (int layer = 0; layer < lse.length; layer++) {
      lse[layer] = Tensor.zeros(DType.FLOAT32, 1, heads, rows);
    }
    nanos = System.nanoTime() - start;
  }

  @Override
  public void forward(int layer, float[] qkv, float[] out) {
    long start = System.nanoTime();
    plan.forward(inputs(layer, qkv), result(layer, out));
    nanos += System.nanoTime() - start;
  }

  /**
   * The gradients of a forward.
   *
   * @param dout (rows, heads, dim)
   * @return (1, rows, heads, dim) each
   */
  AttentionGradients backward(int layer, float[] qkv, float[] out, float[] dout) {
    long start = System.nanoTime();
    AttentionGradients gradients =
        plan.backward(inputs(layer, qkv), result(layer, out), rowsOf(dout));
    nanos += System.nanoTime() - start;
    return gradients;
  }

  private AttentionInputs inputs(int layer, float[] qkv) {
    Tensor packed = Tensor.of(MemorySegment.ofArray(qkv), DType.FLOAT32, 1, rows, 3, heads, dim);
    AttentionInputs inputs =
        AttentionInputs.of(packed.select(2, 0), packed.select(2, 1), packed.select(2, 2));
    Dropout base = dropout;
    return base == null
        ? inputs
        : inputs.withDropout(Dropout.of(base.p(), base.seed(), base.offset() + layer));
  }

  private AttentionResult result(int layer, float[] out) {
    return new AttentionResult(rowsOf(out), lse[layer], null, Layout.BSND);
  }

  private Tensor rowsOf(float[] values) {
    return Tensor.of(MemorySegment.ofArray(values), DType.FLOAT32, 1, rows, heads, dim);
  }

  /** Time spent in attention so far, the making of the plan included. */
  long nanos() {
    return nanos;
  }
}
