package io.github.attn4j.operators;

import io.github.attn4j.DType;
import io.github.attn4j.Layout;
import io.github.attn4j.Quantization;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Tensor;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The conditions under which {@code incre_flash_attention} refuses its tensors and numbers, with
 * its own spelling of their names, and the sizes that follow from those it takes. What the document
 * refuses is refused, and what has no meaning; what only a device could not do is not.
 */
final class IncreChecks {
  private final IncreFlashAttention call;
  private final Tensor key;
  private final Tensor value;

  private IncreChecks(IncreFlashAttention call) {
    this.call = call;
    key = call.key.get(0);
    value = call.value.get(0);
  }

  /** A refusal of the core under the operator's own name for the argument. */
  static RefusedException translate(RefusedException refusal) {
    return switch (refusal.argument()) {
      case "blockTable" -> refusal.as("block_table");
      case "scale" -> refusal.as("scale_value");
      case "key scale", "key offset" -> refusal.as("key_antiquant");
      case "value scale", "value offset" -> refusal.as("value_antiquant");
      default -> refusal;
    };
  }

  /** Refuses what a step over a single cache tensor can be refused for, or reads its sizes. */
  static IncreSizes sizes(IncreFlashAttention call) {
    IncreChecks checks = new IncreChecks(call);
    checks.numbers();
    checks.dtypes();
    IncreShape shape = checks.query();
    IncreQuantChecks.check(call, shape);
    int rows =
        call.blockTable == null
            ? checks.rows(shape)
            : IncrePages.rows(call, shape, call.blockTable);
    checks.expect(
        "value",
        checks.value.hasShape(checks.key.shape()),
        "the shape of key, " + Arrays.toString(checks.key.shape()));
    return IncreWindows.sizes(call, shape, checks.prefix(shape), rows);
  }

  private void numbers() {
    if (call.numHeads <= 0) {
      throw RefusedException.runtime("num_heads", "expected a number above 0, got " + given());
    }
    expect("num_key_value_heads", call.numKeyValueHeads >= 0, "a number of at least 0");
    expect(
        "num_heads",
        call.numHeads % kvHeads() == 0,
        "a multiple of num_key_value_heads, " + kvHeads());
    if (call.innerPrecise != 0 && call.innerPrecise != 1) {
      throw RefusedException.value("inner_precise", "expected 0 or 1, got " + call.innerPrecise);
    }
  }

  private int kvHeads() {
    return call.numKeyValueHeads == 0 ? call.numHeads : call.numKeyValueHeads;
  }

  private void dtypes() {
    if (!call.query.dtype().isFloating()) {
      throw RefusedException.type("query", "expected float16, bfloat16 or float32, got " + given());
    }
    if (!key.dtype().isFloating() && key.dtype() != DType.INT8) {
      throw RefusedException.type(
          "key", "expected float16, bfloat16, float32 or int8, got " + given());
    }
    if (value.dtype() != key.dtype()) {
      throw RefusedException.type(
          "value", "expected the dtype of key, %s, got %s".formatted(key.dtype(), given()));
    }
    Tensor mask = call.attnMask;
    if (mask != null && mask.dtype() != DType.BOOL && mask.dtype() != DType.INT8) {
      throw RefusedException.type("attn_mask", "expected bool, int8 or uint8, got " + mask);
    }
    Tensor bias = call.pseShift;
    if (bias != null && bias.dtype() != call.query.dtype()) {
      throw RefusedException.type(
          "pse_shift",
          "expected float16 or bfloat16, the dtype of query, %s, got %s"
              .formatted(call.query.dtype(), bias));
    }
  }

  private Layout layout() {
    return switch (call.inputLayout) {
      case "BSH" -> Layout.BSH;
      case "BNSD" -> Layout.BNSD;
      case "BSND" -> Layout.BSND;
      case null -> throw RefusedException.type("input_layout", "expected a string, got null");
      default ->
          throw RefusedException.value(
              "input_layout", "expected BSH, BNSD or BSND, got " + given());
    };
  }

  private IncreShape query() {
    Layout layout = layout();
    Tensor query = call.query;
    int heads = call.numHeads;
    switch (layout) {
      case BNSD -> {
        expect("query", query.rank() == 4, "rank 4, (B, N, Sq, D)");
        expect("num_heads", query.dim(1) == heads, "the N of query, " + query.dim(1));
      }
      case BSND -> {
        expect("query", query.rank() == 4, "rank 4, (B, Sq, N, D)");
        expect("num_heads", query.dim(2) == heads, "the N of query, " + query.dim(2));
      }
      default -> {
        expect("query", query.rank() == 3, "rank 3, (B, Sq, H)");
        expect("num_heads", query.dim(2) % heads == 0, "a divisor of H, " + query.dim(2));
      }
    }
    expect("query", query.elements() > 0, "a tensor that is not empty");
    long rows = query.dim(layout == Layout.BNSD ? 2 : 1);
    return new IncreShape(
        layout,
        size("query", query.dim(0)),
        size("query", rows),
        heads,
        kvHeads(),
        size("query", query.elements() / query.dim(0) / rows / heads));
  }

  /** Columns of a head of the cache, bytes where a byte holds two. */
  static int columns(IncreFlashAttention call, IncreShape shape) {
    Quantization rule = call.keyAntiquant;
    boolean nibbles = rule != null && rule.bits() == 4;
    return nibbles ? Math.ceilDiv(shape.headDim(), 2) : shape.headDim();
  }

  /** Rows of a cache in one piece. */
  private int rows(IncreShape shape) {
    expect("key", key.rank() == call.query.rank(), "the rank of query, " + call.query.rank());
    expect("key", key.elements() > 0, "a tensor that is not empty");
    if (shape.layout() == Layout.BSH) {
      expect(
          "num_key_value_heads",
          key.dim(2) % shape.kvHeads() == 0,
          "a divisor of kvH, " + key.dim(2));
    }
    long rows = key.dim(shape.rowDimension());
    long[] expected = shape.keyShape(shape.batch(), rows, columns(call, shape));
    expect(
        "key",
        key.hasShape(expected),
        "%d sequences with %d heads of %d columns, %s"
            .formatted(
                shape.batch(), shape.kvHeads(), columns(call, shape), Arrays.toString(expected)));
    return size("key", rows);
  }

  private int prefix(IncreShape shape) {
    Tensor keys = call.prefixKey;
    Tensor values = call.prefixValue;
    if (keys == null && values == null) {
      return 0;
    }
    String got = "got %s and %s (%s)".formatted(keys, values, given());
    if (keys == null || values == null) {
      throw RefusedException.value("shared_prefix", "expected both keys and values, " + got);
    }
    boolean known = keys.dtype() == key.dtype() || keys.dtype() == call.query.dtype();
    if (!known || values.dtype() != keys.dtype()) {
      throw RefusedException.type(
          "shared_prefix", "expected keys and values of the dtype of key or of query, " + got);
    }
    int columns = keys.dtype() == DType.INT8 ? columns(call, shape) : shape.headDim();
    long rows = keys.rank() == call.query.rank() ? keys.dim(shape.rowDimension()) : 0;
    long[] expected = shape.keyShape(1, rows, columns);
    if (rows == 0 || !keys.hasShape(expected) || !values.hasShape(expected)) {
      throw RefusedException.value(
          "shared_prefix",
          "expected keys and values of one sequence with %d heads of %d columns, %s"
              .formatted(shape.kvHeads(), columns, got));
    }
    return size("shared_prefix", rows);
  }

  static int size(String name, long extent) {
    if (extent > Integer.MAX_VALUE) {
      throw RefusedException.value(name, "expected extents below 2^31, got " + extent);
    }
    return (int) extent;
  }

  private void expect(String name, boolean fits, String expected) {
    expect(call, name, fits, expected);
  }

  static void expect(IncreFlashAttention call, String name, boolean fits, String expected) {
    if (!fits) {
      throw RefusedException.value(name, "expected %s, got %s".formatted(expected, given(call)));
    }
  }

  private String given() {
    return given(call);
  }

  /** What came, with every shape. */
  static String given(IncreFlashAttention call) {
    StringBuilder text = new StringBuilder();
    text.append("query ").append(call.query);
    text.append(", key ").append(call.key.get(0));
    text.append(", value ").append(call.value.get(0));
    append(text, "attn_mask", call.attnMask);
    append(text, "pse_shift", call.pseShift);
    append(text, "block_table", call.blockTable);
    text.append(", num_heads ").append(call.numHeads);
    text.append(", num_key_value_heads ").append(call.numKeyValueHeads);
    text.append(", input_layout \"").append(call.inputLayout).append('"');
    return text.toString();
  }

  private static void append(StringBuilder text, String name, @Nullable Tensor tensor) {
    if (tensor != null) {
      text.append(", ").append(name).append(' ').append(tensor);
    }
  }
}
