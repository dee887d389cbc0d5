package io.github.attn4j.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.attn4j.AttentionPlan;
import io.github.attn4j.AttentionSpec;
import io.github.attn4j.DType;
import io.github.attn4j.Dropout;
import io.github.attn4j.Mask;
import io.github.attn4j.Tensor;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/** A problem of two sequences, changed from a plain one step by step. */
final class DjlCase {
  static final int BATCH = 2;
  static final int DIM = 32;

  final String name;
  final Mask mask;
  int heads = 2;
  int kvHeads = 2;
  int rows = 70;
  int keys = 70;
  int valueDim = DIM;
  DataType type = DataType.FLOAT32;
  private @Nullable Shape bias;
  private boolean sink;
  private double dropout;
  private double scale = 1 / Math.sqrt(DIM);
  private boolean transposed;

  DjlCase(String name, Mask mask) {
    this.name = name;
    this.mask = mask;
  }

  DjlCase heads(int query, int keyValue) {
    heads = query;
    kvHeads = keyValue;
    return this;
  }

  DjlCase lengths(int query, int key) {
    rows = query;
    keys = key;
    return this;
  }

  DjlCase valueDim(int columns) {
    valueDim = columns;
    return this;
  }

  DjlCase type(DataType other) {
    type = other;
    return this;
  }

  DjlCase bias(long... shape) {
    bias = new Shape(shape);
    return this;
  }

  DjlCase sink() {
    sink = true;
    return this;
  }

  DjlCase scale(double factor) {
    scale = factor;
    return this;
  }

  DjlCase dropout(double p) {
    dropout = p;
    return this;
  }

  DjlCase transposed() {
    transposed = true;
    return this;
  }

  AttentionSpec spec() {
    return AttentionSpec.builder()
        .padded(BATCH, rows, keys)
        .heads(heads, kvHeads)
        .dims(DIM, valueDim)
        .dtype(dtype())
        .mask(mask)
        .scale(scale)
        .threads(1)
        .build();
  }

  DType dtype() {
    return type == DataType.FLOAT16 ? DType.FLOAT16 : DType.FLOAT32;
  }

  /** The same call in DJL's operators. */
  Formula formula(DataType arithmetic, @Nullable NDArray keep) {
    return new Formula(arithmetic, mask, scale, keep);
  }

  Formula.Arrays arrays(NDManager manager) {
    return new Formula.Arrays(
        rows(manager, 1, heads, rows, DIM),
        rows(manager, 2, kvHeads, keys, DIM),
        rows(manager, 3, kvHeads, keys, valueDim),
        bias == null ? null : normal(manager, 4, bias),
        sink ? normal(manager, 5, new Shape(heads)) : null);
  }

  NDArray dout(NDManager manager) {
    return rows(manager, 6, heads, rows, valueDim);
  }

  @Nullable Dropout options() {
    return dropout == 0 ? null : Dropout.of(dropout, 7, 3);
  }

  /** What dropout multiplies the probabilities by. */
  @Nullable NDArray keep(NDManager manager, AttentionPlan plan) {
    Dropout options = options();
    if (options == null) {
      return null;
    }
    Tensor bits = plan.dropoutMask(options);
    Shape shape = new Shape(BATCH, heads, rows, keys);
    float[] factors = new float[Math.toIntExact(shape.size())];
    for (int at = 0; at < factors.length; at++) {
      boolean kept = ((int) bits.get(at >> 3) >> (at & 7) & 1) != 0;
      factors[at] = kept ? (float) (1 / (1 - dropout)) : 0;
    }
    return manager.create(factors, shape);
  }

  /** (batch, heads, rows, columns), which lie so or as (batch, rows, heads, columns). */
  private NDArray rows(NDManager manager, long seed, int count, int length, int columns) {
    return transposed
        ? normal(manager, seed, new Shape(BATCH, length, count, columns)).swapAxes(1, 2)
        : normal(manager, seed, new Shape(BATCH, count, length, columns));
  }

  private NDArray normal(NDManager manager, long seed, Shape shape) {
    Random random = new Random(seed);
    float[] numbers = new float[Math.toIntExact(shape.size())];
    for (int at = 0; at < numbers.length; at++) {
      numbers[at] = (float) random.nextGaussian();
    }
    return manager.create(numbers, shape).toType(type, false);
  }

  @Override
  public String toString() {
    return name;
  }
}
