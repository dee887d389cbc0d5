package io.github.attn4j.operators;

import io.github.attn4j.Layout;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Sequences;
import io.github.attn4j.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Reads the sizes of a call of {@code npu_fusion_attention} off its tensors, and refuses those that
 * do not fit together, with the document's spelling of the arguments.
 */
final class NpuChecks {
  /** The document's ranges. */
  private static final int MAX_HEAD_DIM = 768;

  private static final int MAX_HEADS = 256;

  private final NpuFusionAttention call;

  NpuChecks(NpuFusionAttention call) {
    this.call = call;
  }

  /** A refusal of the core under the operator's own name for the argument. */
  static RefusedException translate(RefusedException refusal) {
    return switch (refusal.argument()) {
      case "mask" -> refusal.as("atten_mask");
      case "bias" -> refusal.as("pse");
      case "keep" -> refusal.as("dropout_mask");
      case "dropout" -> refusal.as("keep_prob");
      case "out" -> refusal.as("attention_in");
      default -> refusal;
    };
  }

  static void expect(NpuFusionAttention call, String name, boolean fits, String expected) {
    if (!fits) {
      throw RefusedException.value(
          name, "expected %s, got %s".formatted(expected, described(call)));
    }
  }

  /** Refuses an argument that another one rules out. */
  static void expectTogether(NpuFusionAttention call, String name, boolean fits, String expected) {
    if (!fits) {
      throw RefusedException.runtime(
          name, "expected %s, got %s".formatted(expected, described(call)));
    }
  }

  static void expectType(NpuFusionAttention call, String name, boolean fits, String expected) {
    if (!fits) {
      throw RefusedException.type(name, "expected %s, got %s".formatted(expected, described(call)));
    }
  }

  private void expect(String name, boolean fits, String expected) {
    expect(call, name, fits, expected);
  }

  private static String described(NpuFusionAttention call) {
    StringBuilder text = new StringBuilder();
    text.append("query ").append(call.query);
    text.append(", key ").append(call.key);
    text.append(", value ").append(call.value);
    text.append(", head_num ").append(call.headNum);
    text.append(", input_layout ").append(call.inputLayout);
    append(text, "pse", call.pse);
    append(text, "padding_mask", call.paddingMask);
    append(text, "atten_mask", call.attenMask);
    append(text, "sink", call.sink);
    append(text, "dropout_mask", call.dropoutMask);
    text.append(", sparse_mode ").append(call.sparseMode);
    text.append(", pre_tockens ").append(call.preTockens);
    text.append(", next_tockens ").append(call.nextTockens);
    append(text, "prefix", call.prefix);
    append(text, "actual_seq_qlen", call.actualSeqQlen);
    append(text, "actual_seq_kvlen", call.actualSeqKvlen);
    append(text, "q_start_idx", call.qStartIdx);
    append(text, "kv_start_idx", call.kvStartIdx);
    return text.toString();
  }

  private static void append(StringBuilder text, String name, @Nullable Object given) {
    if (given != null) {
      Object shown = given instanceof long[] numbers ? Arrays.toString(numbers) : given;
      text.append(", ").append(name).append(' ').append(shown);
    }
  }

  NpuSizes sizes() {
    Layout layout = layout();
    scalars(layout);
    tensors(layout);
    int headAxis = headAxis(layout);
    long heads = call.headNum;
    long kvHeads = headAxis < 0 ? folded("key", call.key, headDim(layout)) : call.key.dim(headAxis);
    expect(
        "head_num",
        headAxis < 0 || call.query.dim(headAxis) == heads,
        "as many as query has heads");
    expect("head_num", heads <= MAX_HEADS, "at most " + MAX_HEADS);
    expect("key", kvHeads > 0 && heads % kvHeads == 0, "heads that divide those of query");
    expect(
        "value",
        headAxis < 0
            ? call.value.dim(-1) % kvHeads == 0
            : call.value.dim(headAxis) == call.key.dim(headAxis),
        "as many heads as key, " + kvHeads);
    long headDim = headDim(layout);
    long valueDim = call.value.dim(-1) / (headAxis < 0 ? kvHeads : 1);
    expect("query", headDim >= 1 && headDim <= MAX_HEAD_DIM, "1 <= D <= " + MAX_HEAD_DIM);
    expect("key", headAxis < 0 || call.key.dim(-1) == headDim, "the D of query, " + headDim);
    expect("value", valueDim >= 1 && valueDim <= headDim, "1 <= Dv <= D");
    return new NpuSizes(
        layout,
        layout == Layout.TND ? ragged() : padded(layout),
        (int) heads,
        (int) kvHeads,
        (int) headDim,
        (int) valueDim);
  }

  private Layout layout() {
    String name = call.inputLayout.toUpperCase(Locale.ROOT);
    for (Layout layout : Layout.values()) {
      if (layout.name().equals(name)) {
        return layout;
      }
    }
    throw RefusedException.value(
        "input_layout",
        "expected BSH, SBH, BSND, BNSD or TND, got %s (%s)"
            .formatted(call.inputLayout, described(call)));
  }

  /** What needs no shape but the layout's name. */
  private void scalars(Layout layout) {
    boolean ragged = layout == Layout.TND;
    expectTogether(call, "padding_mask", call.paddingMask == null, "none, it is not supported");
    expect("head_num", call.headNum > 0, "at least 1");
    expect(
        "inner_precise",
        call.innerPrecise >= 0 && call.innerPrecise <= 2,
        "0, 1 or 2 (not %d)".formatted(call.innerPrecise));
    expect(
        "softmax_layout",
        call.softmaxLayout.isEmpty() || (ragged && call.softmaxLayout.equals("TND")),
        "\"\", or \"TND\" with that input_layout (not \"%s\")".formatted(call.softmaxLayout));
    expect(
        "pse_type",
        call.pseType >= 0 && call.pseType <= 3,
        "0, 1, 2 or 3 (not %d)".formatted(call.pseType));
    String lengths = ragged ? "the ends of the sequences with TND" : "none without TND";
    expect("actual_seq_qlen", ragged == (call.actualSeqQlen != null), lengths);
    expect("actual_seq_kvlen", ragged == (call.actualSeqKvlen != null), lengths);
  }

  private void tensors(Layout layout) {
    List<String> names = List.of("query", "key", "value");
    List<Tensor> tensors = List.of(call.query, call.key, call.value);
    int rank = layout == Layout.BNSD || layout == Layout.BSND ? 4 : 3;
    for (int t = 0; t < 3; t++) {
      expect(names.get(t), tensors.get(t).rank() == rank, "rank %d: %s".formatted(rank, layout));
    }
    expectType(call, "query", call.query.dtype().isFloating(), "float16, bfloat16 or float32");
    for (int t = 1; t < 3; t++) {
      expectType(
          call, names.get(t), tensors.get(t).dtype() == call.query.dtype(), "the dtype of query");
    }
  }

  /** Where the heads lie, or -1 if they share a dimension with the columns. */
  private static int headAxis(Layout layout) {
    return switch (layout) {
      case BNSD, TND -> 1;
      case BSND -> 2;
      case BSH, SBH -> -1;
    };
  }

  private long headDim(Layout layout) {
    if (headAxis(layout) >= 0) {
      return call.query.dim(-1);
    }
    long headDim = folded("query", call.query, call.headNum);
    expect("query", headDim > 0, "H of at least head_num");
    return headDim;
  }

  /** The other factor of a last dimension that is heads times columns. */
  private long folded(String name, Tensor tensor, long factor) {
    expect(name, tensor.dim(-1) % factor == 0, "H that %d divides".formatted(factor));
    return tensor.dim(-1) / factor;
  }

  private Sequences padded(Layout layout) {
    int batchAxis = layout == Layout.SBH ? 1 : 0;
    int rowAxis =
        switch (layout) {
          case BNSD -> 2;
          case SBH -> 0;
          default -> 1;
        };
    long batch = call.query.dim(batchAxis);
    expect("query", batch > 0, "B of at least 1");
    expect("key", call.key.dim(batchAxis) == batch, "the B of query, " + batch);
    expect("value", call.value.dim(batchAxis) == batch, "the B of query, " + batch);
    long keys = call.key.dim(rowAxis);
    expect("value", call.value.dim(rowAxis) == keys, "the S of key, " + keys);
    return Sequences.padded(
        size("query", batch), size("query", call.query.dim(rowAxis)), size("key", keys));
  }

  private Sequences ragged() {
    long[] endsQ = call.actualSeqQlen == null ? new long[0] : call.actualSeqQlen;
    long[] endsK = call.actualSeqKvlen == null ? new long[0] : call.actualSeqKvlen;
    long tokensQ = call.query.dim(0);
    long tokensK = call.key.dim(0);
    expect("value", call.value.dim(0) == tokensK, "the T of key, " + tokensK);
    expect("actual_seq_qlen", endsQ.length > 0, "at least one sequence");
    // Without any tokens all ends are zeros, whether their sequences take part or not.
    expect(
        "actual_seq_kvlen",
        tokensQ == 0 || tokensK == 0 || taking(endsQ) == taking(endsK),
        "as many sequences as actual_seq_qlen, " + taking(endsQ));
    int count = Math.max(endsQ.length, endsK.length);
    long[] startsQ = starts("actual_seq_qlen", endsQ, count, tokensQ);
    long[] startsK = starts("actual_seq_kvlen", endsK, count, tokensK);
    return Sequences.ragged(
        tokensQ,
        tokensK,
        Arrays.copyOf(startsQ, count),
        lengths("actual_seq_qlen", startsQ),
        Arrays.copyOf(startsK, count),
        lengths("actual_seq_kvlen", startsK));
  }

  /** How many sequences take part: all but those whose ends are zeros at the end. */
  static int taking(long[] ends) {
    int count = ends.length;
    while (count > 0 && ends[count - 1] == 0) {
      count--;
    }
    return count;
  }

  /** Where each of {@code count} sequences starts and, last, where the last one ends. */
  private long[] starts(String name, long[] ends, int count, long tokens) {
    long[] starts = new long[count + 1];
    int taking = taking(ends);
    for (int b = 0; b < count; b++) {
      starts[b + 1] = b < taking ? ends[b] : starts[b];
      expect(name, starts[b + 1] >= starts[b], "running sums, with zeros only at the end");
    }
    expect(name, starts[count] <= tokens, "sums of at most T, " + tokens);
    return starts;
  }

  private int[] lengths(String name, long[] starts) {
    int[] lengths = new int[starts.length - 1];
    for (int b = 0; b < lengths.length; b++) {
      lengths[b] = size(name, starts[b + 1] - starts[b]);
    }
    return lengths;
  }

  private int size(String name, long extent) {
    expect(name, extent <= Integer.MAX_VALUE, "sizes below 2^31");
    return (int) extent;
  }
}
