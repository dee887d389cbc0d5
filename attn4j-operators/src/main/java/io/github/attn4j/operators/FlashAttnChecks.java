package io.github.attn4j.operators;

import io.github.attn4j.DType;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Sequences;
import io.github.attn4j.Tensor;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The conditions under which {@code flash_attn_varlen_qkvpacked} and {@code flash_attn_unpadded}
 * refuse the arguments they share. The original trusts its cumulative lengths; here they are
 * checked, since a wrong one would read another sequence's rows or none.
 */
final class FlashAttnChecks {
  private final FlashAttnVarlen<?> call;
  private final FlashAttnTensors tensors;

  FlashAttnChecks(FlashAttnVarlen<?> call, FlashAttnTensors tensors) {
    this.call = call;
    this.tensors = tensors;
  }

  int maxSeqlenQ() {
    return maxSeqlen("max_seqlen_q", call.maxSeqlenQ);
  }

  int maxSeqlenK() {
    return maxSeqlen("max_seqlen_k", call.maxSeqlenK);
  }

  private static int maxSeqlen(String name, @Nullable Integer rows) {
    int given = given(name, rows);
    if (given < 0) {
      throw RefusedException.value(name, "expected at least 0, got " + given);
    }
    return given;
  }

  /** The core checks its value. */
  double scale() {
    return given("scale", call.scale);
  }

  private static <T> T given(String name, @Nullable T argument) {
    if (argument == null) {
      throw RefusedException.type(name, "expected a number, it has no default, got none");
    }
    return argument;
  }

  void options() {
    // Written so that NaN is refused.
    if (!(call.dropout >= 0 && call.dropout < 1)) {
      throw RefusedException.value("dropout", "expected 0 <= dropout < 1, got " + call.dropout);
    }
    if (call.returnSoftmax && !call.drops()) {
      throw RefusedException.runtime(
          "return_softmax",
          "return_softmax is only supported when dropout > 0.0: expected dropout that acts, got"
              + " dropout %s%s".formatted(call.dropout, call.dropout > 0 ? ", not training" : ""));
    }
    RandomGenerators.checkFixed(call.fixedSeedOffset);
  }

  /** Where the sequences lie. */
  Sequences sequences() {
    long[] queryEnds = cumulative("cu_seqlens_q", call.cuSeqlensQ);
    long[] keyEnds = cumulative("cu_seqlens_k", call.cuSeqlensK);
    if (queryEnds.length != keyEnds.length) {
      throw RefusedException.value(
          "cu_seqlens_k",
          "expected as many numbers as cu_seqlens_q, got %s and %s"
              .formatted(call.cuSeqlensK, call.cuSeqlensQ));
    }
    Side query = side("q", tensors.query().dim(0), queryEnds, maxSeqlenQ());
    Side key = side("k", tensors.key().dim(0), keyEnds, maxSeqlenK());
    return Sequences.ragged(
        query.rows, key.rows, query.starts, query.lengths, key.starts, key.lengths);
  }

  private record Side(long rows, long[] starts, int[] lengths) {}

  private static long[] cumulative(String name, Tensor tensor) {
    if (tensor.dtype() != DType.INT32) {
      throw RefusedException.type(name, "expected int32 [batch + 1], got " + tensor);
    }
    if (tensor.rank() != 1 || tensor.dim(0) == 0) {
      throw RefusedException.value(name, "expected int32 [batch + 1], got " + tensor);
    }
    long[] ends = new long[Math.toIntExact(tensor.dim(0))];
    Arrays.setAll(ends, tensor::getLong);
    for (int b = 0; b < ends.length; b++) {
      if (b == 0 ? ends[0] != 0 : ends[b] < ends[b - 1]) {
        throw RefusedException.value(
            name,
            "expected numbers that start at 0 and never fall, got %s at %d of %s"
                .formatted(ends[b], b, tensor));
      }
    }
    return ends;
  }

  private Side side(String suffix, long rows, long[] ends, int most) {
    String name = "cu_seqlens_" + suffix;
    int batch = ends.length - 1;
    int[] lengths = new int[batch];
    long[] starts = new long[batch];
    for (int b = 0; b < batch; b++) {
      lengths[b] = (int) (ends[b + 1] - ends[b]);
      starts[b] = call.padded() ? (long) b * most : ends[b];
      // Without padding max_seqlen says nothing that the lengths do not, except for the softmax.
      if (lengths[b] > most && (call.padded() || call.returnSoftmax)) {
        throw RefusedException.value(
            name,
            "expected lengths of at most max_seqlen_%s %d, got %d for sequence %d"
                .formatted(suffix, most, lengths[b], b));
      }
    }
    if (call.padded() && rows < (long) batch * most) {
      throw RefusedException.value(
          "max_seqlen_" + suffix,
          "expected total_seq_len %d to hold %d sequences padded to %d rows, got %s %s"
              .formatted(rows, batch, most, tensors.source(), tensors.given()));
    }
    if (!call.padded() && ends[batch] > rows) {
      throw RefusedException.value(
          name, "expected an end within total_seq_len %d, got %d".formatted(rows, ends[batch]));
    }
    return new Side(rows, starts, lengths);
  }
}
