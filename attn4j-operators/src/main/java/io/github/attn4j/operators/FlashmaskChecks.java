package io.github.attn4j.operators;

import io.github.attn4j.DType;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;

/**
 * The conditions under which {@code flashmask_attention} refuses its arguments, with its own
 * spelling of their names. Only what has no meaning is refused, not what some kernel of it could
 * not do.
 */
final class FlashmaskChecks {
  /** The largest head of any version that runs a head both ways. */
  private static final int MAX_HEAD_DIM = 512;

  private final FlashmaskAttention call;

  FlashmaskChecks(FlashmaskAttention call) {
    this.call = call;
  }

  /** A refusal of the core under the operator's own name for the argument. */
  static RefusedException translate(RefusedException refusal) {
    return switch (refusal.argument()) {
      case "scale" -> refusal.as("softmax_scale");
      case "sink" -> refusal.as("learnable_sink");
      case "shape" -> refusal.as("query");
      default -> refusal;
    };
  }

  /** What a plan depends on. */
  void plan() {
    tensors();
    sizes();
    combinations();
    Tensor indices = call.startendRowIndices;
    if (indices != null) {
      common("startend_row_indices", indices);
      expect(
          "startend_row_indices",
          indices.dim(2) == call.key.dim(1),
          "shape[2] equal to the sequence length of key, %d".formatted(call.key.dim(1)));
      heads("startend_row_indices", indices);
      columns(indices.dim(3));
    }
    Tensor blocks = call.blockMask;
    if (blocks != null) {
      common("block_mask", blocks);
      if (indices != null) {
        expect(
            "block_mask",
            blocks.dim(1) == indices.dim(1),
            "shape[1] equal to that of startend_row_indices, %d".formatted(indices.dim(1)));
      } else {
        heads("block_mask", blocks);
      }
      blocks(blocks, 2, call.query.dim(1), "query");
      blocks(blocks, 3, call.key.dim(1), "key");
    }
  }

  private void tensors() {
    List<String> names = List.of("query", "key", "value");
    List<Tensor> tensors = List.of(call.query, call.key, call.value);
    for (int t = 0; t < 3; t++) {
      expect(
          names.get(t),
          tensors.get(t).rank() == 4,
          "rank 4: [batch_size, seq_len, num_heads, head_dim]");
    }
    if (!call.query.dtype().isFloating()) {
      throw RefusedException.type(
          "query", "expected float16, bfloat16 or float32, got " + shapes());
    }
    for (int t = 1; t < 3; t++) {
      if (tensors.get(t).dtype() != call.query.dtype()) {
        throw RefusedException.type(
            names.get(t),
            "expected the dtype of query, %s, got %s".formatted(call.query.dtype(), shapes()));
      }
    }
  }

  private void sizes() {
    Tensor query = call.query;
    Tensor key = call.key;
    Tensor value = call.value;
    expect("query", query.dim(0) > 0, "batch_size > 0");
    expect("query", query.dim(2) > 0, "num_heads > 0");
    expect(
        "query",
        query.dim(3) > 0 && query.dim(3) <= MAX_HEAD_DIM,
        "1 <= head_dim <= " + MAX_HEAD_DIM);
    expect("key", key.dim(0) == query.dim(0), "the batch_size of query, " + query.dim(0));
    expect("key", key.dim(3) == query.dim(3), "the head_dim of query, " + query.dim(3));
    expect(
        "key",
        key.dim(2) > 0 && query.dim(2) % key.dim(2) == 0,
        "num_heads that divide those of query, " + query.dim(2));
    expect("value", value.dim(0) == key.dim(0), "the batch_size of key, " + key.dim(0));
    expect("value", value.dim(1) == key.dim(1), "the seq_len of key, " + key.dim(1));
    expect("value", value.dim(2) == key.dim(2), "the num_heads of key, " + key.dim(2));
    expect(
        "value",
        value.dim(3) > 0 && value.dim(3) <= MAX_HEAD_DIM,
        "1 <= head_dim <= " + MAX_HEAD_DIM);
  }

  private void combinations() {
    int[] window = call.windowSize;
    if (window == null) {
      return;
    }
    if (call.startendRowIndices != null) {
      throw RefusedException.runtime(
          "window_size",
          "can't use window_size with startend_row_indices: expected one of them, got %s and %s"
              .formatted(Arrays.toString(window), shapes()));
    }
    expect(
        "window_size",
        call.query.dim(1) == call.key.dim(1),
        "query and key of equal seq_len for window_size " + Arrays.toString(window));
  }

  /** What both masks share: int32, four dimensions, one mask per batch entry. */
  private void common(String name, Tensor mask) {
    if (mask.dtype() != DType.INT32) {
      throw RefusedException.type(name, "expected int32, got " + shapes());
    }
    expect(name, mask.rank() == 4, "rank 4");
    expect(
        name,
        mask.dim(0) == call.key.dim(0),
        "shape[0] equal to the batch_size of key, %d".formatted(call.key.dim(0)));
  }

  private void heads(String name, Tensor mask) {
    long kvHeads = call.key.dim(2);
    long heads = call.query.dim(2);
    expect(
        name,
        LongStream.of(1, kvHeads, heads).anyMatch(n -> n == mask.dim(1)),
        "shape[1] equal to 1, to the num_heads of key, %d, or to those of query, %d"
            .formatted(kvHeads, heads));
  }

  private void columns(long got) {
    boolean fits = call.causal ? got == 1 || got == 2 : got == 2 || got == 4;
    if (!fits) {
      throw RefusedException.value(
          "startend_row_indices",
          ("Invalid shape of startend_row_indices, when causal is %s, the last dimension should be"
                  + " either %s, but got %d (%s)")
              .formatted(
                  call.causal ? "True" : "False",
                  call.causal ? "1 or 2" : "2 or 4",
                  got,
                  shapes()));
    }
  }

  private void blocks(Tensor blocks, int dimension, long rows, String of) {
    long wanted = Math.ceilDiv(rows, FlashmaskTranslation.BLOCK);
    expect(
        "block_mask",
        blocks.dim(dimension) == wanted,
        "shape[%d] equal to ceil(seq_len of %s / %d), %d"
            .formatted(dimension, of, FlashmaskTranslation.BLOCK, wanted));
  }

  /** What only a run depends on; the core checks the sink. */
  void run() {
    // Written so that NaN is refused.
    if (!(call.dropout >= 0 && call.dropout < 1)) {
      throw RefusedException.value("dropout", "expected 0 <= dropout < 1, got " + call.dropout);
    }
    RandomGenerators.checkFixed(call.fixedSeedOffset);
  }

  private void expect(String name, boolean fits, String expected) {
    if (!fits) {
      throw RefusedException.value(name, "expected %s, got %s".formatted(expected, shapes()));
    }
  }

  private String shapes() {
    StringBuilder text = new StringBuilder();
    text.append("query ").append(call.query);
    text.append(", key ").append(call.key);
    text.append(", value ").append(call.value);
    if (call.startendRowIndices != null) {
      text.append(", startend_row_indices ").append(call.startendRowIndices);
    }
    if (call.blockMask != null) {
      text.append(", block_mask ").append(call.blockMask);
    }
    return text.toString();
  }
}
