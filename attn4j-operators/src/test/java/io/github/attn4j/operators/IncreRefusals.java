package io.github.attn4j.operators;

import io.github.attn4j.DType;
import io.github.attn4j.RefusedException.Kind;
import io.github.attn4j.Tensor;
import java.util.Arrays;
import org.jspecify.annotations.NullMarked;

/** Calls of incre_flash_attention that run, to be spoilt one argument at a time. */
@NullMarked
final class IncreRefusals {
  static final Tensor QUERY = half(3, 4, 1, 16);
  static final Tensor KEY = half(3, 2, 40, 16);
  static final Tensor PAGES = half(9, 2, 32, 16);
  static final Tensor TABLE = Tensor.zeros(DType.INT32, 3, 4);
  static final Tensor INT8 = Tensor.zeros(DType.INT8, 3, 2, 40, 16);

  private IncreRefusals() {}

  static Tensor half(long... shape) {
    return Tensor.zeros(DType.FLOAT16, shape);
  }

  static Tensor single(long... shape) {
    return Tensor.zeros(DType.FLOAT32, shape);
  }

  static IncreFlashAttention over(Tensor query, Tensor key) {
    return IncreFlashAttention.of(query, key, key)
        .inputLayout("BNSD")
        .numHeads(4)
        .numKeyValueHeads(2)
        .backend("reference");
  }

  static IncreFlashAttention call() {
    return over(QUERY, KEY);
  }

  static IncreFlashAttention paged() {
    return over(QUERY, PAGES).blockTable(TABLE).blockSize(32).actualSeqLengths(100, 0, 128);
  }

  static IncreFlashAttention bsh(Tensor query, Tensor key) {
    return IncreFlashAttention.of(query, key, key).backend("reference");
  }

  static long[] shape(String text) {
    return Arrays.stream(text.split(" ", -1)).mapToLong(Long::parseLong).toArray();
  }

  static void assertRefused(
      IncreFlashAttention call, Kind kind, String argument, String... message) {
    Refusals.assertRefused(call::forward, kind, argument, message);
  }
}
