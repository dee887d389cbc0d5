package io.github.attn4j.operators;

import io.github.attn4j.Alignment;
import io.github.attn4j.Attention;
import io.github.attn4j.AttentionGradients;
import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionPlan;
import io.github.attn4j.AttentionResult;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Tensor;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * PaddlePaddle's {@code flashmask_attention}: attention under a mask that lists, for each key
 * column, the query rows that may not see it.
 *
 * <pre>{@code
 * FlashmaskAttention call = FlashmaskAttention.of(query, key, value)
 *     .startendRowIndices(indices)
 *     .causal(true)
 *     .returnSoftmaxLse(true);
 * FlashmaskAttention.Result result = call.forward();
 * FlashmaskAttention.Gradients gradients = call.backward(result, dout);
 * }</pre>
 *
 * <p>Everything the operator's versions offer may be combined, forward and backward: {@code
 * docs/operators.md} compares argument by argument. Arguments are checked when they are used, by
 * {@link #plan}, {@link #forward} and {@link #backward}; a {@link RefusedException} names them as
 * the document spells them.
 *
 * <p>The plan is made by the first of these calls and kept until an argument changes that it
 * depends on; {@link #inputs} with tensors of the same shapes and dtype keeps it, so that all
 * layers of a model share one. Not safe for concurrent use, except that results may be used
 * anywhere.
 */
public final class FlashmaskAttention extends OperatorCall<FlashmaskAttention> {
  Tensor query;
  Tensor key;
  Tensor value;
  @Nullable Tensor startendRowIndices;
  double dropout;
  boolean causal;
  int @Nullable [] windowSize;
  @Nullable Tensor fixedSeedOffset;
  @Nullable Tensor blockMask;
  @Nullable Tensor learnableSink;
  private boolean returnSoftmaxLse;
  private boolean returnSeedOffset;
  String rngName = "";
  boolean training = true;
  @Nullable Double softmaxScale;
  Alignment causalAlignment = Alignment.BOTTOM_RIGHT;
  private @Nullable AttentionPlan plan;

  private FlashmaskAttention(Tensor query, Tensor key, Tensor value) {
    this.query = query;
    this.key = key;
    this.value = value;
  }

  /**
   * Starts a call.
   *
   * @param query float16, bfloat16 or float32 (batch, seqlenQ, heads, headDim)
   * @param key same dtype (batch, seqlenK, kvHeads, headDim); kvHeads divides heads
   * @param value same dtype (batch, seqlenK, kvHeads, valueDim)
   * @return the call with every other argument at its default
   */
  public static FlashmaskAttention of(Tensor query, Tensor key, Tensor value) {
    return new FlashmaskAttention(query, key, value);
  }

  /**
   * Other tensors for the same call, as in the next layer of a model.
   *
   * @param newQuery as in {@link #of}
   * @param newKey as in {@link #of}
   * @param newValue as in {@link #of}
   * @return this; the plan is kept if shapes and dtypes are those of the tensors before
   */
  public FlashmaskAttention inputs(Tensor newQuery, Tensor newKey, Tensor newValue) {
    boolean alike = alike(query, newQuery) && alike(key, newKey) && alike(value, newValue);
    query = newQuery;
    key = newKey;
    value = newValue;
    return alike ? this : replan();
  }

  private static boolean alike(Tensor a, Tensor b) {
    return a.dtype() == b.dtype() && Arrays.equals(a.shape(), b.shape());
  }

  @Override
  FlashmaskAttention replan() {
    plan = null;
    return this;
  }

  /**
   * The column mask. All numbers are query rows; an interval includes its start and excludes its
   * end.
   *
   * @param indices int32 (batch, 1 or kvHeads or heads, seqlenK, C); with causal C is 1 (start) or
   *     2 (start, end), without it C is 2 (start of the lower interval, end of the upper one) or 4
   *     (start, end, upper start, upper end); numbers outside [0, seqlenQ] count as the nearest end
   *     of that range; null for no column mask
   * @return this
   */
  public FlashmaskAttention startendRowIndices(@Nullable Tensor indices) {
    startendRowIndices = indices;
    return replan();
  }

  /**
   * Dropout on the probabilities; 0 unless given.
   *
   * @param p probability of dropping, in [0, 1)
   * @return this
   */
  public FlashmaskAttention dropout(double p) {
    dropout = p;
    return this;
  }

  /**
   * Whether a query sees no key behind its own place; false unless given.
   *
   * @param on true for a causal mask on top of the others
   * @return this
   */
  public FlashmaskAttention causal(boolean on) {
    causal = on;
    return replan();
  }

  /**
   * A sliding window of equal sides.
   *
   * @param size keys on each side of the query's own place
   * @return this
   */
  public FlashmaskAttention windowSize(int size) {
    return windowSize(size, size);
  }

  /**
   * A sliding window; wants seqlenQ = seqlenK and no {@link #startendRowIndices}. With causal
   * {@code right} is ignored. There is no open end: −1 is a number like any other.
   *
   * @param left keys before the query's own place
   * @param right keys after it
   * @return this
   */
  public FlashmaskAttention windowSize(int left, int right) {
    windowSize = new int[] {left, right};
    return replan();
  }

  /**
   * Asks for the logarithms of the softmax's sums; false unless given.
   *
   * @param on whether {@link Result#softmaxLse} is to be there
   * @return this
   */
  public FlashmaskAttention returnSoftmaxLse(boolean on) {
    returnSoftmaxLse = on;
    return this;
  }

  /**
   * Asks for the random state that was used; false unless given.
   *
   * @param on whether {@link Result#seedOffset} is to be there
   * @return this
   */
  public FlashmaskAttention returnSeedOffset(boolean on) {
    returnSeedOffset = on;
    return this;
  }

  /**
   * Fixes the random state instead of drawing one.
   *
   * @param pair int64 (2): seed and offset, or null to draw
   * @return this
   */
  public FlashmaskAttention fixedSeedOffset(@Nullable Tensor pair) {
    fixedSeedOffset = pair;
    return this;
  }

  /**
   * The generator to draw the random state from; see {@link RandomGenerators}.
   *
   * @param name its name, {@code ""} for the default one
   * @return this
   */
  public FlashmaskAttention rngName(String name) {
    rngName = name;
    return this;
  }

  /**
   * Whether dropout acts; true unless given.
   *
   * @param on false turns dropout off
   * @return this
   */
  public FlashmaskAttention training(boolean on) {
    training = on;
    return this;
  }

  /**
   * A name for the operation, which changes nothing.
   *
   * @param label any
   * @return this
   */
  public FlashmaskAttention name(@Nullable String label) {
    return this;
  }

  /**
   * The factor of query times key; {@code 1 / sqrt(headDim)} unless given.
   *
   * @param scale from -1e30 to 1e30, or null for the default
   * @return this
   */
  public FlashmaskAttention softmaxScale(@Nullable Double scale) {
    softmaxScale = scale;
    return replan();
  }

  /**
   * A mask by blocks of 128 rows and columns, on top of the others or alone.
   *
   * @param blocks int32 (batch, mask heads, ceil(seqlenQ / 128), ceil(seqlenK / 128)), 0 masks its
   *     block; mask heads as {@link #startendRowIndices} has them, or 1, kvHeads or heads without;
   *     null for none
   * @return this
   */
  public FlashmaskAttention blockMask(@Nullable Tensor blocks) {
    blockMask = blocks;
    return replan();
  }

  /**
   * One more logit per head that takes part in the softmax and has no value.
   *
   * @param sink floating (heads), or null for none
   * @return this
   */
  public FlashmaskAttention learnableSink(@Nullable Tensor sink) {
    learnableSink = sink;
    return this;
  }

  /**
   * Where the causal diagonal lies when query and key differ in length; attn4j's own argument.
   * Bottom-right, as the operator's versions 3 and 4 do, unless given; top-left is version 1.
   *
   * @param alignment which corner
   * @return this
   */
  public FlashmaskAttention causalAlignment(Alignment alignment) {
    causalAlignment = alignment;
    return replan();
  }

  /**
   * The plan of this call: its backend, and the tiles it visits and skips.
   *
   * @return the plan, made now or before
   * @throws RefusedException if an argument is refused
   */
  public AttentionPlan plan() {
    AttentionPlan ready = plan;
    if (ready == null) {
      new FlashmaskChecks(this).plan();
      try {
        ready = Attention.plan(FlashmaskTranslation.spec(this));
      } catch (RefusedException refusal) {
        throw FlashmaskChecks.translate(refusal);
      }
      plan = ready;
    }
    return ready;
  }

  /**
   * Runs the operator.
   *
   * @return the output, and what else was asked for
   * @throws RefusedException if an argument is refused
   */
  public Result forward() {
    AttentionPlan ready = plan();
    new FlashmaskChecks(this).run();
    try {
      long[] pair = RandomGenerators.pair(fixedSeedOffset, rngName, query.dim(0), query.dim(2));
      AttentionInputs inputs = FlashmaskTranslation.inputs(this, pair);
      AttentionResult result = ready.forward(inputs);
      return new Result(
          result.out(),
          returnSoftmaxLse ? result.lse() : null,
          returnSeedOffset ? Tensor.of(pair, 2) : null,
          new CoreCall(ready, inputs, result));
    } catch (RefusedException refusal) {
      throw FlashmaskChecks.translate(refusal);
    }
  }

  /**
   * Computes the gradients of a forward of this operator, with the arguments and the dropout of
   * that forward.
   *
   * @param result what {@link #forward} returned
   * @param dout gradient of {@link Result#out}, same dtype and shape
   * @return gradients of query, key, value and sink; those of softmax_lse are none, it is not
   *     differentiated
   * @throws RefusedException if dout does not fit
   */
  public Gradients backward(Result result, Tensor dout) {
    CoreCall core = result.core();
    try {
      AttentionGradients gradients = core.plan().backward(core.inputs(), core.result(), dout);
      return new Gradients(gradients.query(), gradients.key(), gradients.value(), gradients.sink());
    } catch (RefusedException refusal) {
      throw FlashmaskChecks.translate(refusal);
    }
  }

  /** What the operator returns. */
  public static final class Result {
    private final Tensor out;
    private final @Nullable Tensor softmaxLse;
    private final @Nullable Tensor seedOffset;
    private final CoreCall core;

    Result(Tensor out, @Nullable Tensor softmaxLse, @Nullable Tensor seedOffset, CoreCall core) {
      this.out = out;
      this.softmaxLse = softmaxLse;
      this.seedOffset = seedOffset;
      this.core = Objects.requireNonNull(core);
    }

    /**
     * The output.
     *
     * @return dtype of the query (batch, seqlenQ, heads, valueDim); rows that see nothing are zero
     */
    public Tensor out() {
      return out;
    }

    /**
     * The logarithms of the softmax's sums.
     *
     * @return float32 (batch, heads, seqlenQ), natural logarithm, negative infinity where a row
     *     sees nothing; null unless asked for
     */
    public @Nullable Tensor softmaxLse() {
      return softmaxLse;
    }

    /**
     * The random state that was used.
     *
     * @return int64 (2): seed and offset; null unless asked for
     */
    public @Nullable Tensor seedOffset() {
      return seedOffset;
    }

    /**
     * What the call became in the core; the backward starts from it.
     *
     * @return plan, inputs and result
     */
    public CoreCall core() {
      return core;
    }
  }

  /**
   * What the backward returns; each gradient has the shape of its argument.
   *
   * @param dquery gradient of the query, its dtype
   * @param dkey gradient of the key, its dtype
   * @param dvalue gradient of the value, its dtype
   * @param dsink gradient of the sink, float32; null without a sink
   */
  public record Gradients(Tensor dquery, Tensor dkey, Tensor dvalue, @Nullable Tensor dsink) {}
}
