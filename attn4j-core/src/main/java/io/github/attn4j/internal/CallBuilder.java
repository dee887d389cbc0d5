package io.github.attn4j.internal;

import io.github.attn4j.AttentionGradients;
import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionResult;
import io.github.attn4j.AttentionSpec;
import io.github.attn4j.DType;
import io.github.attn4j.Dropout;
import io.github.attn4j.Extent;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Sequences;
import io.github.attn4j.Tensor;
import io.github.attn4j.spi.BackwardCall;
import io.github.attn4j.spi.DropoutBits;
import io.github.attn4j.spi.ForwardCall;
import io.github.attn4j.spi.Problem;
import io.github.attn4j.spi.Rows;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** Checks the tensors of a call against the plan and turns them into rows. */
public final class CallBuilder {
  private final AttentionSpec spec;
  private final Problem problem;
  private final long[] queryShape;
  private final long[] keyShape;
  private final long[] valueShape;
  private final long[] outShape;
  private final long[] lseShape;

  /** Prepares the shapes that tensors must have. */
  public CallBuilder(AttentionSpec spec, Problem problem) {
    this.spec = spec;
    this.problem = problem;
    Sequences sequences = spec.sequences();
    queryShape = Layouts.shape(spec.layout(), sequences, true, spec.heads(), spec.headDim());
    keyShape = Layouts.shape(spec.layout(), sequences, false, spec.kvHeads(), spec.headDim());
    valueShape = Layouts.shape(spec.layout(), sequences, false, spec.kvHeads(), spec.valueDim());
    outShape = Layouts.shape(spec.layout(), sequences, true, spec.heads(), spec.valueDim());
    lseShape = Layouts.lseShape(spec);
  }

  /** Fresh result tensors. */
  public AttentionResult newResult() {
    return new AttentionResult(
        Tensor.zeros(spec.outDtype(), outShape),
        Tensor.zeros(DType.FLOAT32, lseShape),
        spec.maxLogit() ? Tensor.zeros(DType.FLOAT32, spec.heads()) : null,
        spec.layout());
  }

  /** A forward call. */
  public ForwardCall forward(AttentionInputs inputs, AttentionResult result) {
    ForwardCall call = call(inputs, result);
    if (!spec.sequences().coversQueries()) {
      Padding.fill(Layouts.canonical(spec.layout(), result.out(), spec.heads()), spec, 0);
      Padding.fill(Layouts.canonicalLse(result.lse(), false), spec, Float.NEGATIVE_INFINITY);
    }
    return call;
  }

  private ForwardCall call(AttentionInputs inputs, AttentionResult result) {
    checkTensor("query", inputs.query(), queryShape, spec.dtype(), inputs);
    checkTensor("key", inputs.key(), keyShape, spec.dtype(), inputs);
    checkTensor("value", inputs.value(), valueShape, spec.dtype(), inputs);
    if (result.layout() != spec.layout()) {
      throw RefusedException.value(
          "result", "expected layout %s, got %s".formatted(spec.layout(), result.layout()));
    }
    checkTensor("out", result.out(), outShape, spec.outDtype(), inputs);
    checkTensor("lse", result.lse(), lseShape, DType.FLOAT32, inputs);
    checkWritable("out", result.out());
    checkWritable("lse", result.lse());
    if (spec.maxLogit() && result.maxLogit() == null) {
      throw RefusedException.value("result", "expected a maxLogit tensor, got none");
    }
    Tensor maxLogit = result.maxLogit();
    if (maxLogit != null) {
      checkTensor("maxLogit", maxLogit, new long[] {spec.heads()}, DType.FLOAT32, inputs);
    }
    return new ForwardCall(
        rows(inputs.query(), spec.heads()),
        rows(inputs.key(), spec.kvHeads()),
        rows(inputs.value(), spec.kvHeads()),
        bias(inputs.bias()),
        sink(inputs.sink()),
        dropout(inputs.dropout()),
        rows(result.out(), spec.heads()),
        Rows.of(Layouts.canonicalLse(result.lse(), spec.sequences().isRagged())),
        maxLogit == null ? null : Rows.of(maxLogit.reshape(1, spec.heads(), 1, 1)));
  }

  private void checkTensor(
      String name, Tensor tensor, long[] shape, DType dtype, AttentionInputs inputs) {
    if (!tensor.hasShape(shape)) {
      throw RefusedException.value(
          name,
          "expected shape %s, got %s (query %s, key %s, value %s, layout %s, %d heads on %d, dims %d and %d, %s)"
              .formatted(
                  Arrays.toString(shape),
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

  private @Nullable Rows bias(@Nullable Tensor bias) {
    if (bias == null) {
      return null;
    }
    if (!bias.dtype().isFloating()) {
      throw RefusedException.type("bias", "expected a floating dtype, got " + bias);
    }
    long[] full = biasShape();
    boolean fits = bias.rank() == 4;
    for (int d = 0; fits && d < 4; d++) {
      fits = bias.dim(d) == full[d] || bias.dim(d) == 1;
    }
    if (!fits) {
      throw RefusedException.value(
          "bias",
          "expected (sequences, heads, rows, keys) = %s, each or 1, got %s"
              .formatted(Arrays.toString(full), bias));
    }
    return Rows.of(bias.expand(full));
  }

  /** Sequences, heads, rows and keys of a bias that is broadcast nowhere. */
  private long[] biasShape() {
    Extent widest = problem.widest();
    return new long[] {spec.sequences().count(), spec.heads(), widest.seqlenQ(), widest.seqlenK()};
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
  public record Backward(BackwardCall call, AttentionGradients gradients) {}

  /** A backward call. */
  public Backward backward(
      AttentionInputs inputs, AttentionResult result, Tensor dout, boolean biasGradient) {
    ForwardCall forward = call(inputs, result);
    checkTensor("dout", dout, outShape, spec.outDtype(), inputs);
    Tensor dquery = Tensor.zeros(spec.dtype(), queryShape);
    Tensor dkey = Tensor.zeros(spec.dtype(), keyShape);
    Tensor dvalue = Tensor.zeros(spec.dtype(), valueShape);
    Tensor bias = inputs.bias();
    Tensor dbias = bias != null && biasGradient ? Tensor.zeros(DType.FLOAT32, bias.shape()) : null;
    float[] dsink = forward.sink() == null ? null : new float[spec.heads()];
    BackwardCall call =
        new BackwardCall(
            forward,
            rows(dout, spec.heads()),
            rows(dquery, spec.heads()),
            rows(dkey, spec.kvHeads()),
            rows(dvalue, spec.kvHeads()),
            dbias == null ? null : Rows.of(dbias.expand(biasShape())),
            dsink);
    Tensor sinkGradient = dsink == null ? null : Tensor.of(dsink, spec.heads());
    return new Backward(call, new AttentionGradients(dquery, dkey, dvalue, dbias, sinkGradient));
  }
}
