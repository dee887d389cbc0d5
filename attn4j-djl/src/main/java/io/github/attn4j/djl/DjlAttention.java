package io.github.attn4j.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.github.attn4j.Attention;
import io.github.attn4j.AttentionGradients;
import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionPlan;
import io.github.attn4j.AttentionResult;
import io.github.attn4j.AttentionSpec;
import io.github.attn4j.DType;
import io.github.attn4j.Layout;
import io.github.attn4j.Mask;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Sequences;
import io.github.attn4j.SoftmaxStats;
import org.jspecify.annotations.Nullable;

/**
 * Fused attention on DJL's arrays: {@code softmax(scale * Q.Kᵀ) · V} under a {@link Mask}, exact,
 * without the matrix of scores.
 *
 * <p>One line for one call, of (batch, heads, rows, columns):
 *
 * <pre>{@code
 * NDArray out = DjlAttention.forward(query, key, value, Mask.causal()).out();
 * }</pre>
 *
 * <p>Or a plan, made once from lengths and mask and reused by every layer:
 *
 * <pre>{@code
 * DjlAttention attention = DjlAttention.of(
 *     AttentionSpec.builder().padded(2, 1024, 1024).heads(8, 2).dims(64, 64).mask(Mask.causal()).build());
 * DjlInputs inputs = DjlInputs.of(query, key, value).withBias(bias);
 * DjlResult result = attention.forward(inputs);
 * DjlGradients gradients = attention.backward(inputs, result, dout);
 * }</pre>
 *
 * <p><b>DJL's autograd does not see these calls</b>, and has no place where an operator could bring
 * its own gradient: to a GradientCollector the output is a constant. {@link AttentionTape} joins
 * the two.
 *
 * <p>Safe for concurrent use. What is copied and who owns what stands in the package's description.
 */
public final class DjlAttention {
  private final AttentionPlan plan;

  private DjlAttention(AttentionPlan plan) {
    this.plan = plan;
  }

  /**
   * Attention by a plan.
   *
   * @param plan any plan
   * @return calls of that plan on arrays
   */
  public static DjlAttention of(AttentionPlan plan) {
    return new DjlAttention(plan);
  }

  /**
   * Attention by a new plan.
   *
   * @param spec lengths, heads, dims, dtype, layout, mask, score options
   * @return calls of that plan on arrays
   * @throws RefusedException if a size is wrong or no backend can run it
   */
  public static DjlAttention of(AttentionSpec spec) {
    return of(Attention.plan(spec));
  }

  /**
   * Masked attention, one call.
   *
   * @param query float32 or float16 (batch, heads, seqlenQ, headDim)
   * @param key of the same type (batch, kvHeads, seqlenK, headDim)
   * @param value of the same type (batch, kvHeads, seqlenK, valueDim)
   * @param mask which keys each query may see
   * @return output (batch, heads, seqlenQ, valueDim) and lse, attached to the query's manager
   * @throws RefusedException naming the array that does not fit, or is on a device
   */
  public static DjlResult forward(NDArray query, NDArray key, NDArray value, Mask mask) {
    DjlInputs inputs = DjlInputs.of(query, key, value);
    try (OpenArrays open = new OpenArrays()) {
      AttentionInputs opened = open.inputs(inputs);
      return forward(plan(opened, mask), opened, inputs.owner());
    }
  }

  /**
   * Gradients of masked attention, one call.
   *
   * @param query float32 or float16 (batch, heads, seqlenQ, headDim)
   * @param key of the same type (batch, kvHeads, seqlenK, headDim)
   * @param value of the same type (batch, kvHeads, seqlenK, valueDim)
   * @param mask the mask of the forward
   * @param result what the forward returned
   * @param dout gradient of the output, shaped like it
   * @return gradients of query, key and value, attached to the query's manager
   * @throws RefusedException naming the array that does not fit, or is on a device
   */
  public static DjlGradients backward(
      NDArray query, NDArray key, NDArray value, Mask mask, DjlResult result, NDArray dout) {
    DjlInputs inputs = DjlInputs.of(query, key, value);
    try (OpenArrays open = new OpenArrays()) {
      AttentionInputs opened = open.inputs(inputs);
      return backward(open, plan(opened, mask), opened, result, dout, true, inputs.owner());
    }
  }

  private static AttentionPlan plan(AttentionInputs inputs, Mask mask) {
    return Attention.plan(
        AttentionSpec.like(Layout.BNSD, inputs.query(), inputs.key(), inputs.value())
            .mask(mask)
            .build());
  }

  /**
   * A mask from an array, for what no other mask describes: it takes a byte for every query and
   * key, where {@link Mask#documents} or {@link Mask#window} take none. What is to be added to the
   * scores is a bias instead.
   *
   * @param visible boolean, int8 or uint8 (batch or 1, heads or 1, seqlenQ, seqlenK); an element
   *     other than zero is visible
   * @return a mask with a copy of the elements
   * @throws RefusedException naming {@code mask} if type, rank or device is another
   */
  public static Mask mask(NDArray visible) {
    try (OpenArrays open = new OpenArrays()) {
      return Mask.dense(open.logical("mask", visible).copy());
    }
  }

  /**
   * Computes the output and lse of every row.
   *
   * @param inputs arrays in the plan's layout
   * @return new arrays
   * @throws RefusedException naming the array that does not fit the plan, or is on a device
   */
  public DjlResult forward(DjlInputs inputs) {
    try (OpenArrays open = new OpenArrays()) {
      return forward(plan, open.inputs(inputs), inputs.owner());
    }
  }

  /**
   * Computes the gradients of a forward call of this plan.
   *
   * @param inputs the inputs of the forward, with the same dropout
   * @param result what it returned
   * @param dout gradient of the output, shaped like it
   * @return new arrays; the lse is not differentiated
   * @throws RefusedException naming the array that does not fit the plan, or is on a device
   */
  public DjlGradients backward(DjlInputs inputs, DjlResult result, NDArray dout) {
    return backward(inputs, result, dout, true);
  }

  /**
   * Computes the gradients of a forward call of this plan.
   *
   * @param inputs the inputs of the forward, with the same dropout
   * @param result what it returned
   * @param dout gradient of the output, shaped like it
   * @param biasGradient false to leave out the gradient of the bias, which costs extra work and
   *     memory like the bias
   * @return new arrays; the lse is not differentiated
   * @throws RefusedException naming the array that does not fit the plan, or is on a device
   */
  public DjlGradients backward(
      DjlInputs inputs, DjlResult result, NDArray dout, boolean biasGradient) {
    try (OpenArrays open = new OpenArrays()) {
      return backward(open, plan, open.inputs(inputs), result, dout, biasGradient, inputs.owner());
    }
  }

  /**
   * The plan.
   *
   * @return what the calls run
   */
  public AttentionPlan plan() {
    return plan;
  }

  private static DjlResult forward(AttentionPlan plan, AttentionInputs inputs, NDManager owner) {
    AttentionSpec spec = plan.spec();
    try (NewArrays made = new NewArrays(owner)) {
      NewArrays.Made out = made.create("outDtype", spec.outDtype(), outShape(spec));
      NewArrays.Made lse = made.create("lse", DType.FLOAT32, lseShape(spec));
      NewArrays.Made max =
          spec.maxLogit() ? made.create("maxLogit", DType.FLOAT32, spec.heads()) : null;
      NewArrays.Made rowMax = null;
      NewArrays.Made rowSum = null;
      SoftmaxStats stats = null;
      if (spec.softmaxStats()) {
        rowMax = made.create("rowMax", DType.FLOAT32, lseShape(spec));
        rowSum = made.create("rowSum", DType.FLOAT32, lseShape(spec));
        stats = new SoftmaxStats(rowMax.tensor(), rowSum.tensor());
      }
      plan.forward(
          inputs,
          new AttentionResult(
              out.tensor(), lse.tensor(), max == null ? null : max.tensor(), stats, spec.layout()));
      return made.keep(
          new DjlResult(out.array(), lse.array(), array(max), array(rowMax), array(rowSum)));
    }
  }

  private static @Nullable NDArray array(NewArrays.@Nullable Made made) {
    return made == null ? null : made.array();
  }

  private static long[] outShape(AttentionSpec spec) {
    Sequences sequences = spec.sequences();
    long entries = sequences.entries();
    long rows = sequences.extentQ();
    long heads = spec.heads();
    long columns = spec.valueDim();
    return switch (spec.layout()) {
      case BNSD -> new long[] {entries, heads, rows, columns};
      case BSND -> new long[] {entries, rows, heads, columns};
      case BSH -> new long[] {entries, rows, heads * columns};
      case SBH -> new long[] {rows, entries, heads * columns};
      case TND -> new long[] {rows, heads, columns};
    };
  }

  private static long[] lseShape(AttentionSpec spec) {
    Sequences sequences = spec.sequences();
    return sequences.isRagged()
        ? new long[] {spec.heads(), sequences.extentQ()}
        : new long[] {sequences.count(), spec.heads(), sequences.extentQ()};
  }

  private static DjlGradients backward(
      OpenArrays open,
      AttentionPlan plan,
      AttentionInputs inputs,
      DjlResult result,
      NDArray dout,
      boolean biasGradient,
      NDManager owner) {
    AttentionGradients gradients =
        plan.backward(
            inputs,
            open.result(result, plan.spec().layout()),
            open.tensor("dout", dout),
            biasGradient);
    try (NewArrays made = new NewArrays(owner)) {
      return made.keep(
          new DjlGradients(
              made.copy("query", gradients.query()),
              made.copy("key", gradients.key()),
              made.copy("value", gradients.value()),
              made.copyOptional("bias", gradients.bias()),
              made.copyOptional("sink", gradients.sink())));
    }
  }
}
