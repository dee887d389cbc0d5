package io.github.attn4j;

import io.github.attn4j.internal.Backends;
import io.github.attn4j.internal.CallBuilder;
import io.github.attn4j.internal.PackedDropout;
import io.github.attn4j.internal.PlanEvent;
import io.github.attn4j.internal.RunEvent;
import io.github.attn4j.internal.ScoreMatrix;
import io.github.attn4j.internal.SpecValidator;
import io.github.attn4j.spi.AttentionBackend;
import io.github.attn4j.spi.PreparedAttention;
import io.github.attn4j.spi.Problem;
import io.github.attn4j.spi.TilePlan;

/**
 * A plan: validated lengths, a lowered mask, its tiles, and a backend ready to run. Made by {@link
 * Attention#plan}; made once and reused by any number of calls, layers and threads.
 */
public final class AttentionPlan {
  private final AttentionSpec spec;
  private final Problem problem;
  private final AttentionBackend backend;
  private final TilePlan tiles;
  private final PreparedAttention prepared;
  private final CallBuilder calls;

  private AttentionPlan(AttentionSpec spec) {
    PlanEvent event = new PlanEvent();
    event.begin();
    this.spec = spec;
    this.problem = SpecValidator.problem(spec);
    this.backend = Backends.choose(spec.backend(), problem);
    this.tiles =
        TilePlan.of(
            problem.mask(), problem.sequences(), problem.heads(), backend.tileShape(problem));
    this.prepared = backend.prepare(problem, tiles, spec.execution());
    this.calls = new CallBuilder(spec, problem);
    event.commit(this);
  }

  static AttentionPlan of(AttentionSpec spec) {
    return new AttentionPlan(spec);
  }

  /**
   * Computes the output and lse of every row.
   *
   * @param inputs the tensors
   * @return new tensors
   * @throws RefusedException if a tensor does not fit the plan; the message has every shape
   */
  public AttentionResult forward(AttentionInputs inputs) {
    AttentionResult result = calls.newResult();
    forward(inputs, result);
    return result;
  }

  /**
   * Computes the output and lse of every row into a caller's tensors, which a steady loop can
   * reuse.
   *
   * @param inputs the tensors
   * @param result where to write; shapes as {@link #forward(AttentionInputs)} returns them
   */
  public void forward(AttentionInputs inputs, AttentionResult result) {
    RunEvent event = new RunEvent();
    event.begin();
    prepared.forward(calls.forward(inputs, result));
    event.commit(this, "forward");
  }

  /**
   * Computes the gradients of a forward call of this plan.
   *
   * @param inputs the inputs of the forward, with the same dropout
   * @param result what it returned
   * @param dout gradient of the output, shaped like it
   * @return new tensors; the lse is not differentiated
   */
  public AttentionGradients backward(AttentionInputs inputs, AttentionResult result, Tensor dout) {
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
   * @return new tensors; the lse is not differentiated
   */
  public AttentionGradients backward(
      AttentionInputs inputs, AttentionResult result, Tensor dout, boolean biasGradient) {
    RunEvent event = new RunEvent();
    event.begin();
    CallBuilder.Backward call = calls.backward(inputs, result, dout, biasGradient);
    prepared.backward(call.call());
    event.commit(this, "backward");
    return call.gradients();
  }

  /**
   * The scores themselves, for looking at: scalar, in float64, with memory that grows with rows
   * times keys.
   *
   * @param inputs the tensors
   * @param stage up to which step
   * @return float32 (sequences, heads, seqlenQ, seqlenK) of the tensors, or of the longest sequence
   *     when ragged; rows and keys count from where a sequence starts, and what lies behind its end
   *     is 0
   */
  public Tensor scores(AttentionInputs inputs, ScoreStage stage) {
    return ScoreMatrix.of(problem, calls.forward(inputs, calls.newResult()), stage);
  }

  /**
   * The bits that decide which probabilities a call keeps, packed as {@link Dropout#masked} takes
   * them.
   *
   * @param dropout probability, seed and offset
   * @return INT8 bytes, {@code ceil(elements / 8)} of them; their number grows with rows times keys
   */
  public Tensor dropoutMask(Dropout dropout) {
    return PackedDropout.export(dropout, problem);
  }

  /**
   * What the plan was made from.
   *
   * @return the spec
   */
  public AttentionSpec spec() {
    return spec;
  }

  /**
   * The tiles to visit; prints as a picture.
   *
   * @return the tile plan, at the backend's own tile size
   */
  public TilePlan tiles() {
    return tiles;
  }

  /**
   * Where the softmax of a sequence starts anew in a forward, as {@link
   * AttentionSpec.Builder#splitKeys} describes it: what was asked for in whole tiles of the
   * backend, or what the backend chose.
   *
   * @param b the sequence
   * @return keys per part; 0 if all keys are in one
   */
  public int splitKeys(int b) {
    return prepared.splitKeys(b);
  }

  /**
   * The backend that runs it.
   *
   * @return its name
   */
  public String backend() {
    return backend.name();
  }

  @Override
  public String toString() {
    return "AttentionPlan on " + backend.name() + ", " + tiles;
  }
}
