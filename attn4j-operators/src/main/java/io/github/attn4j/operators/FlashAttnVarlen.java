package io.github.attn4j.operators;

import io.github.attn4j.Alignment;
import io.github.attn4j.Attention;
import io.github.attn4j.AttentionGradients;
import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionPlan;
import io.github.attn4j.Dropout;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Sequences;
import io.github.attn4j.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * What PaddlePaddle's attentions of variable-length sequences have in common: sequences in one
 * token axis, found by cumulative lengths.
 *
 * <p>Letters of the shapes: B sequences, Hq query heads, Hk key and value heads, G = Hq / Hk, D
 * head_dim. Query head h attends key and value head h / G. Rows that belong to no sequence, or that
 * see no key, come out as zero, in the output and in the gradients.
 *
 * <p>Arguments are checked by {@link #forward}; a {@link RefusedException} names them as the
 * document spells them. {@code docs/operators.md} compares argument by argument. Not safe for
 * concurrent use, except that results may be used anywhere.
 *
 * @param <C> the operator
 */
public abstract sealed class FlashAttnVarlen<C extends FlashAttnVarlen<C>> extends OperatorCall<C>
    permits FlashAttnVarlenQkvpacked, FlashAttnUnpadded {
  final Tensor cuSeqlensQ;
  final Tensor cuSeqlensK;
  @Nullable Integer maxSeqlenQ;
  @Nullable Integer maxSeqlenK;
  @Nullable Double scale;
  double dropout;
  boolean causal;
  boolean returnSoftmax;
  @Nullable Tensor fixedSeedOffset;
  private String rngName = "";
  private boolean training = true;
  Alignment causalAlignment = Alignment.TOP_LEFT;

  FlashAttnVarlen(Tensor cuSeqlensQ, Tensor cuSeqlensK) {
    this.cuSeqlensQ = cuSeqlensQ;
    this.cuSeqlensK = cuSeqlensK;
  }

  /** Checks the tensors that hold query, key and value. */
  abstract FlashAttnTensors tensors();

  /** Whether sequence b starts at row b · max_seqlen instead of at its cumulative length. */
  abstract boolean padded();

  /**
   * The longest query; has no default.
   *
   * @param rows query rows of the longest sequence, or of each sequence with its padding
   * @return this
   */
  public C maxSeqlenQ(int rows) {
    maxSeqlenQ = rows;
    return replan();
  }

  /**
   * The longest key; has no default.
   *
   * @param rows key rows of the longest sequence, or of each sequence with its padding
   * @return this
   */
  public C maxSeqlenK(int rows) {
    maxSeqlenK = rows;
    return replan();
  }

  /**
   * The factor of query times key; has no default.
   *
   * @param factor from -1e30 to 1e30
   * @return this
   */
  public C scale(double factor) {
    scale = factor;
    return replan();
  }

  /**
   * Dropout on the probabilities; 0 unless given.
   *
   * @param p probability of dropping, in [0, 1)
   * @return this
   */
  public C dropout(double p) {
    dropout = p;
    return replan();
  }

  /**
   * Whether a query sees no key behind its own place in its sequence; false unless given.
   *
   * @param on true for a causal mask
   * @return this
   */
  public C causal(boolean on) {
    causal = on;
    return replan();
  }

  /**
   * Asks for the probabilities, whose memory grows with the square of the lengths; false unless
   * given. Wants dropout that acts.
   *
   * @param on whether {@link Result#softmax} is to be there
   * @return this
   */
  public C returnSoftmax(boolean on) {
    returnSoftmax = on;
    return replan();
  }

  /**
   * Fixes the random state instead of drawing one.
   *
   * @param pair int64 (2): seed and offset, or null to draw
   * @return this
   */
  public C fixedSeedOffset(@Nullable Tensor pair) {
    fixedSeedOffset = pair;
    return replan();
  }

  /**
   * The generator to draw the random state from; see {@link RandomGenerators}.
   *
   * @param name its name, {@code ""} for the default one
   * @return this
   */
  public C rngName(String name) {
    rngName = name;
    return replan();
  }

  /**
   * Whether dropout acts; true unless given.
   *
   * @param on false turns dropout off
   * @return this
   */
  public C training(boolean on) {
    training = on;
    return replan();
  }

  /**
   * A name for the operation, which changes nothing.
   *
   * @param label any
   * @return this
   */
  public C name(@Nullable String label) {
    return replan();
  }

  /**
   * Where the causal diagonal lies when query and key of a sequence differ in length; attn4j's own
   * argument. Top-left, as the operator does, unless given.
   *
   * @param alignment which corner
   * @return this
   */
  public C causalAlignment(Alignment alignment) {
    causalAlignment = alignment;
    return replan();
  }

  /** Whether probabilities are dropped. */
  boolean drops() {
    return training && dropout > 0;
  }

  /**
   * The plan of this call: its backend, and the tiles it visits and skips.
   *
   * @return the plan, made anew
   * @throws RefusedException if an argument is refused
   */
  public AttentionPlan plan() {
    FlashAttnTensors tensors = tensors();
    FlashAttnChecks checks = new FlashAttnChecks(this, tensors);
    checks.options();
    return plan(tensors, checks);
  }

  private AttentionPlan plan(FlashAttnTensors tensors, FlashAttnChecks checks) {
    return Attention.plan(tensors.spec(this, checks.sequences(), checks.scale()));
  }

  /**
   * Runs the operator.
   *
   * @return the output, and the probabilities if asked for
   * @throws RefusedException if an argument is refused
   */
  public Result forward() {
    FlashAttnTensors tensors = tensors();
    FlashAttnChecks checks = new FlashAttnChecks(this, tensors);
    checks.options();
    AttentionPlan plan = plan(tensors, checks);
    Sequences sequences = plan.spec().sequences();
    long[] pair =
        RandomGenerators.pair(fixedSeedOffset, rngName, sequences.count(), tensors.query().dim(1));
    Dropout dropped = drops() ? Dropout.of(dropout, pair[0], pair[1]) : null;
    AttentionInputs inputs =
        AttentionInputs.of(tensors.query(), tensors.key(), tensors.value()).withDropout(dropped);
    CoreCall core = new CoreCall(plan, inputs, plan.forward(inputs));
    Tensor softmax =
        returnSoftmax && dropped != null
            ? FlashAttnSoftmax.of(core, dropped, checks.maxSeqlenQ(), checks.maxSeqlenK())
            : null;
    return new Result(core.result().out(), softmax, core);
  }

  static AttentionGradients gradients(Result result, Tensor dout) {
    CoreCall core = result.core();
    return core.plan().backward(core.inputs(), core.result(), dout);
  }

  /**
   * What the operator returns.
   *
   * @param out the output, dtype of the inputs (rows of the query, Hq, columns of the value); zero
   *     in rows of padding and in rows that see nothing
   * @param softmax the probabilities before dropout, dtype of the inputs (B, Hq, max_seqlen_q
   *     rounded up to 128, max_seqlen_k rounded up to 128), 0 where there are none; the sign bit is
   *     set where dropout drops; null unless asked for
   * @param core what the call became in the core; its result has the lse
   */
  public record Result(Tensor out, @Nullable Tensor softmax, CoreCall core) {}
}
