package io.github.attn4j.operators;

import io.github.attn4j.AttentionGradients;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Tensor;

/**
 * PaddlePaddle's {@code flash_attn_unpadded}: attention of variable-length sequences that lie one
 * behind the other.
 *
 * <pre>{@code
 * FlashAttnUnpadded call = FlashAttnUnpadded.of(query, key, value, cuSeqlensQ, cuSeqlensK)
 *     .maxSeqlenQ(90)
 *     .maxSeqlenK(120)
 *     .scale(0.125);
 * FlashAttnUnpadded.Result result = call.forward();
 * FlashAttnUnpadded.Gradients gradients = call.backward(result, dout);
 * }</pre>
 */
public final class FlashAttnUnpadded extends FlashAttnVarlen<FlashAttnUnpadded> {
  private final Tensor query;
  private final Tensor key;
  private final Tensor value;

  private FlashAttnUnpadded(
      Tensor query, Tensor key, Tensor value, Tensor cuSeqlensQ, Tensor cuSeqlensK) {
    super(cuSeqlensQ, cuSeqlensK);
    this.query = query;
    this.key = key;
    this.value = value;
  }

  /**
   * Starts a call; {@link #maxSeqlenQ}, {@link #maxSeqlenK} and {@link #scale} must follow.
   *
   * @param query float16, bfloat16 or float32 (total_q, Hq, D)
   * @param key same dtype (total_k, Hk, D); Hk divides Hq
   * @param value same dtype (total_k, Hk, Dv)
   * @param cuSeqlensQ int32 (B + 1): where each query starts and, last, where the last one ends
   * @param cuSeqlensK int32 (B + 1): the same for the keys
   * @return the call with every other argument at its default
   */
  public static FlashAttnUnpadded of(
      Tensor query, Tensor key, Tensor value, Tensor cuSeqlensQ, Tensor cuSeqlensK) {
    return new FlashAttnUnpadded(query, key, value, cuSeqlensQ, cuSeqlensK);
  }

  @Override
  FlashAttnUnpadded replan() {
    return this;
  }

  @Override
  boolean padded() {
    return false;
  }

  @Override
  FlashAttnTensors tensors() {
    FlashAttnTensors.floating("query", query);
    sameDtype("key", key);
    sameDtype("value", value);
    expect("query", query.rank() == 3, "rank 3: [total_seq_len, num_heads, head_dim]");
    expect("key", key.rank() == 3, "rank 3: [total_seq_len, num_heads_k, head_dim]");
    expect("value", value.rank() == 3, "rank 3: [total_seq_len, num_heads_k, head_dim]");
    expect("query", query.dim(1) > 0 && query.dim(2) > 0, "at least one head of one column");
    expect("key", key.dim(2) == query.dim(2), "the head_dim of query, " + query.dim(2));
    expect(
        "key",
        key.dim(1) > 0 && query.dim(1) % key.dim(1) == 0,
        "num_heads_k that divides the num_heads of query, " + query.dim(1));
    expect("value", value.dim(0) == key.dim(0), "the total_seq_len of key, " + key.dim(0));
    expect("value", value.dim(1) == key.dim(1), "the num_heads_k of key, " + key.dim(1));
    expect("value", value.dim(2) > 0, "at least one column");
    return new FlashAttnTensors(query, key, value, "query", query);
  }

  private void sameDtype(String name, Tensor tensor) {
    if (tensor.dtype() != query.dtype()) {
      throw RefusedException.type(
          name, "expected the dtype of query, %s, got %s".formatted(query.dtype(), shapes()));
    }
  }

  private void expect(String name, boolean fits, String expected) {
    if (!fits) {
      throw RefusedException.value(name, "expected %s, got %s".formatted(expected, shapes()));
    }
  }

  private String shapes() {
    return "query %s, key %s, value %s".formatted(query, key, value);
  }

  /**
   * Computes the gradients of a forward of this operator, with the arguments and the dropout of
   * that forward.
   *
   * @param result what {@link #forward} returned
   * @param dout gradient of {@link Result#out}, same dtype and shape
   * @return the gradients; softmax is not differentiated
   * @throws RefusedException if dout does not fit
   */
  public Gradients backward(Result result, Tensor dout) {
    AttentionGradients gradients = gradients(result, dout);
    return new Gradients(gradients.query(), gradients.key(), gradients.value());
  }

  /**
   * What the backward returns; each gradient has the shape and dtype of its argument, and is zero
   * in rows that belong to no sequence.
   *
   * @param dquery gradient of the query
   * @param dkey gradient of the key
   * @param dvalue gradient of the value
   */
  public record Gradients(Tensor dquery, Tensor dkey, Tensor dvalue) {}
}
