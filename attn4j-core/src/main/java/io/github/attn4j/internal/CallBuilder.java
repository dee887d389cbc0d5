package io.github.attn4j.internal;

import io.github.attn4j.AttentionGradients;
import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionResult;
import io.github.attn4j.AttentionSpec;
import io.github.attn4j.Bias;
import io.github.attn4j.DType;
import io.github.attn4j.Dropout;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Sequences;
import io.github.attn4j.SoftmaxStats;
import io.github.attn4j.Tensor;
import io.github.attn4j.spi.BackwardCall;
import io.github.attn4j.spi.DropoutBits;
import io.github.attn4j.spi.ForwardCall;
import io.github.attn4j.spi.KeyRows;
import io.github.attn4j.spi.Problem;
import io.github.attn4j.spi.Rows;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** Checks the tensors of a call against the plan and turns them into rows. */
public final class CallBuilder {
  private final AttentionSpec spec;
  private final Problem problem;
  private final long[] queryShape;
  private final long[] outShape;
  private final long[] lseShape;

  /** Prepares the shapes that tensors must have. */
  public CallBuilder(AttentionSpec spec, Problem problem) {
    this.spec = spec;
    this.problem = problem;
    Sequences sequences = spec.sequences();
    queryShape = Layouts.shape(spec.layout(), sequences, true, spec.heads(), spec.headDim());
    outShape = Layouts.shape(spec.layout(), sequences, true, spec.heads(), spec.valueDim());
    lseShape = Layouts.lseShape(spec);
  }

  /** Fresh result tensors. */
  public AttentionResult newResult() {
    return new AttentionResult(
        Tensor.zeros(spec.outDtype(), outShape),
        Tensor.zeros(DType.FLOAT32, lseShape),
        spec.maxLogit() ? Tensor.zeros(DType.FLOAT32, spec.heads()) : null,
        spec.softmaxStats()
            ? new SoftmaxStats(
                Tensor.zeros(DType.FLOAT32, lseShape), Tensor.zeros(DType.FLOAT32, lseShape))
            : null,
        spec.layout());
  }

  /** A forward call. */
  public ForwardCall forward(AttentionInputs inputs, AttentionResult result) {
    ForwardCall call = call(inputs, result);
    checkTarget(result);
    if (!spec.sequences().coversQueries()) {
      Padding.fill(Layouts.canonical(spec.layout(), result.out(), spec.heads()), spec, 0);
      fillPadding(result.lse(), Float.NEGATIVE_INFINITY);
      if (result.stats() != null) {
        fillPadding(result.stats().rowMax(), Float.NEGATIVE_INFINITY);
        fillPadding(result.stats().rowSum(), 0);
      }
    }
    return call;
  }

  /** A result that is to be written has all that was asked for, in memory that can be written. */
  private void checkTarget(AttentionResult result) {
    SoftmaxStats stats = result.stats();
    if (spec.softmaxStats() && stats == null) {
      throw RefusedException.value("result", "expected stats tensors, got none");
    }
    Tensor maxLogit = result.maxLogit();
    if (spec.maxLogit() && maxLogit == null) {
      throw RefusedException.value("result", "expected a maxLogit tensor, got none");
    }
    checkWritable("out", result.out());
    checkWritable("lse", result.lse());
    if (stats != null) {
      checkWritable("rowMax", stats.rowMax());
      checkWritable("rowSum", stats.rowSum());
    }
    if (maxLogit != null) {
      checkWritable("maxLogit", maxLogit);
    }
  }

  private void fillPadding(Tensor perRow, double value) {
    Padding.fill(Layouts.canonicalLse(perRow, spec.sequences().isRagged()), spec, value);
  }

  private ForwardCall call(AttentionInputs inputs, AttentionResult result) {
    checkTensor("query", inputs.query(), queryShape, spec.dtype(), inputs);
    KeyRows key = KeyStorage.key(spec, inputs);
    KeyRows value = KeyStorage.value(spec, inputs);
    if (result.layout() != spec.layout()) {
      throw RefusedException.value(
          "result", "expected layout %s, got %s".formatted(spec.layout(), result.layout()));
    }
    checkTensor("out", result.out(), outShape, spec.outDtype(), inputs);
    checkTensor("lse", result.lse(), lseShape, DType.FLOAT32, inputs);
    SoftmaxStats stats = result.stats();
    if (stats != null) {
      checkTensor("rowMax", stats.rowMax(), lseShape, DType.FLOAT32, inputs);
      checkTensor("rowSum", stats.rowSum(), lseShape, DType.FLOAT32, inputs);
    }
    Tensor maxLogit = result.maxLogit();
    if (maxLogit != null) {
      checkTensor("maxLogit", maxLogit, new long[] {spec.heads()}, DType.FLOAT32, inputs);
    }
    return new ForwardCall(
        rows(inputs.query(), spec.heads()),
        key,
        value,
        inputs.bias() == null ? null : BoundBias.of(inputs.bias(), problem),
        sink(inputs.sink()),
        dropout(inputs.dropout()),
        rows(result.out(), spec.heads()),
        perRow(result.lse()),
        stats == null ? null : perRow(stats.rowMax()),
        stats == null ? null : perRow(stats.rowSum()),
        maxLogit == null ? null : Rows.of(maxLogit.reshape(1, spec.heads(), 1, 1)));
  }

  /** A tensor of another shape than expected, told with all that its shape hangs on. */
  static RefusedException misfit(
      String name, String expected, Tensor tensor, AttentionSpec spec, AttentionInputs inputs) {
    return RefusedException.value(
        name,
        "expected %s, got %s (query %s, key %s, value %s, layout %s, %d heads on %d, dims %d and %d, %s)"
            .formatted(
                expected,
                tensor,
                inputs.query(),
                inputs.key(),
                inputs.value(),
                spec.layout(),
                spec.heads(),
                spec.kvHeads(),
                spec.headDim(),
                spec.valueDim(),
                spec.sequences()));
  }

  private void checkTensor(
      String name, Tensor tensor, long[] shape, DType dtype, AttentionInputs inputs) {
    if (!tensor.hasShape(shape)) {
      throw misfit(name, "shape " + Arrays.toString(shape), tensor, spec, inputs);
    }
    if (tensor.dtype() != dtype) {
      throw RefusedException.type(name, "expected dtype %s, got %s".formatted(dtype, tensor));
    }
  }

  private static void checkWritable(String name, Tensor tensor) {
    if (tensor.segment().isReadOnly()) {
      throw RefusedException.value(name, "expected memory to write to, got a read-only segment");
    }
    for (int d = 0; d < tensor.rank(); d++) {
      if (tensor.stride(d) == 0 && tensor.dim(d) > 1) {
        throw RefusedException.value(
            name,
            "expected an element of its own for every index, got %s with stride 0"
                .formatted(tensor));
      }
    }
  }

  private Rows rows(Tensor tensor, int heads) {
    return Rows.of(Layouts.canonical(spec.layout(), tensor, heads));
  }

  private Rows perRow(Tensor tensor) {
    return Rows.of(Layouts.canonicalLse(tensor, spec.sequences().isRagged()));
  }

  private float @Nullable [] sink(@Nullable Tensor sink) {
    if (sink == null) {
      return null;
    }
    if (!sink.dtype().isFloating()) {
      throw RefusedException.type("sink", "expected a floating dtype, got " + sink);
    }
    if (!sink.hasShape(spec.heads())) {
      throw RefusedException.value(
          "sink", "expected one logit per query head, [%d], got %s".formatted(spec.heads(), sink));
    }
    return sink.toFloatArray();
  }

  private @Nullable DropoutBits dropout(@Nullable Dropout dropout) {
    if (dropout == null || (dropout.p() == 0 && dropout.keep() == null)) {
      return null;
    }
    return dropout.keep() == null
        ? new PhiloxDropout(dropout, spec.heads())
        : new PackedDropout(dropout, problem);
  }

  /** A backward call and the tensors it writes. */
  public static final class Backward {
    private final BackwardCall call;
    private final AttentionGradients gradients;
    private final @Nullable BiasSums bias;

    private Backward(BackwardCall call, AttentionGradients gradients, @Nullable BiasSums bias) {
      this.call = call;
      this.gradients = gradients;
      this.bias = bias;
    }

    /** What the backend is to do. */
    public BackwardCall call() {
      return call;
    }

    /** What it has done. */
    public AttentionGradients gradients() {
      return new AttentionGradients(
          gradients.query(),
          gradients.key(),
          gradients.value(),
          bias == null ? null : bias.finish(),
          gradients.sink());
    }
  }

  /** A backward call. */
  public Backward backward(
      AttentionInputs inputs, AttentionResult result, Tensor dout, boolean biasGradient) {
    if (inputs.storage() != null || spec.kvDtype() != spec.dtype()) {
      throw RefusedException.runtime(
          "key",
          "expected plain key and value of the query's dtype for a backward, got %s of %s"
              .formatted(inputs.storage() == null ? "a tensor" : "a cache", spec.kvDtype()));
    }
    ForwardCall forward = call(inputs, result);
    checkTensor("dout", dout, outShape, spec.outDtype(), inputs);
    Tensor dquery = Tensor.zeros(spec.dtype(), queryShape);
    Tensor dkey = Tensor.zeros(spec.dtype(), inputs.key().shape());
    Tensor dvalue = Tensor.zeros(spec.dtype(), inputs.value().shape());
    Bias bias = inputs.bias();
    BiasSums sums = bias != null && biasGradient ? new BiasSums(BoundBias.of(bias, problem)) : null;
    float[] dsink = forward.sink() == null ? null : new float[spec.heads()];
    BackwardCall call =
        new BackwardCall(
            forward,
            rows(dout, spec.heads()),
            rows(dquery, spec.heads()),
            rows(dkey, spec.kvHeads()),
            rows(dvalue, spec.kvHeads()),
            sums,
            dsink);
    Tensor sinkGradient = dsink == null ? null : Tensor.of(dsink, spec.heads());
    return new Backward(
        call, new AttentionGradients(dquery, dkey, dvalue, null, sinkGradient), sums);
  }
}
