package io.github.attn4j.operators;

import io.github.attn4j.AttentionPlan;
import io.github.attn4j.Quantization;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Tensor;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * MindSpore's {@code incre_flash_attention}: a decoding step, one query row per sequence (or a few)
 * over a cache of keys and values, in one piece or in pages, floating or of integers.
 *
 * <pre>{@code
 * IncreFlashAttention step = IncreFlashAttention.of(query, key, value)
 *     .inputLayout("BNSD")
 *     .numHeads(32)
 *     .numKeyValueHeads(8)
 *     .scaleValue(1 / Math.sqrt(128))
 *     .actualSeqLengths(lengths);
 * Tensor out = step.forward().attentionOut();
 * }</pre>
 *
 * <p>{@code out = softmax(scale_value * Q.Kᵀ + pse_shift) * V} over each sequence's window of the
 * cache; {@code docs/operators.md} compares argument by argument. B is the batch, N the query
 * heads, kvN the key and value heads, D their columns, H = N × D, kvH = kvN × D, S the rows of the
 * cache, Sq the query rows.
 *
 * <p>Arguments are checked when they are used, by {@link #plan} and {@link #forward}; a {@link
 * RefusedException} names them as the document spells them. The document's TypeErrors for numbers
 * and strings of the wrong type cannot happen in Java. Lengths and masks are read when the plan is
 * made; it is kept until an argument changes that it depends on. {@link #inputs} and other scales,
 * biases, block tables or prefixes of the same shapes and dtypes keep it. Not safe for concurrent
 * use, except that results may be used anywhere.
 */
public final class IncreFlashAttention extends OperatorCall<IncreFlashAttention> {
  Tensor query;
  List<Tensor> key;
  List<Tensor> value;
  @Nullable Tensor attnMask;
  long @Nullable [] lengths;
  @Nullable Tensor actualSeqLengths;
  @Nullable Tensor pseShift;
  @Nullable Tensor dequantScale1;
  @Nullable Tensor quantScale1;
  @Nullable Tensor dequantScale2;
  @Nullable Tensor quantScale2;
  @Nullable Tensor quantOffset2;
  @Nullable Tensor antiquantScale;
  @Nullable Tensor antiquantOffset;
  @Nullable Tensor blockTable;
  int numHeads = 1;
  String inputLayout = "BSH";
  double scaleValue = 1;
  int numKeyValueHeads;
  int blockSize;
  int innerPrecise = 1;
  @Nullable Tensor kvPaddingSize;
  boolean causal;
  @Nullable Quantization keyAntiquant;
  @Nullable Quantization valueAntiquant;
  @Nullable Tensor prefixKey;
  @Nullable Tensor prefixValue;
  boolean returnSoftmaxLse;
  private @Nullable IncrePlan plan;

  private IncreFlashAttention(Tensor query, List<Tensor> key, List<Tensor> value) {
    this.query = query;
    this.key = List.copyOf(key);
    this.value = List.copyOf(value);
  }

  /**
   * Starts a step over a cache in one tensor each.
   *
   * @param query float16, bfloat16 or float32: (B, Sq, H) for BSH, (B, N, Sq, D) for BNSD, (B, Sq,
   *     N, D) for BSND
   * @param key floating or int8: (B, S, kvH), (B, kvN, S, D) or (B, S, kvN, D); for pages see
   *     {@link #blockTable}; int4 halves the columns, see {@link #keyAntiquant}
   * @param value the shape and dtype of the key
   * @return the step with every other argument at its default
   */
  public static IncreFlashAttention of(Tensor query, Tensor key, Tensor value) {
    return new IncreFlashAttention(query, List.of(key), List.of(value));
  }

  /**
   * Starts a step over a list of tensors, as the document has it.
   *
   * @param query as in {@link #of(Tensor, Tensor, Tensor)}
   * @param key exactly one tensor, or B tensors of batch 1, whose S may differ
   * @param value as many as key
   * @return the step with every other argument at its default
   */
  public static IncreFlashAttention of(Tensor query, List<Tensor> key, List<Tensor> value) {
    return new IncreFlashAttention(query, key, value);
  }

  /**
   * Other tensors for the same step, as in the next layer of a model.
   *
   * @param newQuery as in {@link #of(Tensor, Tensor, Tensor)}
   * @param newKey as in {@link #of(Tensor, Tensor, Tensor)}
   * @param newValue as in {@link #of(Tensor, Tensor, Tensor)}
   * @return this; the plan is kept if shapes and dtypes are those of the tensors before
   */
  public IncreFlashAttention inputs(Tensor newQuery, Tensor newKey, Tensor newValue) {
    replanUnless(
        key.size() == 1
            && value.size() == 1
            && alike(query, newQuery)
            && alike(key.get(0), newKey)
            && alike(value.get(0), newValue));
    query = newQuery;
    key = List.of(newKey);
    value = List.of(newValue);
    return this;
  }

  private static boolean alike(@Nullable Tensor a, @Nullable Tensor b) {
    if (a == null || b == null) {
      return a == b;
    }
    return a.dtype() == b.dtype() && Arrays.equals(a.shape(), b.shape());
  }

  /**
   * Steps over one cache tensor take their tensors anew each time, those over several keep them.
   */
  private void replanUnless(boolean alike) {
    plan = alike && plan instanceof IncreStep ? plan : null;
  }

  @Override
  IncreFlashAttention replan() {
    plan = null;
    return this;
  }

  /**
   * Hides keys by their place in the cache, not in the window.
   *
   * @param mask bool or int8, zero where a key is seen: (B, S), (B, Sq or 1, S) or (B, N or 1, Sq
   *     or 1, S); with pages at least as long as the block table reaches; with a shared prefix that
   *     many columns longer, in front; null, or no elements, for none
   * @return this
   */
  public IncreFlashAttention attnMask(@Nullable Tensor mask) {
    attnMask = mask;
    return replan();
  }

  /**
   * How many rows of the cache each sequence fills; all unless given.
   *
   * @param rows one number for all, or one per sequence, each from 0 to S; null for all rows
   * @return this
   */
  public IncreFlashAttention actualSeqLengths(int @Nullable ... rows) {
    lengths = rows == null ? null : Arrays.stream(rows).asLongStream().toArray();
    actualSeqLengths = null;
    return replan();
  }

  /**
   * How many rows of the cache each sequence fills; all unless given.
   *
   * @param rows int64 or int32 (1) or (B), each from 0 to S; null for all rows
   * @return this
   */
  public IncreFlashAttention actualSeqLengths(@Nullable Tensor rows) {
    actualSeqLengths = rows;
    lengths = null;
    return replan();
  }

  /**
   * Added to the scaled scores, by the keys' place in the cache.
   *
   * @param bias dtype of the query (1 or B, N, Sq or 1, S'), S' reaching to the end of every
   *     window; with pages and shared prefixes like {@link #attnMask}; null for none
   * @return this
   */
  public IncreFlashAttention pseShift(@Nullable Tensor bias) {
    replanUnless(alike(pseShift, bias));
    pseShift = bias;
    return this;
  }

  /**
   * Not in use in the document's operator; refused.
   *
   * @param scale null
   * @return this
   */
  public IncreFlashAttention dequantScale1(@Nullable Tensor scale) {
    dequantScale1 = scale;
    return replan();
  }

  /**
   * Not in use in the document's operator; refused.
   *
   * @param scale null
   * @return this
   */
  public IncreFlashAttention quantScale1(@Nullable Tensor scale) {
    quantScale1 = scale;
    return replan();
  }

  /**
   * Not in use in the document's operator; refused.
   *
   * @param scale null
   * @return this
   */
  public IncreFlashAttention dequantScale2(@Nullable Tensor scale) {
    dequantScale2 = scale;
    return replan();
  }

  /**
   * Asks for an int8 output, {@code out * quant_scale2 + quant_offset2} rounded to float16 and then
   * to an integer, halves away from zero, and cut to [-128, 127].
   *
   * @param scale float32: one number (1), or one per channel, (N, D) with ones in front or between
   *     as (N, 1, D), (1, N, D), (1, N, 1, D), (1, 1, N, D), or (H), (1, H), (1, 1, H); null for a
   *     floating output
   * @return this
   */
  public IncreFlashAttention quantScale2(@Nullable Tensor scale) {
    replanUnless(alike(quantScale2, scale));
    quantScale2 = scale;
    return this;
  }

  /**
   * The offset of the int8 output; 0 unless given.
   *
   * @param offset float32, the shape of {@link #quantScale2}; null for 0
   * @return this
   */
  public IncreFlashAttention quantOffset2(@Nullable Tensor offset) {
    replanUnless(alike(quantOffset2, offset));
    quantOffset2 = offset;
    return this;
  }

  /**
   * What the integers of an int8 cache stand for: {@code (integer + antiquant_offset) *
   * antiquant_scale}; index 0 is the key's, 1 the value's.
   *
   * @param scale dtype of the query: (2, kvN, 1, D), (2, 1, kvN, D), (2, kvN, D) or (2, kvH) per
   *     channel, (2) per tensor; null for a floating cache
   * @return this
   */
  public IncreFlashAttention antiquantScale(@Nullable Tensor scale) {
    replanUnless(alike(antiquantScale, scale));
    antiquantScale = scale;
    return this;
  }

  /**
   * The offset of {@link #antiquantScale}; 0 unless given.
   *
   * @param offset shape and dtype of the scale; null for 0
   * @return this
   */
  public IncreFlashAttention antiquantOffset(@Nullable Tensor offset) {
    replanUnless(alike(antiquantOffset, offset));
    antiquantOffset = offset;
    return this;
  }

  /**
   * Makes key and value caches of pages: (blocks, block_size, kvH) in any layout, (blocks, kvN,
   * block_size, D) in BNSD, (blocks, block_size, kvN, D) in BSND. Row t of sequence b lies in page
   * {@code table[b][t / block_size]}, row {@code t % block_size}.
   *
   * @param table int32 (at least B, pages): pages cover every length, numbers behind the last
   *     needed page are not read; null for a cache in one piece
   * @return this
   */
  public IncreFlashAttention blockTable(@Nullable Tensor table) {
    replanUnless(alike(blockTable, table));
    blockTable = table;
    return this;
  }

  /**
   * The query heads; 1 unless given.
   *
   * @param heads N, above 0
   * @return this
   */
  public IncreFlashAttention numHeads(int heads) {
    numHeads = heads;
    return replan();
  }

  /**
   * The order of the dimensions; BSH unless given.
   *
   * @param layout {@code "BSH"}, {@code "BNSD"} or {@code "BSND"}
   * @return this
   */
  public IncreFlashAttention inputLayout(String layout) {
    inputLayout = layout;
    return replan();
  }

  /**
   * The factor of query times key; 1 unless given, not {@code 1 / sqrt(D)}.
   *
   * @param scale any number from -1e30 to 1e30
   * @return this
   */
  public IncreFlashAttention scaleValue(double scale) {
    scaleValue = scale;
    return replan();
  }

  /**
   * The key and value heads.
   *
   * @param heads kvN, a divisor of N; 0, the default, for as many as query heads
   * @return this
   */
  public IncreFlashAttention numKeyValueHeads(int heads) {
    numKeyValueHeads = heads;
    return replan();
  }

  /**
   * Rows of a page; has no effect without {@link #blockTable}.
   *
   * @param rows a multiple of 16, or of 32 for a cache of integers, up to 512
   * @return this
   */
  public IncreFlashAttention blockSize(int rows) {
    blockSize = rows;
    return replan();
  }

  /**
   * The device's choice between precision and speed, which changes nothing here.
   *
   * @param mode 0 or 1
   * @return this
   */
  public IncreFlashAttention innerPrecise(int mode) {
    innerPrecise = mode;
    return replan();
  }

  /**
   * Rows of padding behind each sequence, which then ends at S - size and begins its length before
   * that; a sequence that would begin before row 0 has an output of zeros. Has no effect without
   * {@link #actualSeqLengths(int...)}.
   *
   * @param size int64 () or (1), below 0 counts as 0; null for sequences that begin at row 0
   * @return this
   */
  public IncreFlashAttention kvPaddingSize(@Nullable Tensor size) {
    kvPaddingSize = size;
    return replan();
  }

  /**
   * Whether, of several query rows, each sees the keys only up to its own place, the last row
   * standing beside the last key of its window; attn4j's own argument, false unless given.
   *
   * @param on true for steps of a draft or a chunk of a prompt, whose keys are in the cache already
   * @return this
   */
  public IncreFlashAttention causal(boolean on) {
    causal = on;
    return replan();
  }

  /**
   * What the integers of the key stand for, in more ways than {@link #antiquantScale} can say;
   * attn4j's own argument.
   *
   * @param rule int8 or int4, scale and offset of any floating dtype broadcast against (B, kvN, S,
   *     D), with pages (blocks, kvN, block_size, D): (B, kvN, S, 1) is per token and head; int4
   *     wants ceil(D / 2) columns per head. Goes with {@link #valueAntiquant}; null for none
   * @return this
   */
  public IncreFlashAttention keyAntiquant(@Nullable Quantization rule) {
    keyAntiquant = rule;
    return replan();
  }

  /**
   * What the integers of the value stand for; attn4j's own argument.
   *
   * @param rule as many bits as {@link #keyAntiquant} has, and otherwise as free; null for none
   * @return this
   */
  public IncreFlashAttention valueAntiquant(@Nullable Quantization rule) {
    valueAntiquant = rule;
    return replan();
  }

  /**
   * Keys that stand before those of every sequence and are kept, and read, once; attn4j's own
   * argument. A sequence's keys are then the prefix and its window of the cache, and masks and
   * biases have the prefix's columns in front.
   *
   * @param keys dtype of the key or of the query, batch 1, in one piece: (1, P, kvH), (1, kvN, P,
   *     D) or (1, P, kvN, D); integers have the meaning of the cache's, whose scales then may not
   *     differ by row or sequence; null for no prefix
   * @param values shape and dtype of keys; null for no prefix
   * @return this
   */
  public IncreFlashAttention sharedPrefix(@Nullable Tensor keys, @Nullable Tensor values) {
    replanUnless(alike(prefixKey, keys) && alike(prefixValue, values));
    prefixKey = keys;
    prefixValue = values;
    return this;
  }

  /**
   * Asks for the logarithms of the softmax's sums; attn4j's own argument, false unless given.
   *
   * @param on whether {@link Result#softmaxLse} is to be there
   * @return this
   */
  public IncreFlashAttention returnSoftmaxLse(boolean on) {
    returnSoftmaxLse = on;
    return this;
  }

  private IncrePlan ready() {
    IncrePlan ready = plan;
    if (ready == null) {
      ready = IncrePlan.of(this);
      plan = ready;
    }
    return ready;
  }

  /**
   * The plan of the step over the cache: its backend, and the tiles it visits and skips.
   *
   * @return the plan, made now or before; that of the first sequence where the cache comes in
   *     several tensors
   * @throws RefusedException if an argument is refused
   */
  public AttentionPlan plan() {
    try {
      return ready().cache();
    } catch (RefusedException refusal) {
      throw IncreChecks.translate(refusal);
    }
  }

  /**
   * Runs the operator.
   *
   * @return the output, and what else was asked for
   * @throws RefusedException if an argument is refused
   */
  public Result forward() {
    try {
      return ready().forward(this);
    } catch (RefusedException refusal) {
      throw IncreChecks.translate(refusal);
    }
  }

  /**
   * What the operator returns.
   *
   * @param attentionOut shape of the query; dtype of the query, or int8 with {@link #quantScale2}.
   *     A sequence whose keys are all masked gets the plain average of their values; one without
   *     keys gets zeros
   * @param softmaxLse float32 (B, N, Sq), natural logarithm, −1e12 where every key is masked,
   *     negative infinity where there is none; null unless asked for
   * @param core the call over the cache as the core ran it, in float32 output; that of the first
   *     sequence where the cache comes in several tensors
   */
  public record Result(Tensor attentionOut, @Nullable Tensor softmaxLse, CoreCall core) {}
}
