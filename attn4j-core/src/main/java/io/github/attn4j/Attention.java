package io.github.attn4j;

import io.github.attn4j.internal.Backends;
import io.github.attn4j.spi.AttentionBackend;
import java.util.List;

/**
 * Fused attention: {@code softmax(scale * Q.Kᵀ) · V} under a {@link Mask}, exact, in memory that
 * grows with the sequence and never with its square. The scale is {@code 1 / sqrt(headDim)} unless
 * a spec says otherwise.
 *
 * <p>One line for one call:
 *
 * <pre>{@code
 * AttentionResult result = Attention.forward(query, key, value, Mask.causal());
 * }</pre>
 *
 * <p>Or a plan, made once from lengths and mask and reused by every layer:
 *
 * <pre>{@code
 * AttentionPlan plan = Attention.plan(
 *     AttentionSpec.builder().padded(2, 1024, 1024).heads(8, 2).dims(64, 64).mask(Mask.causal()).build());
 * AttentionInputs inputs = AttentionInputs.of(query, key, value);
 * AttentionResult result = plan.forward(inputs);
 * AttentionGradients gradients = plan.backward(inputs, result, dout);
 * }</pre>
 *
 * <p>Numerics: accumulation in float32 or better; masked scores are replaced by negative infinity;
 * a row that may see nothing has output 0, lse negative infinity and gradients 0; NaN and infinity
 * in visible inputs propagate, those under a mask never do. A row's result depends on nothing but
 * that row, the keys and the mask: not on threads, batch neighbours or skipped tiles.
 */
public final class Attention {
  private Attention() {}

  /**
   * Makes a plan.
   *
   * @param spec lengths, heads, dims, dtype, layout, mask, score options
   * @return a plan for any number of calls, safe for concurrent use
   * @throws RefusedException if a size is wrong or no backend can run it; the message has every
   *     backend's reasons
   */
  public static AttentionPlan plan(AttentionSpec spec) {
    return AttentionPlan.of(spec);
  }

  /**
   * Full attention, one call.
   *
   * @param query (batch, heads, seqlenQ, headDim)
   * @param key (batch, kvHeads, seqlenK, headDim)
   * @param value (batch, kvHeads, seqlenK, valueDim)
   * @return output (batch, heads, seqlenQ, valueDim) and lse (batch, heads, seqlenQ)
   * @throws RefusedException if the shapes or dtypes do not fit together, naming the argument
   */
  public static AttentionResult forward(Tensor query, Tensor key, Tensor value) {
    return forward(query, key, value, Mask.full());
  }

  /**
   * Masked attention, one call.
   *
   * @param query (batch, heads, seqlenQ, headDim)
   * @param key (batch, kvHeads, seqlenK, headDim)
   * @param value (batch, kvHeads, seqlenK, valueDim)
   * @param mask which keys each query may see
   * @return output (batch, heads, seqlenQ, valueDim) and lse (batch, heads, seqlenQ)
   * @throws RefusedException if shapes, dtypes or mask do not fit together, naming the argument
   */
  public static AttentionResult forward(Tensor query, Tensor key, Tensor value, Mask mask) {
    return plan(AttentionSpec.like(Layout.BNSD, query, key, value).mask(mask).build())
        .forward(AttentionInputs.of(query, key, value));
  }

  /**
   * Gradients of masked attention, one call. Nothing was recorded by the forward: what it was given
   * and what it returned are given here again.
   *
   * @param query (batch, heads, seqlenQ, headDim)
   * @param key (batch, kvHeads, seqlenK, headDim)
   * @param value (batch, kvHeads, seqlenK, valueDim)
   * @param mask the mask of the forward
   * @param result what the forward returned
   * @param dout gradient of the output, shaped like it
   * @return gradients of query, key and value, each of its shape
   * @throws RefusedException if the tensors do not fit together, naming the argument
   */
  public static AttentionGradients backward(
      Tensor query, Tensor key, Tensor value, Mask mask, AttentionResult result, Tensor dout) {
    return plan(AttentionSpec.like(Layout.BNSD, query, key, value).mask(mask).build())
        .backward(AttentionInputs.of(query, key, value), result, dout);
  }

  /**
   * The backends that are present, best first; those used by name only come last.
   *
   * @return all of them
   */
  public static List<AttentionBackend> backends() {
    return Backends.all();
  }
}
