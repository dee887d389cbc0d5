package io.github.attn4j.operators;

import io.github.attn4j.Attention;
import io.github.attn4j.AttentionGradients;
import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionPlan;
import io.github.attn4j.AttentionResult;
import io.github.attn4j.AttentionSpec;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Tensor;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * torch_npu's {@code npu_fusion_attention} and its gradient: training attention with position
 * encodings, masks by sparse mode, dropout and variable lengths.
 *
 * <pre>{@code
 * NpuFusionAttention call = NpuFusionAttention.of(query, key, value, 8, "BNSD")
 *     .scale(0.08838)
 *     .sparseMode(2)
 *     .attenMask(Tensor.zeros(DType.BOOL, 2048, 2048));
 * NpuFusionAttention.Result result = call.forward();
 * NpuFusionAttention.Gradients gradients = call.backward(result, dout);
 * }</pre>
 *
 * <p>Shapes: B batch, N = head_num heads of the query, S rows (Sq of the query, Skv of key and
 * value), D columns of a head (Dv of the value), H = N × D, T tokens of all sequences. {@code
 * docs/operators.md} compares argument by argument. Arguments are checked when they are used, by
 * {@link #plan}, {@link #forward} and {@link #backward}; a {@link RefusedException} names them as
 * the document spells them.
 *
 * <p>The plan is kept until an argument changes that it depends on. Not safe for concurrent use,
 * except that results may be used anywhere.
 */
public final class NpuFusionAttention extends OperatorCall<NpuFusionAttention> {
  Tensor query;
  Tensor key;
  Tensor value;
  final long headNum;
  final String inputLayout;
  @Nullable Tensor pse;
  @Nullable Tensor paddingMask;
  @Nullable Tensor attenMask;
  private double scale = 1;
  double keepProb = 1;
  long preTockens = Integer.MAX_VALUE;
  long nextTockens = Integer.MAX_VALUE;
  long innerPrecise;
  long @Nullable [] prefix;
  long @Nullable [] actualSeqQlen;
  long @Nullable [] actualSeqKvlen;
  long sparseMode;
  String softmaxLayout = "";
  @Nullable Tensor sink;
  @Nullable Tensor dropoutMask;
  @Nullable Long seed;
  @Nullable Long offset;
  long pseType = 1;
  long @Nullable [] qStartIdx;
  long @Nullable [] kvStartIdx;
  private @Nullable Prepared prepared;

  /** What is made from the arguments once. */
  private record Prepared(NpuSizes sizes, AttentionPlan plan) {}

  private NpuFusionAttention(
      Tensor query, Tensor key, Tensor value, long headNum, String inputLayout) {
    this.query = query;
    this.key = key;
    this.value = value;
    this.headNum = headNum;
    this.inputLayout = inputLayout;
  }

  /**
   * Starts a call.
   *
   * @param query float16, bfloat16 or float32: (B, Sq, H), (Sq, B, H), (B, Sq, N, D), (B, N, Sq, D)
   *     or (T, N, D)
   * @param key same dtype and layout; its heads divide those of the query
   * @param value same dtype and layout, heads and rows as the key; Dv at most D
   * @param headNum heads of the query, N
   * @param inputLayout BSH, SBH, BSND, BNSD or TND, in any case
   * @return the call with every other argument at its default
   */
  public static NpuFusionAttention of(
      Tensor query, Tensor key, Tensor value, long headNum, String inputLayout) {
    return new NpuFusionAttention(query, key, value, headNum, inputLayout);
  }

  /**
   * Other tensors for the same call, as in the next layer of a model.
   *
   * @param newQuery as in {@link #of}
   * @param newKey as in {@link #of}
   * @param newValue as in {@link #of}
   * @return this; the plan is kept if shapes and dtypes are those of the tensors before
   */
  public NpuFusionAttention inputs(Tensor newQuery, Tensor newKey, Tensor newValue) {
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
  NpuFusionAttention replan() {
    prepared = null;
    return this;
  }

  /**
   * The position encoding, added to the scores as {@link #pseType} says.
   *
   * @param tensor dtype of the query: (B, N, Sq, Skv), each of them or 1; the last 1024 rows of an
   *     ALiBi matrix, (B or 1, N, 1024, Skv); with TND packed sequence by sequence, each (N, Sq,
   *     Skv) or each (N, 1, Skv), or the last 1024 rows. For types 2 and 3 float32 slopes, (N) or
   *     (B, N). Null for none
   * @return this
   */
  public NpuFusionAttention pse(@Nullable Tensor tensor) {
    pse = tensor;
    return this;
  }

  /**
   * An argument without a meaning yet: the document refuses it.
   *
   * @param tensor null
   * @return this
   */
  public NpuFusionAttention paddingMask(@Nullable Tensor tensor) {
    paddingMask = tensor;
    return replan();
  }

  /**
   * The mask; without one {@link #sparseMode}, {@link #preTockens} and {@link #nextTockens} have no
   * effect and every query sees every key. A mask that is written into has to be given again: which
   * tiles it leaves out is found once.
   *
   * @param tensor bool or int8 (for uint8), other than 0 masks; modes 0, 1 and 5: (B, N, Sq, Skv),
   *     each of them or 1, or (Sq, Skv), with TND the longest of each or the sums of each; modes 2,
   *     3, 4, 7 and 8: (2048, 2048); mode 6: (3072, 2048); the numbers of the latter two are not
   *     read. Null for none
   * @return this
   */
  public NpuFusionAttention attenMask(@Nullable Tensor tensor) {
    attenMask = tensor;
    return replan();
  }

  /**
   * The factor of the scores; 1 unless given.
   *
   * @param factor from -1e30 to 1e30
   * @return this
   */
  public NpuFusionAttention scale(double factor) {
    scale = factor;
    return replan();
  }

  /**
   * Dropout on the probabilities; 1, none, unless given.
   *
   * @param probability of keeping, in (0, 1]
   * @return this
   */
  public NpuFusionAttention keepProb(double probability) {
    keepProb = probability;
    return this;
  }

  /**
   * How far back a band reaches, in modes 0 (from the top-left corner), 4, 7 and 8 (bottom-right).
   *
   * @param rows keys before the query's own place, may be negative; 2147483647 unless given
   * @return this
   */
  public NpuFusionAttention preTockens(long rows) {
    preTockens = rows;
    return replan();
  }

  /**
   * How far ahead a band reaches, in the modes of {@link #preTockens}.
   *
   * @param rows keys after the query's own place, may be negative; 2147483647 unless given
   * @return this
   */
  public NpuFusionAttention nextTockens(long rows) {
    nextTockens = rows;
    return replan();
  }

  /**
   * A hint that changes nothing here: rows that see nothing are always handled as with 2.
   *
   * @param level 0, 1 or 2; 0 unless given
   * @return this
   */
  public NpuFusionAttention innerPrecise(long level) {
    innerPrecise = level;
    return replan();
  }

  /**
   * The visible keys of each sequence, in modes 5 and 6.
   *
   * @param lengths one per sequence, or null
   * @return this
   */
  public NpuFusionAttention prefix(long @Nullable ... lengths) {
    prefix = lengths;
    return replan();
  }

  /**
   * The ends of the sequences among the query's tokens; TND only, and needed there.
   *
   * @param ends running sums of the lengths; zeros at the end stand for sequences that do not take
   *     part; null for none
   * @return this
   */
  public NpuFusionAttention actualSeqQlen(long @Nullable ... ends) {
    actualSeqQlen = ends;
    return replan();
  }

  /**
   * The ends of the sequences among the tokens of key and value; TND only, and needed there.
   *
   * @param ends as in {@link #actualSeqQlen}
   * @return this
   */
  public NpuFusionAttention actualSeqKvlen(long @Nullable ... ends) {
    actualSeqKvlen = ends;
    return replan();
  }

  /**
   * What {@link #attenMask} means: 0 the mask and the band, 1 the mask, 2 causal from the top-left
   * corner, 3 causal from the bottom-right one, 4 the band, 5 the mask of a prefix, 6 the prefix; 7
   * and 8 the shards of 3 and 2 after a cut through one sequence, TND only.
   *
   * @param mode 0 to 8; 0 unless given
   * @return this
   */
  public NpuFusionAttention sparseMode(long mode) {
    sparseMode = mode;
    return replan();
  }

  /**
   * A switch of the device's schedule, without a meaning here.
   *
   * @param on any
   * @return this
   */
  public NpuFusionAttention genMaskParallel(boolean on) {
    return this;
  }

  /**
   * A switch of the device's schedule, without a meaning here.
   *
   * @param on any
   * @return this
   */
  public NpuFusionAttention sync(boolean on) {
    return this;
  }

  /**
   * The order of {@link Result#softmaxMax} and {@link Result#softmaxSum} for TND.
   *
   * @param layout {@code "TND"} for (T, N, 8) in memory too, or {@code ""}, the default
   * @return this
   */
  public NpuFusionAttention softmaxLayout(String layout) {
    softmaxLayout = layout;
    return replan();
  }

  /**
   * One more logit per head that takes part in the softmax and has no value.
   *
   * @param tensor float32 (N), or null for none
   * @return this
   */
  public NpuFusionAttention sink(@Nullable Tensor tensor) {
    sink = tensor;
    return this;
  }

  /**
   * The bits that decide which probabilities are kept, instead of drawn ones; used if {@link
   * #keepProb} is below 1.
   *
   * @param tensor int8 (for uint8), at least ceil(numels / 8) bytes in the order of {@link
   *     Result#dropoutMask}, or null to draw
   * @return this
   */
  public NpuFusionAttention dropoutMask(@Nullable Tensor tensor) {
    dropoutMask = tensor;
    return this;
  }

  /**
   * Fixes the random state instead of drawing one from {@link RandomGenerators}' default generator.
   *
   * @param number the seed, or null; null with an offset given stands for 0
   * @return this
   */
  public NpuFusionAttention seed(@Nullable Long number) {
    seed = number;
    return this;
  }

  /**
   * Fixes the random state, together with {@link #seed}.
   *
   * @param number the offset, or null; null with a seed given stands for 0
   * @return this
   */
  public NpuFusionAttention offset(@Nullable Long number) {
    offset = number;
    return this;
  }

  /**
   * How {@link #pse} joins the scores: 0 {@code scale * q.k + pse}, 1 {@code scale * (q.k + pse)},
   * 2 {@code scale * q.k - slope * distance}, 3 the same with the square root of the distance.
   *
   * @param type 0 to 3; 1 unless given
   * @return this
   */
  public NpuFusionAttention pseType(long type) {
    pseType = type;
    return replan();
  }

  /**
   * The place of query row 0, for the distances of types 2 and 3; together with {@link
   * #kvStartIdx}.
   *
   * @param place one number, or null for 0
   * @return this
   */
  public NpuFusionAttention qStartIdx(long @Nullable ... place) {
    qStartIdx = place;
    return this;
  }

  /**
   * The place of key row 0, for the distances of types 2 and 3; together with {@link #qStartIdx}.
   *
   * @param place one number, or null for 0
   * @return this
   */
  public NpuFusionAttention kvStartIdx(long @Nullable ... place) {
    kvStartIdx = place;
    return this;
  }

  /**
   * The plan of this call: its backend, and the tiles it visits and skips.
   *
   * @return the plan, made now or before
   * @throws RefusedException if an argument is refused
   */
  public AttentionPlan plan() {
    return prepare().plan();
  }

  private Prepared prepare() {
    Prepared ready = prepared;
    if (ready == null) {
      NpuSizes sizes = new NpuChecks(this).sizes();
      new NpuMaskChecks(this, sizes).check();
      try {
        ready = new Prepared(sizes, Attention.plan(spec(sizes)));
      } catch (RefusedException refusal) {
        throw NpuChecks.translate(refusal);
      }
      prepared = ready;
    }
    return ready;
  }

  private AttentionSpec spec(NpuSizes sizes) {
    return where(AttentionSpec.builder())
        .layout(sizes.layout())
        .sequences(sizes.sequences())
        .heads(sizes.heads(), sizes.kvHeads())
        .dims(sizes.headDim(), sizes.valueDim())
        .dtype(query.dtype())
        .mask(NpuMaskTranslation.mask(this, sizes))
        .scale(scale)
        .biasStage(NpuPse.stage(pseType))
        .softmaxStats(true)
        .build();
  }

  /**
   * Runs the operator.
   *
   * @return its seven results
   * @throws RefusedException if an argument is refused
   */
  public Result forward() {
    Prepared ready = prepare();
    NpuSizes sizes = ready.sizes();
    NpuDropout dropout = new NpuDropout(this, sizes);
    dropout.check();
    try {
      long[] pair = dropout.seedOffset();
      AttentionInputs inputs = inputs(sizes).withDropout(dropout.options(pair));
      AttentionResult result = ready.plan().forward(inputs);
      NpuSoftmax softmax = new NpuSoftmax(sizes, softmaxLayout);
      return new Result(
          result.out(),
          softmax.max(result),
          softmax.sum(result),
          Tensor.zeros(query.dtype(), 0),
          pair[0],
          pair[1],
          sizes.numels(),
          new CoreCall(ready.plan(), inputs, result));
    } catch (RefusedException refusal) {
      throw NpuChecks.translate(refusal);
    }
  }

  /**
   * Computes the gradients of a forward of this operator, with the arguments and the dropout of
   * that forward.
   *
   * @param result what {@link #forward} returned
   * @param dout gradient of {@link Result#attentionOut}, same dtype and shape
   * @return gradients of query, key, value, pse and sink
   * @throws RefusedException if dout does not fit
   */
  public Gradients backward(Result result, Tensor dout) {
    return gradients(result.core(), dout);
  }

  /**
   * {@code npu_fusion_attention_grad}: the gradients of a forward that was stored, made here or on
   * the device. With dropout, {@link #seed} and {@link #offset} or {@link #dropoutMask} must be
   * those of that forward.
   *
   * @param dout gradient of the output, like attentionIn
   * @param attentionIn what the forward returned as its output
   * @param softmaxMax what it returned as the maxima, in the order of {@link #softmaxLayout}
   * @param softmaxSum what it returned as the sums, in the same order
   * @return gradients of query, key, value, pse and sink
   * @throws RefusedException if an argument is refused
   */
  public Gradients grad(Tensor dout, Tensor attentionIn, Tensor softmaxMax, Tensor softmaxSum) {
    Prepared ready = prepare();
    NpuDropout dropout = new NpuDropout(this, ready.sizes());
    dropout.check();
    dropout.checkStored();
    try {
      AttentionInputs inputs =
          inputs(ready.sizes()).withDropout(dropout.options(dropout.seedOffset()));
      NpuSoftmax softmax = new NpuSoftmax(ready.sizes(), softmaxLayout);
      AttentionResult result = softmax.stored(attentionIn, softmaxMax, softmaxSum);
      return gradients(new CoreCall(ready.plan(), inputs, result), dout);
    } catch (RefusedException refusal) {
      throw NpuChecks.translate(refusal);
    }
  }

  private AttentionInputs inputs(NpuSizes sizes) {
    return AttentionInputs.of(query, key, value)
        .withBias(new NpuPse(this, sizes).bias())
        .withSink(sink);
  }

  private static Gradients gradients(CoreCall core, Tensor dout) {
    try {
      AttentionGradients gradients = core.plan().backward(core.inputs(), core.result(), dout);
      return new Gradients(
          gradients.query(),
          gradients.key(),
          gradients.value(),
          NpuPse.gradient(core.inputs().bias(), gradients.bias()),
          gradients.sink());
    } catch (RefusedException refusal) {
      throw NpuChecks.translate(refusal);
    }
  }

  /**
   * The operator's seven results, and what became of the call.
   *
   * @param attentionOut the output: dtype and layout of the query, Dv columns per head; rows that
   *     see nothing are zero
   * @param softmaxMax float32 (B, N, Sq, 8), eight equal lanes: the largest score of each row (and
   *     the sink), −FLT_MAX where a row sees nothing; 0 where there are no keys at all, and for
   *     tokens of no sequence. TND: (T, N, 8), in memory sequence by sequence, each (N, Sq, 8),
   *     unless {@link #softmaxLayout} is TND
   * @param softmaxSum in the same form the sums of {@code exp(score - max)} before dropout,
   *     +FLT_MAX where a row sees nothing
   * @param reserved an empty tensor (0)
   * @param seed of the dropout; 0 without one, and with a caller's mask unless it was given
   * @param offset of the dropout, as the seed
   * @param numels how many scores there are: N times the sum of Sq times Skv over the sequences
   * @param core what the call became in the core
   */
  public record Result(
      Tensor attentionOut,
      Tensor softmaxMax,
      Tensor softmaxSum,
      Tensor reserved,
      long seed,
      long offset,
      long numels,
      CoreCall core) {
    /**
     * The bits of the dropout that this result was made with, made anew.
     *
     * @return int8 (ceil(numels / 128) * 16): bit {@code e % 8} of byte {@code e / 8} is 1 if score
     *     e is kept, scores counted row-major (B, N, Sq, Skv), with TND sequence by sequence; bits
     *     behind the last score are 0
     */
    public Tensor dropoutMask() {
      return NpuDropout.export(this);
    }
  }

  /**
   * What the backward returns; each gradient has the shape and dtype of its argument.
   *
   * @param dquery gradient of the query
   * @param dkey gradient of the key
   * @param dvalue gradient of the value
   * @param dpse gradient of the position encoding or of the slopes; null without a pse
   * @param dsink gradient of the sink; null without one
   */
  public record Gradients(
      Tensor dquery, Tensor dkey, Tensor dvalue, @Nullable Tensor dpse, @Nullable Tensor dsink) {}
}
