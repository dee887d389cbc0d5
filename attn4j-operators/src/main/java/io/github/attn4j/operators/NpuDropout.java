package io.github.attn4j.operators;

import io.github.attn4j.AttentionInputs;
import io.github.attn4j.DType;
import io.github.attn4j.Dropout;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Tensor;
import org.jspecify.annotations.Nullable;

/** The dropout of {@code npu_fusion_attention}: random state, caller's bits, and their export. */
final class NpuDropout {
  /** How far a call moves the offset of the default generator. */
  private static final long STEP = 10;

  /** The exported bits come in pieces of so many. */
  private static final long BITS = 128;

  private final NpuFusionAttention call;
  private final NpuSizes sizes;

  NpuDropout(NpuFusionAttention call, NpuSizes sizes) {
    this.call = call;
    this.sizes = sizes;
  }

  void check() {
    // Written so that NaN is refused.
    if (!(call.keepProb > 0 && call.keepProb <= 1)) {
      throw RefusedException.value(
          "keep_prob", "expected 0 < keep_prob <= 1, got " + call.keepProb);
    }
    Tensor mask = call.dropoutMask;
    if (mask != null) {
      NpuChecks.expectType(
          call, "dropout_mask", mask.dtype() == DType.INT8, "int8 (for uint8) with packed bits");
      long bytes = Math.ceilDiv(sizes.numels(), 8L);
      NpuChecks.expect(
          call, "dropout_mask", mask.elements() >= bytes, "at least %d bytes".formatted(bytes));
    }
    Tensor sink = call.sink;
    if (sink != null) {
      NpuChecks.expectType(call, "sink", sink.dtype() == DType.FLOAT32, "float32");
      NpuChecks.expect(
          call, "sink", sink.hasShape(sizes.heads()), "[N] = [%d]".formatted(sizes.heads()));
    }
  }

  /** A gradient cannot draw what its forward has drawn. */
  void checkStored() {
    if (drops() && call.dropoutMask == null && (call.seed == null || call.offset == null)) {
      throw RefusedException.value(
          "seed",
          "expected seed and offset of the forward with keep_prob %s, got %s and %s"
              .formatted(call.keepProb, call.seed, call.offset));
    }
  }

  private boolean drops() {
    return call.keepProb < 1;
  }

  /** What is drawn or fixed; zeros where nothing random is needed. */
  long[] seedOffset() {
    if (!drops()) {
      return new long[2];
    }
    if (call.dropoutMask == null && call.seed == null && call.offset == null) {
      return RandomGenerators.next("", STEP);
    }
    return new long[] {
      call.seed == null ? 0 : call.seed, call.offset == null ? 0 : call.offset,
    };
  }

  @Nullable Dropout options(long[] seedOffset) {
    if (!drops()) {
      return null;
    }
    double p = 1 - call.keepProb;
    Tensor mask = call.dropoutMask;
    if (mask == null) {
      return Dropout.of(p, seedOffset[0], seedOffset[1]);
    }
    return Dropout.masked(p, mask.isContiguous() ? mask : mask.copy());
  }

  static Tensor export(NpuFusionAttention.Result result) {
    AttentionInputs inputs = result.core().inputs();
    Dropout dropout = inputs.dropout() == null ? Dropout.of(0, 0, 0) : inputs.dropout();
    Tensor bits = result.core().plan().dropoutMask(dropout);
    long bytes = Math.ceilDiv(result.numels(), BITS) * (BITS / 8);
    Tensor whole = Tensor.zeros(DType.INT8, bytes);
    whole.slice(0, 0, bits.dim(0)).assign(bits);
    return whole;
  }
}
