package io.github.attn4j.cli;

import io.github.attn4j.Attention;
import io.github.attn4j.AttentionGradients;
import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionPlan;
import io.github.attn4j.AttentionResult;
import io.github.attn4j.AttentionSpec;
import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import java.util.SplittableRandom;

/** A plan with tensors of normal random numbers to run it on. */
final class Workload {
  /** FLOPs of a visible element and column: two products of two operations each. */
  private static final double FORWARD_FLOPS = 4;

  /** The backward has five products to the forward's two. */
  static final double BACKWARD = 2.5;

  private final AttentionPlan plan;
  private final AttentionInputs inputs;
  private final Tensor dout;
  private final AttentionResult result;

  Workload(AttentionSpec spec, long seed) {
    plan = Attention.plan(spec);
    SplittableRandom random = new SplittableRandom(seed);
    int batch = spec.sequences().count();
    long q = spec.sequences().extentQ();
    long k = spec.sequences().extentK();
    Tensor query = normal(random, spec.dtype(), batch, spec.heads(), q, spec.headDim());
    Tensor key = normal(random, spec.dtype(), batch, spec.kvHeads(), k, spec.headDim());
    Tensor value = normal(random, spec.dtype(), batch, spec.kvHeads(), k, spec.valueDim());
    inputs = AttentionInputs.of(query, key, value);
    dout = normal(random, spec.dtype(), batch, spec.heads(), q, spec.valueDim());
    result = plan.forward(inputs);
  }

  /** How many elements a tensor has. */
  static int elements(long... shape) {
    long elements = 1;
    for (long extent : shape) {
      elements = Math.multiplyExact(elements, extent);
    }
    return Math.toIntExact(elements);
  }

  /** A tensor of normal random numbers. */
  static Tensor normal(SplittableRandom random, DType dtype, long... shape) {
    float[] values = new float[elements(shape)];
    for (int n = 0; n < values.length; n++) {
      values[n] = (float) random.nextGaussian();
    }
    Tensor tensor = Tensor.of(values, shape);
    return dtype == DType.FLOAT32 ? tensor : tensor.to(dtype);
  }

  AttentionPlan plan() {
    return plan;
  }

  AttentionInputs inputs() {
    return inputs;
  }

  Tensor dout() {
    return dout;
  }

  /** What the last forward wrote. */
  AttentionResult result() {
    return result;
  }

  void forward() {
    plan.forward(inputs, result);
  }

  AttentionGradients backward() {
    return plan.backward(inputs, result, dout);
  }

  /** 10^9 operations of a forward, counting what is visible only. */
  double forwardGflop() {
    double columns = (plan.spec().headDim() + plan.spec().valueDim()) / 2.0;
    return FORWARD_FLOPS * columns * plan.tiles().visibleElements() * 1e-9;
  }
}
