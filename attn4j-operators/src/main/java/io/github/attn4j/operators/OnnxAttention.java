package io.github.attn4j.operators;

import io.github.attn4j.Attention;
import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionPlan;
import io.github.attn4j.AttentionResult;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * ONNX's {@code Attention}, opset 23 and 24.
 *
 * <pre>{@code
 * OnnxAttention call = OnnxAttention.of(query, key, value)
 *     .attnMask(mask)
 *     .past(pastKey, pastValue)
 *     .isCausal(true);
 * OnnxAttention.Result result = call.forward();
 * OnnxAttention.Gradients gradients = call.backward(result, dout);
 * }</pre>
 *
 * <p>Letters of the shapes: B batch_size, Hq q_num_heads, Hk kv_num_heads, S sequence lengths of
 * the query (Sq) and of K and V (Sk), P past_sequence_length, T = P + Sk, D head_size, Dv
 * v_head_size. Every input is 3-D or every input is 4-D.
 *
 * <p>{@code Y = softmax(softcap(Q·Kᵀ·scale) + mask)·V}: the softcap comes before the mask, as in
 * the standard since 2026. A row that may see nothing is 0.
 *
 * <p>Arguments are checked by {@link #forward}; a {@link RefusedException} names them as the
 * standard spells them. {@code docs/operators.md} compares argument by argument. Not safe for
 * concurrent use, except that results may be used anywhere.
 */
public final class OnnxAttention extends OperatorCall<OnnxAttention> {
  final Tensor query;
  final Tensor key;
  final Tensor value;
  @Nullable Tensor attnMask;
  @Nullable Tensor pastKey;
  @Nullable Tensor pastValue;
  @Nullable Tensor nonpadKvSeqlen;
  boolean isCausal;
  @Nullable Integer qNumHeads;
  @Nullable Integer kvNumHeads;
  @Nullable Double scale;
  double softcap;
  @Nullable Integer softmaxPrecision;
  int qkMatmulOutputMode;
  int opset = 24;
  private @Nullable Boolean returnPresent;
  private @Nullable Boolean returnQkMatmulOutput;
  private boolean attnMaskGradient;
  private boolean modeGiven;

  private OnnxAttention(Tensor query, Tensor key, Tensor value) {
    this.query = query;
    this.key = key;
    this.value = value;
  }

  /**
   * Starts a call.
   *
   * @param query Q: float16, bfloat16 or float32 (B, Hq, Sq, D) or (B, Sq, Hq·D)
   * @param key K: dtype of Q (B, Hk, Sk, D) or (B, Sk, Hk·D); Hk divides Hq
   * @param value V: float16, bfloat16 or float32 (B, Hk, Sk, Dv) or (B, Sk, Hk·Dv)
   * @return the call with every other argument at its default
   */
  public static OnnxAttention of(Tensor query, Tensor key, Tensor value) {
    return new OnnxAttention(query, key, value);
  }

  /**
   * The mask {@code attn_mask}.
   *
   * @param mask bool, true where an element takes part, or floating, added to the scores; 2-D, 3-D
   *     or 4-D, broadcast to (B, Hq, Sq, T) from the right; its last dimension may be shorter than
   *     T, the rest is masked. A negative infinity masks its element as false does: what stands
   *     under it has no effect, not even NaN. Null for none
   * @return this
   */
  public OnnxAttention attnMask(@Nullable Tensor mask) {
    attnMask = mask;
    return this;
  }

  /**
   * The cache {@code past_key} and {@code past_value}, which stand in front of K and V.
   *
   * @param keys dtype of K (B, Hk, P, D), or null for none
   * @param values dtype of V (B, Hk, P, Dv), or null for none
   * @return this
   */
  public OnnxAttention past(@Nullable Tensor keys, @Nullable Tensor values) {
    pastKey = keys;
    pastValue = values;
    return this;
  }

  /**
   * How many rows of K and V are real in each batch entry, {@code nonpad_kv_seqlen}; opset 24.
   *
   * @param lengths int64 (B), each in [0, Sk]; the rows behind are padding; null for none
   * @return this
   */
  public OnnxAttention nonpadKvSeqlen(@Nullable Tensor lengths) {
    nonpadKvSeqlen = lengths;
    return this;
  }

  /**
   * Whether query i sees only keys up to {@code i + offset}; false unless given. The offset is P,
   * or with {@link #nonpadKvSeqlen} that length minus Sq, in which case rows may see nothing.
   *
   * @param on true for the causal mask on top of the others
   * @return this
   */
  public OnnxAttention isCausal(boolean on) {
    isCausal = on;
    return this;
  }

  /**
   * The number of query heads, {@code q_num_heads}; needed by 3-D inputs.
   *
   * @param count Hq, or null
   * @return this
   */
  public OnnxAttention qNumHeads(@Nullable Integer count) {
    qNumHeads = count;
    return this;
  }

  /**
   * The number of heads of K and V, {@code kv_num_heads}; needed by 3-D inputs.
   *
   * @param count Hk, or null
   * @return this
   */
  public OnnxAttention kvNumHeads(@Nullable Integer count) {
    kvNumHeads = count;
    return this;
  }

  /**
   * The factor of Q·Kᵀ; {@code 1 / sqrt(D)} unless given.
   *
   * @param factor from -1e30 to 1e30, or null for the default
   * @return this
   */
  public OnnxAttention scale(@Nullable Double factor) {
    scale = factor;
    return this;
  }

  /**
   * Caps the scaled scores, before the mask; 0, no cap, unless given.
   *
   * @param cap 0, or {@code c} of {@code c * tanh(x / c)}, from 1e-30 to 1e30
   * @return this
   */
  public OnnxAttention softcap(double cap) {
    softcap = cap;
    return this;
  }

  /**
   * The dtype the standard wants the softmax in, {@code softmax_precision}. It changes nothing: the
   * softmax is computed in float32 or better.
   *
   * @param dataType a floating TensorProto.DataType: 1, 10, 11 or 16; null for none
   * @return this
   */
  public OnnxAttention softmaxPrecision(@Nullable Integer dataType) {
    softmaxPrecision = dataType;
    return this;
  }

  /**
   * What {@link Result#qkMatmulOutput} holds, and that it is to be there: {@code
   * qk_matmul_output_mode}.
   *
   * @param mode 0 the scaled scores, 1 these after the softcap, 2 after the mask (negative infinity
   *     where masked), 3 the probabilities
   * @return this
   */
  public OnnxAttention qkMatmulOutputMode(int mode) {
    qkMatmulOutputMode = mode;
    modeGiven = true;
    return this;
  }

  /**
   * Which version of the operator is meant; 24 unless given.
   *
   * @param version 23 or 24
   * @return this
   */
  public OnnxAttention opset(int version) {
    opset = version;
    return this;
  }

  /**
   * Asks for the outputs {@code present_key} and {@code present_value}; there with {@link #past}
   * unless given.
   *
   * @param on whether the results are to have them
   * @return this
   */
  public OnnxAttention returnPresent(boolean on) {
    returnPresent = on;
    return this;
  }

  /**
   * Asks for the output {@code qk_matmul_output}, whose memory and time grow with Sq times T; there
   * where {@link #qkMatmulOutputMode} was given unless said here.
   *
   * @param on whether the result is to have it
   * @return this
   */
  public OnnxAttention returnQkMatmulOutput(boolean on) {
    returnQkMatmulOutput = on;
    return this;
  }

  /**
   * Asks for the gradient of a floating {@code attn_mask}; attn4j's own argument, false unless
   * given.
   *
   * @param on whether {@link Gradients#dAttnMask} is to be there
   * @return this
   */
  public OnnxAttention attnMaskGradient(boolean on) {
    attnMaskGradient = on;
    return this;
  }

  @Override
  OnnxAttention replan() {
    return this;
  }

  boolean wantsPresent() {
    return returnPresent == null ? pastKey != null : returnPresent;
  }

  private boolean wantsQkMatmulOutput() {
    return returnQkMatmulOutput == null ? modeGiven : returnQkMatmulOutput;
  }

  /**
   * The plan of this call: its backend, and the tiles it visits and skips.
   *
   * @return the plan, made anew
   * @throws RefusedException if an argument is refused
   */
  public AttentionPlan plan() {
    OnnxSizes sizes = new OnnxChecks(this).sizes();
    return plan(sizes, OnnxTensors.of(this, sizes), OnnxMask.of(this, sizes, attnMaskGradient));
  }

  private AttentionPlan plan(OnnxSizes sizes, OnnxTensors tensors, OnnxMask mask) {
    return Attention.plan(OnnxTensors.spec(this, sizes, tensors, mask.mask()));
  }

  /**
   * Runs the operator.
   *
   * @return Y, and what else was asked for
   * @throws RefusedException if an argument is refused
   */
  public Result forward() {
    OnnxSizes sizes = new OnnxChecks(this).sizes();
    OnnxTensors tensors = OnnxTensors.of(this, sizes);
    OnnxMask mask = OnnxMask.of(this, sizes, attnMaskGradient);
    AttentionPlan plan = plan(sizes, tensors, mask);
    AttentionInputs inputs =
        AttentionInputs.of(tensors.query(), tensors.key(), tensors.value()).withBias(mask.bias());
    AttentionResult result = plan.forward(inputs);
    CoreCall core = new CoreCall(plan, inputs, result);
    return new Result(
        tensors.joined(result.out()),
        wantsPresent() ? tensors.presentKey() : null,
        wantsPresent() ? tensors.presentValue() : null,
        wantsQkMatmulOutput()
            ? plan.scores(inputs, OnnxTensors.stage(qkMatmulOutputMode)).to(query.dtype())
            : null,
        core,
        tensors,
        attnMaskGradient ? attnMask : null);
  }

  /**
   * Computes the gradients of a forward of this operator, with the arguments of that forward.
   *
   * @param result what {@link #forward} returned
   * @param dout gradient of {@link Result#y}, same dtype and shape
   * @return the gradients; present_key, present_value and qk_matmul_output are not differentiated
   * @throws RefusedException if dout does not fit
   */
  public Gradients backward(Result result, Tensor dout) {
    return result.gradients(dout);
  }

  /** What the operator returns. */
  public static final class Result {
    private final Tensor y;
    private final @Nullable Tensor presentKey;
    private final @Nullable Tensor presentValue;
    private final @Nullable Tensor qkMatmulOutput;
    private final CoreCall core;
    private final OnnxTensors tensors;

    /** The mask to differentiate by. */
    private final @Nullable Tensor attnMask;

    Result(
        Tensor y,
        @Nullable Tensor presentKey,
        @Nullable Tensor presentValue,
        @Nullable Tensor qkMatmulOutput,
        CoreCall core,
        OnnxTensors tensors,
        @Nullable Tensor attnMask) {
      this.y = y;
      this.presentKey = presentKey;
      this.presentValue = presentValue;
      this.qkMatmulOutput = qkMatmulOutput;
      this.core = core;
      this.tensors = tensors;
      this.attnMask = attnMask;
    }

    /**
     * The output.
     *
     * @return dtype of Q (B, Hq, Sq, Dv), or (B, Sq, Hq·Dv) for 3-D inputs
     */
    public Tensor y() {
      return y;
    }

    /**
     * The keys of the past and of this call.
     *
     * @return dtype of K (B, Hk, T, D); without a past a view of K; null unless asked for
     */
    public @Nullable Tensor presentKey() {
      return presentKey;
    }

    /**
     * The values of the past and of this call.
     *
     * @return dtype of V (B, Hk, T, Dv); without a past a view of V; null unless asked for
     */
    public @Nullable Tensor presentValue() {
      return presentValue;
    }

    /**
     * The scores as far as {@link OnnxAttention#qkMatmulOutputMode} says.
     *
     * @return dtype of Q (B, Hq, Sq, T); null unless asked for
     */
    public @Nullable Tensor qkMatmulOutput() {
      return qkMatmulOutput;
    }

    /**
     * What the call became in the core.
     *
     * @return plan, inputs and result
     */
    public CoreCall core() {
      return core;
    }

    private Gradients gradients(Tensor dout) {
      return tensors.gradients(core, y, dout, attnMask);
    }
  }

  /**
   * What the backward returns; each gradient has the shape of its argument, and its dtype unless
   * said otherwise.
   *
   * @param dQ gradient of Q
   * @param dK gradient of K
   * @param dV gradient of V
   * @param dPastKey gradient of past_key; null without a past
   * @param dPastValue gradient of past_value; null without a past
   * @param dAttnMask gradient of a floating attn_mask, float32, 0 where it masks; null unless asked
   *     for
   */
  public record Gradients(
      Tensor dQ,
      Tensor dK,
      Tensor dV,
      @Nullable Tensor dPastKey,
      @Nullable Tensor dPastValue,
      @Nullable Tensor dAttnMask) {}
}
