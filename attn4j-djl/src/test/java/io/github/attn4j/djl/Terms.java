package io.github.attn4j.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * How large the terms are that results are sums of, as the testkit's rule counts them: the largest
 * sum of magnitudes, each times one plus the magnitude of what went into its exponential. Sums that
 * cancel keep the rounding of these.
 */
final class Terms {
  /** Of the output. */
  final double out;

  /** Of the lse. */
  final double lse;

  /** In the order of {@link Formula.Arrays#list}. */
  final List<Double> gradients = new ArrayList<>();

  Terms(Formula formula, Formula.Arrays arrays, NDArray dout) {
    NDArray query = magnitude(arrays.query());
    NDArray key = Formula.grouped(magnitude(arrays.key()), query);
    NDArray value = Formula.grouped(magnitude(arrays.value()), query);
    NDArray probabilities = formula.probabilities(arrays);
    NDArray exact = formula.lse(arrays);
    // A row that sees nothing is the sum of nothing.
    NDArray rows = exact.isInfinite().logicalNot().toType(DataType.FLOAT64, false);
    NDArray ofLse = exact.abs().minimum(1e30).mul(rows).expandDims(3);
    NDArray unit = query.matMul(key.swapAxes(2, 3)).mul(Math.abs(formula.scale())).add(1);
    unit = arrays.bias() == null ? unit : unit.add(magnitude(arrays.bias()));
    lse = largest(unit.add(ofLse));
    unit = unit.add(ofLse);

    NDArray doutSize = magnitude(dout);
    NDArray kept = formula.kept(probabilities).mul(unit);
    out = largest(kept.matMul(value));
    NDArray products = formula.kept(doutSize.matMul(value.swapAxes(2, 3)).mul(unit));
    NDArray delta = probabilities.mul(products).sum(new int[] {3}, true);
    NDArray scores = probabilities.mul(products.add(delta.mul(unit)));
    NDArray scaled = scores.mul(Math.abs(formula.scale()));
    gradients.add(largest(scaled.matMul(key)));
    gradients.add(largest(ungrouped(scaled.swapAxes(2, 3).matMul(query), arrays.key())));
    gradients.add(largest(ungrouped(kept.swapAxes(2, 3).matMul(doutSize), arrays.value())));
    if (arrays.bias() != null) {
      gradients.add(largest(scores.sum(broadcast(arrays.bias().getShape()), true)));
    }
    if (arrays.sink() != null) {
      // The share of the sink is what is left of one.
      NDArray share = probabilities.sum(new int[] {3}, true).sub(1).neg();
      NDArray size = ofLse.add(1).add(magnitude(arrays.sink()).reshape(1, -1, 1, 1));
      gradients.add(largest(share.mul(delta).mul(size).sum(new int[] {0, 2, 3})));
    }
  }

  private static NDArray magnitude(NDArray array) {
    return array.toType(DataType.FLOAT64, true).abs();
  }

  private static double largest(NDArray array) {
    return array.max().getDouble();
  }

  /** Summed over the heads that share one of key and value. */
  private static NDArray ungrouped(NDArray array, NDArray like) {
    Shape shape = like.getShape();
    return array
        .reshape(shape.get(0), shape.get(1), -1, shape.get(2), shape.get(3))
        .sum(new int[] {2});
  }

  private static int[] broadcast(Shape bias) {
    return IntStream.range(0, 4).filter(d -> bias.get(d) == 1).toArray();
  }
}
