package io.github.attn4j.operators;

import io.github.attn4j.AttentionGradients;
import io.github.attn4j.AttentionSpec;
import io.github.attn4j.BiasStage;
import io.github.attn4j.DType;
import io.github.attn4j.Layout;
import io.github.attn4j.Mask;
import io.github.attn4j.RefusedException;
import io.github.attn4j.ScoreStage;
import io.github.attn4j.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * The tensors of an ONNX {@code Attention} as the core takes them, and the way back. 4-D inputs are
 * the core's BNSD, 3-D ones its BSND with the heads' columns split off.
 *
 * <p>The standard lets V have a dtype of its own. Such a call runs on float32, which holds every
 * number of the other two exactly; each result is rounded once, to the dtype it is to have.
 *
 * @param presentKey (B, Hk, T, D) in the dtype of K
 * @param presentValue (B, Hk, T, Dv) in the dtype of V
 */
record OnnxTensors(
    OnnxSizes sizes,
    Layout layout,
    Tensor query,
    Tensor key,
    Tensor value,
    Tensor presentKey,
    Tensor presentValue,
    DType dtype,
    DType valueDtype,
    boolean hasPast) {

  static OnnxTensors of(OnnxAttention call, OnnxSizes sizes) {
    boolean packed = call.query.rank() == 3;
    Layout layout = packed ? Layout.BSND : Layout.BNSD;
    Tensor query = split(layout, call.query, sizes.heads());
    Tensor key = byHead(layout, split(layout, call.key, sizes.kvHeads()));
    Tensor value = byHead(layout, split(layout, call.value, sizes.kvHeads()));
    Tensor presentKey = call.pastKey == null ? key : concat(call.pastKey, key);
    Tensor presentValue = call.pastValue == null ? value : concat(call.pastValue, value);
    DType compute = query.dtype() == value.dtype() ? query.dtype() : DType.FLOAT32;
    return new OnnxTensors(
        sizes,
        layout,
        in(compute, query),
        in(compute, byHead(layout, presentKey)),
        in(compute, byHead(layout, presentValue)),
        presentKey,
        presentValue,
        query.dtype(),
        value.dtype(),
        call.pastKey != null);
  }

  static AttentionSpec spec(OnnxAttention call, OnnxSizes sizes, OnnxTensors tensors, Mask mask) {
    AttentionSpec.Builder spec =
        call.where(AttentionSpec.builder())
            .layout(tensors.layout)
            .padded(sizes.batch(), sizes.seqlenQ(), sizes.total())
            .heads(sizes.heads(), sizes.kvHeads())
            .dims(sizes.headDim(), sizes.valueDim())
            .dtype(tensors.query.dtype())
            .outDtype(tensors.dtype)
            .mask(mask)
            .softcap(call.softcap)
            .biasStage(BiasStage.AFTER_SOFTCAP)
            // Masks that add the lowest finite number are common: without stats a row of nothing
            // else
            // would have gradients as many times too large as it has keys.
            .softmaxStats(true);
    if (call.scale != null) {
      spec.scale(call.scale);
    }
    return spec.build();
  }

  /** What qk_matmul_output_mode means. */
  static ScoreStage stage(int mode) {
    return switch (mode) {
      case 0 -> ScoreStage.SCALED;
      case 1 -> ScoreStage.CAPPED;
      case 2 -> ScoreStage.MASKED;
      default -> ScoreStage.PROBABILITIES;
    };
  }

  /** A 3-D tensor with the columns of its heads apart; a 4-D one as it is. */
  private static Tensor split(Layout layout, Tensor tensor, int heads) {
    return layout == Layout.BNSD
        ? tensor
        : tensor.reshape(tensor.dim(0), tensor.dim(1), heads, tensor.dim(2) / heads);
  }

  /** From the layout to (B, H, S, D), and back. */
  private static Tensor byHead(Layout layout, Tensor tensor) {
    return layout == Layout.BNSD ? tensor : tensor.permute(0, 2, 1, 3);
  }

  private static Tensor concat(Tensor past, Tensor fresh) {
    long rows = past.dim(2) + fresh.dim(2);
    Tensor present = Tensor.zeros(fresh.dtype(), fresh.dim(0), fresh.dim(1), rows, fresh.dim(3));
    present.slice(2, 0, past.dim(2)).assign(past);
    present.slice(2, past.dim(2), rows).assign(fresh);
    return present;
  }

  private static Tensor in(DType dtype, Tensor tensor) {
    return tensor.dtype() == dtype ? tensor : tensor.to(dtype);
  }

  /** The core's result in the shape of the operator's inputs. */
  Tensor joined(Tensor tensor) {
    return layout == Layout.BNSD
        ? tensor
        : tensor.reshape(tensor.dim(0), tensor.dim(1), tensor.dim(2) * tensor.dim(3));
  }

  /** The gradients of a call that ran on these tensors. */
  OnnxAttention.Gradients gradients(
      CoreCall core, Tensor y, Tensor dout, @Nullable Tensor attnMask) {
    if (dout.dtype() != y.dtype()) {
      throw RefusedException.type("dout", "expected the dtype of Y, %s, got %s".formatted(y, dout));
    }
    if (!dout.hasShape(y.shape())) {
      throw RefusedException.value(
          "dout", "expected the shape of Y, %s, got %s".formatted(y, dout));
    }
    AttentionGradients gradients =
        core.plan()
            .backward(
                core.inputs(), core.result(), split(layout, dout, sizes.heads()), attnMask != null);
    Tensor key = byHead(layout, in(dtype, gradients.key()));
    Tensor value = byHead(layout, in(valueDtype, gradients.value()));
    return new OnnxAttention.Gradients(
        joined(in(dtype, gradients.query())),
        fresh(key),
        fresh(value),
        hasPast ? key.slice(2, 0, sizes.past()) : null,
        hasPast ? value.slice(2, 0, sizes.past()) : null,
        attnMask == null || gradients.bias() == null
            ? null
            : OnnxMask.gradient(gradients.bias(), attnMask));
  }

  private Tensor fresh(Tensor present) {
    return joined(byHead(layout, present.slice(2, sizes.past(), sizes.total())));
  }
}
