package io.github.attn4j.operators;

import io.github.attn4j.DType;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Tensor;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The conditions under which an ONNX {@code Attention} refuses its arguments, under the names the
 * standard gives them.
 */
final class OnnxChecks {
  /** Of TensorProto.DataType: FLOAT, FLOAT16, DOUBLE, BFLOAT16. */
  private static final List<Integer> FLOATING = List.of(1, 10, 11, 16);

  private final OnnxAttention call;

  OnnxChecks(OnnxAttention call) {
    this.call = call;
  }

  /** Checks everything but scale and softcap, which the core checks. */
  OnnxSizes sizes() {
    attributes();
    tensors();
    boolean packed = call.query.rank() == 3;
    long heads = heads("q_num_heads", call.qNumHeads, "Q", call.query);
    long kvHeads = heads("kv_num_heads", call.kvNumHeads, "K", call.key);
    expect(
        packed ? "q_num_heads" : "Q",
        heads % kvHeads == 0,
        "a number of heads that kv_num_heads %d divides".formatted(kvHeads));
    if (!packed) {
      expect("V", call.value.dim(1) == kvHeads, "the num_heads of K, " + kvHeads);
    }
    long headDim = columns("Q", call.query, heads);
    expect(
        "K",
        call.key.dim(-1) == (packed ? kvHeads * headDim : headDim),
        "kv_num_heads %d of the head_size of Q, %d".formatted(kvHeads, headDim));
    long valueDim = columns("V", call.value, kvHeads);
    OnnxSizes sizes =
        new OnnxSizes(
            size("Q", call.query.dim(0)),
            size("Q", heads),
            size("K", kvHeads),
            size("Q", call.query.dim(-2)),
            past(kvHeads, headDim, valueDim),
            size("K", call.key.dim(-2)),
            size("Q", headDim),
            size("V", valueDim));
    expect(
        "past_key",
        (long) sizes.past() + sizes.fresh() <= Integer.MAX_VALUE,
        "fewer than 2^31 keys in all");
    nonpad(sizes);
    mask(sizes);
    return sizes;
  }

  private void attributes() {
    if (call.opset != 23 && call.opset != 24) {
      throw RefusedException.value("opset", "expected 23 or 24, got " + call.opset);
    }
    if (call.qkMatmulOutputMode < 0 || call.qkMatmulOutputMode > 3) {
      throw RefusedException.value(
          "qk_matmul_output_mode", "expected 0, 1, 2 or 3, got " + call.qkMatmulOutputMode);
    }
    Integer precision = call.softmaxPrecision;
    if (precision != null && !FLOATING.contains(precision)) {
      throw RefusedException.value(
          "softmax_precision",
          "expected 1 (float), 10 (float16), 11 (double) or 16 (bfloat16), got " + precision);
    }
  }

  private void tensors() {
    int rank = call.query.rank();
    expect(
        "Q",
        rank == 3 || rank == 4,
        "(batch_size, q_num_heads, q_sequence_length, head_size) or"
            + " (batch_size, q_sequence_length, q_hidden_size)");
    floating("Q", call.query);
    expect("K", call.key.rank() == rank, "the rank of Q, " + rank);
    sameDtype("K", call.key, "Q", call.query);
    expect("V", call.value.rank() == rank, "the rank of Q, " + rank);
    floating("V", call.value);
    long batch = call.query.dim(0);
    expect("K", call.key.dim(0) == batch, "the batch_size of Q, " + batch);
    expect("V", call.value.dim(0) == batch, "the batch_size of Q, " + batch);
    expect(
        "V",
        call.value.dim(-2) == call.key.dim(-2),
        "the kv_sequence_length of K, " + call.key.dim(-2));
  }

  /** Heads as the attribute says for 3-D inputs, and as the shape says for 4-D ones. */
  private long heads(String attribute, @Nullable Integer count, String name, Tensor tensor) {
    if (tensor.rank() == 4) {
      long heads = tensor.dim(1);
      expect(name, heads > 0, "at least one head");
      expect(
          attribute,
          count == null || count == heads,
          "the num_heads of %s, %d".formatted(name, heads),
          count);
      return heads;
    }
    if (count == null) {
      throw RefusedException.value(
          attribute,
          "expected a number of heads for 3-D inputs, got none (%s)".formatted(shapes()));
    }
    expect(attribute, count > 0, "at least 1", count);
    return count;
  }

  /** Columns of one head. */
  private long columns(String name, Tensor tensor, long heads) {
    long columns = tensor.dim(-1);
    if (tensor.rank() == 3) {
      expect(
          name,
          columns % heads == 0,
          "a hidden_size that its number of heads, %d, divides".formatted(heads));
      columns /= heads;
    }
    expect(name, columns > 0, "at least one column per head");
    return columns;
  }

  private int size(String name, long extent) {
    expect(name, extent <= Integer.MAX_VALUE, "extents below 2^31");
    return (int) extent;
  }

  private int past(long kvHeads, long headDim, long valueDim) {
    Tensor key = call.pastKey;
    Tensor value = call.pastValue;
    if ((key == null) != (value == null)) {
      throw RefusedException.runtime(
          key == null ? "past_key" : "past_value",
          "expected past_key and past_value together, got one of them (%s)".formatted(shapes()));
    }
    if (key == null || value == null) {
      return 0;
    }
    if (call.nonpadKvSeqlen != null) {
      throw RefusedException.runtime(
          "nonpad_kv_seqlen",
          "expected no past_key and past_value beside it, got both (%s)".formatted(shapes()));
    }
    sameDtype("past_key", key, "K", call.key);
    sameDtype("past_value", value, "V", call.value);
    expect("past_key", key.rank() == 4, "rank 4");
    long batch = call.query.dim(0);
    expect(
        "past_key",
        key.hasShape(batch, kvHeads, key.dim(2), headDim),
        "[%d, %d, past_sequence_length, %d]".formatted(batch, kvHeads, headDim));
    expect(
        "past_value",
        value.hasShape(batch, kvHeads, key.dim(2), valueDim),
        "[%d, %d, %d, %d]".formatted(batch, kvHeads, key.dim(2), valueDim));
    return size("past_key", key.dim(2));
  }

  private void nonpad(OnnxSizes sizes) {
    Tensor lengths = call.nonpadKvSeqlen;
    if (lengths == null) {
      return;
    }
    if (call.opset < 24) {
      throw RefusedException.value(
          "nonpad_kv_seqlen", "expected none in opset %d, got %s".formatted(call.opset, lengths));
    }
    if (call.wantsPresent()) {
      throw RefusedException.runtime(
          "nonpad_kv_seqlen",
          "expected present_key and present_value not to be asked for beside it, got " + shapes());
    }
    if (lengths.dtype() != DType.INT64) {
      throw RefusedException.type("nonpad_kv_seqlen", "expected int64, got " + shapes());
    }
    expect(
        "nonpad_kv_seqlen",
        lengths.hasShape(sizes.batch()),
        "one length per batch entry, [%d]".formatted(sizes.batch()));
    for (int b = 0; b < sizes.batch(); b++) {
      long length = lengths.getLong(b);
      expect(
          "nonpad_kv_seqlen",
          length >= 0 && length <= sizes.fresh(),
          "lengths from 0 to kv_sequence_length %d".formatted(sizes.fresh()),
          length);
    }
  }

  private void mask(OnnxSizes sizes) {
    Tensor mask = call.attnMask;
    if (mask == null) {
      return;
    }
    if (mask.dtype() != DType.BOOL && !mask.dtype().isFloating()) {
      throw RefusedException.type(
          "attn_mask", "expected bool, float16, bfloat16 or float32, got " + shapes());
    }
    expect("attn_mask", mask.rank() >= 2 && mask.rank() <= 4, "rank 2, 3 or 4");
    long[] target = {sizes.batch(), sizes.heads(), sizes.seqlenQ()};
    boolean fits = mask.dim(-1) <= sizes.total();
    for (int d = 0; d < mask.rank() - 1; d++) {
      long extent = mask.dim(d);
      fits &= extent == 1 || extent == target[4 - mask.rank() + d];
    }
    expect(
        "attn_mask",
        fits,
        "a shape that broadcasts to [%d, %d, %d, at most %d]"
            .formatted(sizes.batch(), sizes.heads(), sizes.seqlenQ(), sizes.total()));
  }

  private void floating(String name, Tensor tensor) {
    if (!tensor.dtype().isFloating()) {
      throw RefusedException.type(name, "expected float16, bfloat16 or float32, got " + shapes());
    }
  }

  private void sameDtype(String name, Tensor tensor, String other, Tensor expected) {
    if (tensor.dtype() != expected.dtype()) {
      throw RefusedException.type(
          name,
          "expected the dtype of %s, %s, got %s".formatted(other, expected.dtype(), shapes()));
    }
  }

  private void expect(String name, boolean fits, String expected) {
    if (!fits) {
      throw RefusedException.value(name, "expected %s, got %s".formatted(expected, shapes()));
    }
  }

  private void expect(String name, boolean fits, String expected, @Nullable Number got) {
    if (!fits) {
      throw RefusedException.value(
          name, "expected %s, got %s (%s)".formatted(expected, got, shapes()));
    }
  }

  private String shapes() {
    StringBuilder text = new StringBuilder();
    text.append("Q ").append(call.query);
    text.append(", K ").append(call.key);
    text.append(", V ").append(call.value);
    append(text, "attn_mask", call.attnMask);
    append(text, "past_key", call.pastKey);
    append(text, "past_value", call.pastValue);
    append(text, "nonpad_kv_seqlen", call.nonpadKvSeqlen);
    return text.toString();
  }

  private static void append(StringBuilder text, String name, @Nullable Tensor tensor) {
    if (tensor != null) {
      text.append(", ").append(name).append(' ').append(tensor);
    }
  }
}
