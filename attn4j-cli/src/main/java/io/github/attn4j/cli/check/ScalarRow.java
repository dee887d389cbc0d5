package io.github.attn4j.cli.check;

import io.github.attn4j.cli.check.ScalarAttention.Values;
import java.util.Arrays;
import java.util.function.IntToDoubleFunction;

/** One query row of a {@link ScalarHead}, from its scores to its output. */
final class ScalarRow {
  private final ScalarHead head;
  private final Arithmetic arithmetic;
  private final int i;
  private final boolean[] visible;
  private final double[] scores;
  private final double[] exponentials;
  private final double max;
  private final double sum;
  private final double lse;
  private final double[] out;
  private final double[] outTerms;
  private double lseTerms;
  private double sumTerms;
  private double delta;
  private double deltaTerms;

  /**
   * What the gradients of keys, bias and sinks need of a row.
   *
   * @param i which row
   * @param lse the logarithm of its sum
   * @param delta dout.out
   * @param terms of delta, see {@link Values#terms}
   */
  record Summary(int i, double lse, double delta, double terms) {}

  ScalarRow(ScalarHead head, int i) {
    this.head = head;
    this.arithmetic = head.arithmetic();
    this.i = i;
    int keys = head.extent().seqlenK();
    visible = new boolean[keys];
    scores = new double[keys];
    exponentials = new double[keys];
    out = new double[head.valueDim()];
    outTerms = new double[head.valueDim()];
    double most = head.sink();
    for (int j = 0; j < keys; j++) {
      visible[j] = head.visible(i, j);
      scores[j] = visible[j] ? head.score(i, j) : Double.NEGATIVE_INFINITY;
      // Math.max keeps a NaN.
      most = Math.max(most, scores[j]);
    }
    max = most;
    if (max == Double.NEGATIVE_INFINITY) {
      sum = 0;
      lse = max;
      return;
    }
    double total = exponential(head.sink());
    for (int j = 0; j < keys; j++) {
      exponentials[j] = exponential(scores[j]);
      total = arithmetic.accumulator(total + exponentials[j]);
    }
    sum = total;
    lse = arithmetic.accumulator(max + arithmetic.accumulator(Math.log(sum)));
    output();
  }

  private double exponential(double score) {
    return arithmetic.accumulator(Math.exp(arithmetic.accumulator(score - max)));
  }

  /** The probability of a key before dropout. */
  private double probability(int j) {
    return visible[j] ? arithmetic.store(exponentials[j] / sum) : 0;
  }

  private void output() {
    for (int j = 0; j < visible.length; j++) {
      if (visible[j]) {
        double kept = head.kept(i, j);
        double probability = probability(j);
        arithmetic.addScaled(out, arithmetic.store(probability * kept), head.v(), j);
        if (arithmetic.rounds()) {
          double unit = head.unit(i, j);
          lseTerms = Math.max(lseTerms, unit);
          sumTerms += exponentials[j] * (unit + Math.abs(max));
          deltaTerms += probability * head.dpTerms(i, j, unit + Math.abs(lse));
          head.v().addMagnitudes(outTerms, probability * kept * unit, j);
        }
      }
    }
    Arrays.setAll(out, c -> arithmetic.store(out[c]));
    Lines dout = head.dout();
    if (dout != null) {
      delta(dout);
    }
  }

  /** dout.out, of outputs that have been rounded: plain programs by chance less than others. */
  private void delta(Lines dout) {
    double squares = 0;
    for (int c = 0; c < out.length; c++) {
      double term = arithmetic.accumulator(dout.at(i, c) * out[c]);
      delta = arithmetic.accumulator(delta + term);
      squares += term * term;
    }
    deltaTerms += Math.sqrt(squares) * head.unitOfOutput();
  }

  Summary summary() {
    return new Summary(i, lse, delta, deltaTerms);
  }

  /** One quantity of this row. */
  Values values(Quantity quantity) {
    return switch (quantity) {
      case OUT -> new Values(out, largest(outTerms));
      case LSE -> one(lse, lseTerms + Math.abs(lse));
      case ROW_MAX -> one(max, lseTerms);
      case ROW_SUM -> one(sum, sumTerms);
      case SCALED -> matrix(j -> head.scaled(i, j));
      case CAPPED -> matrix(j -> head.capped(i, j));
      case MASKED -> matrix(j -> scores[j]);
      case PROBABILITIES -> probabilities();
      case DQUERY -> dquery();
      case DKEY, DVALUE, DBIAS, DSINK ->
          throw new IllegalArgumentException(quantity + " is not of a row");
    };
  }

  private static Values one(double value, double terms) {
    return new Values(new double[] {value}, terms);
  }

  private Values matrix(IntToDoubleFunction value) {
    double[] values = new double[scores.length];
    double terms = 0;
    for (int j = 0; j < values.length; j++) {
      values[j] = value.applyAsDouble(j);
      terms = finiteMax(terms, head.unit(i, j));
    }
    return new Values(values, terms);
  }

  private Values probabilities() {
    double[] values = new double[scores.length];
    double terms = 0;
    for (int j = 0; j < values.length; j++) {
      values[j] = probability(j);
      terms = finiteMax(terms, values[j] * (head.unit(i, j) + Math.abs(max)));
    }
    return new Values(values, terms);
  }

  private static double finiteMax(double a, double b) {
    return Double.isFinite(b) ? Math.max(a, b) : a;
  }

  /** With dp_j = dout.v_j and delta = dout.out, a score's gradient is p_j (dp_j - delta). */
  private Values dquery() {
    double[] gradient = new double[head.headDim()];
    double[] terms = new double[head.headDim()];
    Summary summary = summary();
    for (int j = 0; j < scores.length; j++) {
      if (visible[j] && lse != Double.NEGATIVE_INFINITY) {
        ScalarHead.Gradient of = head.gradient(summary, j);
        arithmetic.addScaled(gradient, of.dot(), head.k(), j);
        head.k().addMagnitudes(terms, head.scale() * of.terms(), j);
      }
    }
    Arrays.setAll(gradient, c -> arithmetic.store(gradient[c] * head.scale()));
    return new Values(gradient, largest(terms));
  }

  static double largest(double[] terms) {
    return Arrays.stream(terms).filter(Double::isFinite).max().orElse(0);
  }
}
