package io.github.attn4j.operators;

import io.github.attn4j.DType;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Tensor;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** Which rows of the cache each sequence fills, and whether mask and bias reach over them. */
final class IncreWindows {
  private final IncreFlashAttention call;
  private final IncreShape shape;
  private final int prefix;
  private final int rows;
  private final int[] starts;
  private final int[] lengths;

  private IncreWindows(IncreFlashAttention call, IncreShape shape, int prefix, int rows) {
    this.call = call;
    this.shape = shape;
    this.prefix = prefix;
    this.rows = rows;
    starts = new int[shape.batch()];
    lengths = new int[shape.batch()];
  }

  static IncreSizes sizes(IncreFlashAttention call, IncreShape shape, int prefix, int rows) {
    IncreWindows windows = new IncreWindows(call, shape, prefix, rows);
    windows.fill();
    windows.mask();
    windows.bias();
    return new IncreSizes(shape, prefix, rows, windows.starts, windows.lengths);
  }

  /** The lengths that were given, one for all or one per sequence; null for none. */
  static long @Nullable [] given(IncreFlashAttention call, int batch) {
    Tensor tensor = call.actualSeqLengths;
    long[] numbers = call.lengths;
    if (tensor != null) {
      if (tensor.dtype() != DType.INT64 && tensor.dtype() != DType.INT32) {
        throw RefusedException.type("actual_seq_lengths", "expected int64, got " + tensor);
      }
      if (tensor.rank() != 1) {
        throw RefusedException.value(
            "actual_seq_lengths", "expected (1) or (%d), got %s".formatted(batch, tensor));
      }
      numbers = new long[IncreChecks.size("actual_seq_lengths", tensor.dim(0))];
      Arrays.setAll(numbers, tensor::getLong);
    }
    if (numbers != null && numbers.length != 1 && numbers.length != batch) {
      throw RefusedException.value(
          "actual_seq_lengths",
          "expected 1 or B = %d lengths, got %d (%s)"
              .formatted(batch, numbers.length, IncreChecks.given(call)));
    }
    return numbers;
  }

  private void fill() {
    long[] given = given(call, shape.batch());
    long[] numbers = given == null ? new long[] {rows} : given;
    if (Arrays.stream(numbers).anyMatch(n -> n < 0 || n > rows)) {
      throw RefusedException.value(
          "actual_seq_lengths",
          "expected lengths from 0 to %d, got %s (%s)"
              .formatted(rows, Arrays.toString(numbers), IncreChecks.given(call)));
    }
    boolean leftPadded = call.kvPaddingSize != null && given != null;
    long padding = padding();
    for (int b = 0; b < shape.batch(); b++) {
      long length = numbers[numbers.length == 1 ? 0 : b];
      long start = leftPadded ? rows - padding - length : 0;
      // A window that would begin before the cache, and so hold what is not there, is empty.
      if (start >= 0 && length > 0) {
        starts[b] = (int) start;
        lengths[b] = (int) length;
      }
    }
  }

  private long padding() {
    Tensor size = call.kvPaddingSize;
    if (size == null) {
      return 0;
    }
    if (size.dtype() != DType.INT64) {
      throw RefusedException.type("kv_padding_size", "expected int64, got " + size);
    }
    if (size.rank() > 1 || size.elements() != 1) {
      throw RefusedException.value("kv_padding_size", "expected () or (1), got " + size);
    }
    // Beyond the cache is as far as any number can push a window.
    return Math.clamp(size.rank() == 0 ? size.getLong() : size.getLong(0), 0, rows + 1L);
  }

  /** Which columns of mask and bias must be there where pages leave the end of the cache open. */
  private long reach() {
    return (long) prefix + rows;
  }

  private void mask() {
    Tensor mask = call.attnMask;
    if (mask == null || mask.elements() == 0) {
      return;
    }
    outerMask(call, mask, shape.batch(), reach());
    boolean fits =
        (mask.rank() < 3 || oneOr(mask.dim(-2), shape.seqlenQ()))
            && (mask.rank() < 4 || oneOr(mask.dim(1), shape.heads()));
    if (!fits) {
      throw misfit(call, shape.batch(), reach());
    }
  }

  /** First and last dimension of the mask. */
  static void outerMask(IncreFlashAttention call, Tensor mask, int batch, long columns) {
    boolean fits =
        mask.rank() >= 2
            && mask.rank() <= 4
            && mask.dim(0) == batch
            && (call.blockTable == null ? mask.dim(-1) == columns : mask.dim(-1) >= columns);
    if (!fits) {
      throw misfit(call, batch, columns);
    }
  }

  private static RefusedException misfit(IncreFlashAttention call, int batch, long columns) {
    return RefusedException.runtime(
        "attn_mask",
        "expected (B, S), (B, 1, S) or (B, 1, 1, S) with B = %d and S %s %d, got %s"
            .formatted(
                batch,
                call.blockTable == null ? "=" : "at least",
                columns,
                IncreChecks.given(call)));
  }

  private static boolean oneOr(long extent, int other) {
    return extent == 1 || extent == other;
  }

  private void bias() {
    Tensor bias = call.pseShift;
    if (bias == null) {
      return;
    }
    long end = reach();
    if (call.blockTable == null) {
      end = prefix;
      for (int b = 0; b < starts.length; b++) {
        end = Math.max(end, (long) prefix + starts[b] + lengths[b]);
      }
    }
    IncreChecks.expect(
        call,
        "pse_shift",
        bias.rank() == 4
            && oneOr(bias.dim(0), shape.batch())
            && bias.dim(1) == shape.heads()
            && oneOr(bias.dim(2), shape.seqlenQ())
            && bias.dim(3) >= end,
        "(1, N, 1, S) or (B, N, 1, S) with B = %d, N = %d and S at least %d"
            .formatted(shape.batch(), shape.heads(), end));
  }
}
