package io.github.attn4j;

import java.util.Objects;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * What a plan is made from: lengths, heads, dims, dtype, layout, mask, score options, and where to
 * run. Made by a builder; lengths, heads and dims must be given, all else has a default.
 *
 * <pre>{@code
 * AttentionSpec spec = AttentionSpec.builder()
 *     .layout(Layout.BSND)
 *     .padded(2, 1024, 1024)       // batch, query rows, key rows
 *     .heads(8, 2)                 // query heads, key/value heads
 *     .dims(64, 64)                // columns of query and key, columns of value
 *     .dtype(DType.BFLOAT16)
 *     .mask(Mask.causal())
 *     .build();
 * }</pre>
 *
 * @param layout order of the tensors' dimensions
 * @param sequences lengths of the sequences
 * @param heads query heads
 * @param kvHeads key and value heads; divides heads
 * @param headDim columns of query and key
 * @param valueDim columns of value
 * @param dtype of the query, and of key, value and output unless these have their own: FLOAT32,
 *     FLOAT16 or BFLOAT16
 * @param kvDtype of key and value: a floating one, or INT8 for calls that bring {@link
 *     Quantization}
 * @param mask which keys each query may see
 * @param score scale, softcap, stage of a bias
 * @param outDtype dtype of the output; FLOAT32 keeps partial results exact for {@link
 *     AttentionResult#merge}
 * @param maxLogit whether results carry the largest score of each head
 * @param softmaxStats whether results carry rowMax and rowSum
 * @param splitKeys keys after which the softmax starts anew, to be merged; 0 for the backend's
 *     choice
 * @param backend a backend's name, or null for the best that does not refuse
 * @param execution threads and executor
 */
public record AttentionSpec(
    Layout layout,
    Sequences sequences,
    int heads,
    int kvHeads,
    int headDim,
    int valueDim,
    DType dtype,
    DType kvDtype,
    Mask mask,
    ScoreOptions score,
    DType outDtype,
    boolean maxLogit,
    boolean softmaxStats,
    int splitKeys,
    @Nullable String backend,
    Execution execution) {

  /**
   * Starts a spec; sequences, heads and headDim must be given.
   *
   * @return a builder
   */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Reads lengths, heads, dims and dtype off the tensors of a padded call.
   *
   * @param layout BNSD or BSND: the others do not tell heads from columns, or lengths
   * @param query the query
   * @param key the key
   * @param value the value
   * @return a builder with these filled in
   * @throws RefusedException naming {@code layout}, or a tensor whose rank is not 4
   */
  public static Builder like(Layout layout, Tensor query, Tensor key, Tensor value) {
    return Builder.like(layout, query, key, value);
  }

  /** Collects a spec. */
  public static final class Builder {
    private Layout layout = Layout.BNSD;
    private @Nullable Sequences sequences;
    private int heads;
    private int kvHeads;
    private int headDim;
    private int valueDim;
    private DType dtype = DType.FLOAT32;
    private @Nullable DType kvDtype;
    private Mask mask = Mask.full();
    private @Nullable Double scale;
    private double softcap;
    private BiasStage biasStage = BiasStage.AFTER_SCALE;
    private @Nullable DType outDtype;
    private boolean maxLogit;
    private boolean softmaxStats;
    private int splitKeys;
    private @Nullable String backend;
    private int threads;
    private @Nullable Executor executor;

    private Builder() {}

    private static Builder like(Layout layout, Tensor query, Tensor key, Tensor value) {
      Tensor[] tensors = {query, key, value};
      String[] names = {"query", "key", "value"};
      for (int t = 0; t < 3; t++) {
        if (Objects.requireNonNull(tensors[t], names[t]).rank() != 4) {
          throw RefusedException.value(
              names[t],
              "expected rank 4, got query %s, key %s, value %s".formatted(query, key, value));
        }
      }
      if (layout != Layout.BNSD && layout != Layout.BSND) {
        throw RefusedException.value(
            "layout", "expected BNSD or BSND to read the sizes from, got " + layout);
      }
      int rows = layout == Layout.BNSD ? 2 : 1;
      int heads = layout == Layout.BNSD ? 1 : 2;
      return new Builder()
          .layout(layout)
          .padded(size(query.dim(0)), size(query.dim(rows)), size(key.dim(rows)))
          .heads(size(query.dim(heads)), size(key.dim(heads)))
          .dims(size(query.dim(3)), size(value.dim(3)))
          .dtype(query.dtype());
    }

    private static int size(long extent) {
      if (extent > Integer.MAX_VALUE) {
        throw RefusedException.value("shape", "expected extents below 2^31, got " + extent);
      }
      return (int) extent;
    }

    /**
     * The order of the tensors' dimensions; BNSD unless given.
     *
     * @param value a layout
     * @return this
     */
    public Builder layout(Layout value) {
      layout = value;
      return this;
    }

    /**
     * Sequences of equal lengths.
     *
     * @param batch how many
     * @param seqlenQ query rows of each
     * @param seqlenK key rows of each
     * @return this
     */
    public Builder padded(int batch, int seqlenQ, int seqlenK) {
      return sequences(Sequences.padded(batch, seqlenQ, seqlenK));
    }

    /**
     * Any batch.
     *
     * @param value the sequences
     * @return this
     */
    public Builder sequences(Sequences value) {
      sequences = value;
      return this;
    }

    /**
     * The heads.
     *
     * @param queryHeads query heads
     * @param keyValueHeads key and value heads, a divisor
     * @return this
     */
    public Builder heads(int queryHeads, int keyValueHeads) {
      heads = queryHeads;
      kvHeads = keyValueHeads;
      return this;
    }

    /**
     * The columns of a head.
     *
     * @param queryKeyDim columns of query and key
     * @param valueColumns columns of value
     * @return this
     */
    public Builder dims(int queryKeyDim, int valueColumns) {
      headDim = queryKeyDim;
      valueDim = valueColumns;
      return this;
    }

    /**
     * The dtype of query, key and value; FLOAT32 unless given.
     *
     * @param value FLOAT32, FLOAT16 or BFLOAT16
     * @return this
     */
    public Builder dtype(DType value) {
      dtype = value;
      return this;
    }

    /**
     * The dtype of key and value; that of the query unless given. Such a plan has a backward only
     * if they are the same.
     *
     * @param value FLOAT32, FLOAT16, BFLOAT16, or INT8 with {@link Quantization}
     * @return this
     */
    public Builder kvDtype(DType value) {
      kvDtype = value;
      return this;
    }

    /**
     * The mask; full unless given.
     *
     * @param value which keys each query may see
     * @return this
     */
    public Builder mask(Mask value) {
      mask = value;
      return this;
    }

    /**
     * The factor of {@code q.k}; {@code 1 / sqrt(headDim)} unless given.
     *
     * @param value any finite number
     * @return this
     */
    public Builder scale(double value) {
      scale = value;
      return this;
    }

    /**
     * Caps the scores; 0, no cap, unless given.
     *
     * @param value {@code c} of {@code c * tanh(x / c)}
     * @return this
     */
    public Builder softcap(double value) {
      softcap = value;
      return this;
    }

    /**
     * Where a call's bias joins; after the scale unless given.
     *
     * @param value the stage
     * @return this
     */
    public Builder biasStage(BiasStage value) {
      biasStage = value;
      return this;
    }

    /**
     * The dtype of the output; that of the inputs unless given.
     *
     * @param value FLOAT32, FLOAT16 or BFLOAT16
     * @return this
     */
    public Builder outDtype(DType value) {
      outDtype = value;
      return this;
    }

    /**
     * Asks for the largest score of each head.
     *
     * @param value whether results carry it
     * @return this
     */
    public Builder maxLogit(boolean value) {
      maxLogit = value;
      return this;
    }

    /**
     * Asks for {@link AttentionResult#stats}. A backward uses them if they are there, and is then
     * right also where a bias makes the scores of a whole row so large, beyond 1e6 or so, that the
     * lse as a float32 has no room left for the logarithm of their sum.
     *
     * @param value whether results carry rowMax and rowSum
     * @return this
     */
    public Builder softmaxStats(boolean value) {
      softmaxStats = value;
      return this;
    }

    /**
     * Cuts the keys of each sequence into parts that may run on different threads and are merged in
     * order. The parts depend on nothing else, so neither do the bits: they are those of {@link
     * AttentionResult#merge} over calls for each part alone, with float32 outputs and the sink in
     * the first. By itself the backend cuts long sequences, at boundaries that are fixed too;
     * {@link AttentionPlan#splitKeys} tells. A backward starts from the lse and is never cut. The
     * float64 reference cuts nothing.
     *
     * @param keys keys per part, rounded up to whole tiles of the backend; 0 for the backend's
     *     choice
     * @return this
     */
    public Builder splitKeys(int keys) {
      splitKeys = keys;
      return this;
    }

    /**
     * Asks for one backend by name; a refusal of it fails the plan.
     *
     * @param value the name, or null for the best that does not refuse
     * @return this
     */
    public Builder backend(@Nullable String value) {
      backend = value;
      return this;
    }

    /**
     * How many threads work at once, the caller included; one per processor unless given.
     *
     * @param value 0 for one per processor
     * @return this
     */
    public Builder threads(int value) {
      threads = value;
      return this;
    }

    /**
     * Where helper threads come from.
     *
     * @param value the executor
     * @return this
     */
    public Builder executor(@Nullable Executor value) {
      executor = value;
      return this;
    }

    /**
     * Finishes the spec.
     *
     * @return the spec; sizes are checked when a plan is made
     */
    public AttentionSpec build() {
      if (sequences == null) {
        throw RefusedException.value("sequences", "expected lengths, got none");
      }
      if (headDim < 1) {
        throw RefusedException.value("headDim", "expected at least 1, got " + headDim);
      }
      double factor = scale == null ? 1 / Math.sqrt(headDim) : scale;
      return new AttentionSpec(
          layout,
          sequences,
          heads,
          kvHeads,
          headDim,
          valueDim,
          dtype,
          kvDtype == null ? dtype : kvDtype,
          mask,
          new ScoreOptions(factor, softcap, biasStage),
          outDtype == null ? dtype : outDtype,
          maxLogit,
          softmaxStats,
          splitKeys,
          backend,
          new Execution(threads, executor));
    }
  }
}
