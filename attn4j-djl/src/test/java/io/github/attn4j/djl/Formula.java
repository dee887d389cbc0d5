package io.github.attn4j.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.GradientCollector;
import io.github.attn4j.Extent;
import io.github.attn4j.Mask;
import org.jspecify.annotations.Nullable;

/**
 * Attention as a user of DJL writes it, in one type throughout, and its gradients by DJL's
 * autograd.
 *
 * @param type float64 for the reference; that of the call for the yardstick of its tolerance
 * @param mask which keys each query may see
 * @param scale factor of the products
 * @param keep factors of the probabilities (batch, heads, rows, keys), or null
 */
record Formula(DataType type, Mask mask, double scale, @Nullable NDArray keep) {
  /**
   * Arrays of one call and, if asked for, their gradients.
   *
   * @param bias of four dimensions, or null
   * @param sink (heads), or null
   */
  record Arrays(
      NDArray query, NDArray key, NDArray value, @Nullable NDArray bias, @Nullable NDArray sink) {
    NDList list() {
      NDList list = new NDList(query, key, value);
      if (bias != null) {
        list.add(bias);
      }
      if (sink != null) {
        list.add(sink);
      }
      return list;
    }

    /** Copies in a type. */
    Arrays to(DataType type) {
      return new Arrays(
          query.toType(type, true),
          key.toType(type, true),
          value.toType(type, true),
          bias == null ? null : bias.toType(type, true),
          sink == null ? null : sink.toType(type, true));
    }
  }

  /**
   * What the formula gives, in its type.
   *
   * @param gradients in the order of {@link Arrays#list}
   */
  record Outcome(NDArray out, NDArray lse, NDList gradients) {}

  Outcome run(Arrays arrays, NDArray dout) {
    Arrays leaves = arrays.to(type);
    leaves.list().forEach(leaf -> leaf.setRequiresGradient(true));
    NDArray lse = lse(leaves);
    try (GradientCollector collector = lse.getManager().getEngine().newGradientCollector()) {
      NDArray out = out(leaves);
      collector.backward(out.mul(dout.toType(type, false)).sum());
      NDList gradients = new NDList();
      leaves.list().forEach(leaf -> gradients.add(leaf.getGradient()));
      return new Outcome(out.stopGradient(), lse, gradients);
    }
  }

  /** Heads of key and value as often as the query has them. */
  static NDArray grouped(NDArray array, NDArray query) {
    long heads = query.getShape().get(1);
    return array.repeat(1, heads / array.getShape().get(1));
  }

  private NDArray scores(Arrays arrays) {
    NDArray key = grouped(arrays.key, arrays.query);
    NDArray scores = arrays.query.matMul(key.swapAxes(2, 3)).mul(scale);
    return arrays.bias == null ? scores : scores.add(arrays.bias);
  }

  NDArray out(Arrays arrays) {
    return kept(probabilities(arrays)).matMul(grouped(arrays.value, arrays.query));
  }

  /** (batch, heads, rows, keys); 0 throughout where a row sees nothing. */
  NDArray probabilities(Arrays arrays) {
    NDArray scores = scores(arrays);
    NDArray visible = visible(scores);
    // Finite, so that a row that sees nothing has gradients at all.
    NDArray hidden = visible.sub(1).mul(type == DataType.FLOAT16 ? 6e4 : 1e30);
    NDArray p = withSink(scores.add(hidden), arrays.sink).softmax(3);
    return p.get("..., 0:{}", scores.getShape().get(3)).mul(visible);
  }

  NDArray kept(NDArray probabilities) {
    return keep == null ? probabilities : probabilities.mul(keep.toType(type, false));
  }

  private static NDArray withSink(NDArray scores, @Nullable NDArray sink) {
    if (sink == null) {
      return scores;
    }
    Shape shape = scores.getShape();
    NDArray column = sink.reshape(1, shape.get(1), 1, 1);
    return scores.concat(
        column.broadcast(new Shape(shape.get(0), shape.get(1), shape.get(2), 1)), 3);
  }

  NDArray lse(Arrays arrays) {
    NDArray scores = scores(arrays);
    NDArray masked = withSink(scores.add(visible(scores).log()), arrays.sink);
    NDArray max = masked.max(new int[] {3}, true).maximum(-1e4);
    return masked.sub(max).exp().sum(new int[] {3}, true).log().add(max).squeeze(3);
  }

  /** 1 where the mask allows a key and 0 elsewhere, of the scores' shape. */
  private NDArray visible(NDArray scores) {
    return visible(scores.getManager(), scores.getShape(), mask).toType(type, false);
  }

  static NDArray visible(NDManager manager, Shape shape, Mask mask) {
    int heads = Math.toIntExact(shape.get(1));
    int rows = Math.toIntExact(shape.get(2));
    int keys = Math.toIntExact(shape.get(3));
    Extent extent = new Extent(rows, keys, heads);
    float[] bits = new float[Math.toIntExact(shape.size())];
    for (int at = 0; at < bits.length; at++) {
      int row = at / keys;
      boolean seen =
          mask.allows(row / rows / heads, row / rows % heads, row % rows, at % keys, extent);
      bits[at] = seen ? 1 : 0;
    }
    return manager.create(bits, shape);
  }
}
