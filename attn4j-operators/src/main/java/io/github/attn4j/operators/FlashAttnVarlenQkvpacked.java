package io.github.attn4j.operators;

import io.github.attn4j.AttentionGradients;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Tensor;

/**
 * PaddlePaddle's {@code flash_attn_varlen_qkvpacked}: attention of variable-length sequences whose
 * query, key and value are packed in one tensor.
 *
 * <pre>{@code
 * FlashAttnVarlenQkvpacked call = FlashAttnVarlenQkvpacked.of(qkv, cuSeqlensQ, cuSeqlensK)
 *     .maxSeqlenQ(128)
 *     .maxSeqlenK(128)
 *     .scale(0.25)
 *     .causal(true);
 * FlashAttnVarlenQkvpacked.Result result = call.forward();
 * FlashAttnVarlenQkvpacked.Gradients gradients = call.backward(result, dout);
 * }</pre>
 *
 * <p>{@code qkv} is (total_seq_len, G + 2, Hk, D): {@code qkv[:, 0:G]} is the query, {@code qkv[:,
 * G]} the key, {@code qkv[:, G + 1]} the value. Slot (g, k) of the query is head {@code h = g * Hk
 * + k}, which attends key and value head {@code h / G}, not k: a packer reshapes a query of
 * (total_seq_len, Hq, D) to (total_seq_len, G, Hk, D).
 */
public final class FlashAttnVarlenQkvpacked extends FlashAttnVarlen<FlashAttnVarlenQkvpacked> {
  private final Tensor qkv;
  private boolean varlenPadded = true;

  private FlashAttnVarlenQkvpacked(Tensor qkv, Tensor cuSeqlensQ, Tensor cuSeqlensK) {
    super(cuSeqlensQ, cuSeqlensK);
    this.qkv = qkv;
  }

  /**
   * Starts a call; {@link #maxSeqlenQ}, {@link #maxSeqlenK} and {@link #scale} must follow.
   *
   * @param qkv float16, bfloat16 or float32 (total_seq_len, G + 2, Hk, D)
   * @param cuSeqlensQ int32 (B + 1): 0, then the sum of the query lengths so far
   * @param cuSeqlensK int32 (B + 1): the same for the keys
   * @return the call with every other argument at its default
   */
  public static FlashAttnVarlenQkvpacked of(Tensor qkv, Tensor cuSeqlensQ, Tensor cuSeqlensK) {
    return new FlashAttnVarlenQkvpacked(qkv, cuSeqlensQ, cuSeqlensK);
  }

  /**
   * How the rows lie; true unless given.
   *
   * @param on true: sequence b starts at row {@code b * max_seqlen}, and the cumulative lengths say
   *     only how long it is; false: it starts at its cumulative length
   * @return this
   */
  public FlashAttnVarlenQkvpacked varlenPadded(boolean on) {
    varlenPadded = on;
    return this;
  }

  @Override
  FlashAttnVarlenQkvpacked replan() {
    return this;
  }

  @Override
  boolean padded() {
    return varlenPadded;
  }

  @Override
  FlashAttnTensors tensors() {
    FlashAttnTensors.floating("qkv", qkv);
    if (qkv.rank() != 4) {
      throw RefusedException.value(
          "qkv",
          "expected rank 4: [total_seq_len, num_heads/num_heads_k + 2, num_heads_k, head_dim],"
              + " got "
              + qkv);
    }
    if (qkv.dim(1) < 3 || qkv.dim(2) < 1 || qkv.dim(3) < 1) {
      throw RefusedException.value(
          "qkv",
          "expected [total_seq_len, at least 1 + 2, at least 1 head, at least 1 column], got "
              + qkv);
    }
    long group = qkv.dim(1) - 2;
    return new FlashAttnTensors(
        heads(qkv.slice(1, 0, group)), qkv.select(1, group), qkv.select(1, group + 1), "qkv", qkv);
  }

  /** (rows, G, Hk, D) as (rows, G · Hk, D), without a copy wherever strides can say that. */
  private static Tensor heads(Tensor query) {
    boolean even = query.dim(1) == 1 || query.stride(1) == query.dim(2) * query.stride(2);
    Tensor mergeable = even || query.dim(2) == 1 ? query : query.copy();
    return mergeable.reshape(query.dim(0), query.dim(1) * query.dim(2), query.dim(3));
  }

  /**
   * Computes the gradient of a forward of this operator, with the arguments and the dropout of that
   * forward.
   *
   * @param result what {@link #forward} returned
   * @param dout gradient of {@link Result#out}, same dtype and shape
   * @return the gradient; softmax is not differentiated
   * @throws RefusedException if dout does not fit
   */
  public Gradients backward(Result result, Tensor dout) {
    AttentionGradients parts = gradients(result, dout);
    Tensor dqkv = Tensor.zeros(qkv.dtype(), qkv.shape());
    long group = qkv.dim(1) - 2;
    heads(dqkv.slice(1, 0, group)).assign(parts.query());
    dqkv.select(1, group).assign(parts.key());
    dqkv.select(1, group + 1).assign(parts.value());
    return new Gradients(dqkv);
  }

  /**
   * What the backward returns.
   *
   * @param dqkv gradient of qkv, its dtype and shape; zero in rows of padding
   */
  public record Gradients(Tensor dqkv) {}
}
