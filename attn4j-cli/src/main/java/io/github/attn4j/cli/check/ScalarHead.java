package io.github.attn4j.cli.check;

import io.github.attn4j.BiasStage;
import io.github.attn4j.Extent;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** One query head of one sequence of a {@link ScalarAttention}. */
final class ScalarHead {
  private final ScalarAttention call;
  private final ScalarScore score;
  private final Extent extent;
  private final int b;
  private final int h;
  private final Lines q;
  private final Lines k;
  private final Lines v;
  private final @Nullable Lines dout;

  ScalarHead(ScalarAttention call, int b, int h, Lines q, Lines k, Lines v, @Nullable Lines dout) {
    this.call = call;
    this.score = new ScalarScore(call.spec.score(), call.arithmetic);
    this.extent =
        new Extent(
            call.spec.sequences().lengthQ(b), call.spec.sequences().lengthK(b), call.spec.heads());
    this.b = b;
    this.h = h;
    this.q = q;
    this.k = k;
    this.v = v;
    this.dout = dout;
  }

  Arithmetic arithmetic() {
    return call.arithmetic;
  }

  Extent extent() {
    return extent;
  }

  int headDim() {
    return q.columns();
  }

  int valueDim() {
    return v.columns();
  }

  double scale() {
    return call.spec.score().scale();
  }

  double sinkGradient(ScalarRow.Summary row) {
    double share = call.arithmetic.accumulator(Math.exp(sink() - row.lse()));
    return -share * row.delta();
  }

  /** Terms of {@link #sinkGradient}. */
  double sinkTerms(ScalarRow.Summary row) {
    double unit = 1 + Math.abs(sink()) + Math.abs(row.lse());
    return Math.exp(sink() - row.lse()) * row.terms() * unit;
  }

  /** How many units of float32 an output is rounded by, for one of its own. */
  double unitOfOutput() {
    return Arithmetic.ulp(call.spec.outDtype(), 1) / Math.ulp(1f);
  }

  /** What the gradient of a score is multiplied by at most to be that of the bias. */
  double biasFactor() {
    return call.spec.score().biasStage() == BiasStage.BEFORE_SCALE ? Math.abs(scale()) : 1;
  }

  Lines k() {
    return k;
  }

  Lines v() {
    return v;
  }

  @Nullable Lines dout() {
    return dout;
  }

  /** The logit of the sink, negative infinity without one. */
  double sink() {
    return call.sink(h);
  }

  boolean visible(int i, int j) {
    return call.spec.mask().allows(b, h, i, j, extent);
  }

  private double dot(int i, int j) {
    return call.arithmetic.dot(q, i, k, j);
  }

  private double bias(int i, int j) {
    return call.bias == null ? 0 : call.bias.value(b, h, i, j);
  }

  double score(int i, int j) {
    return score.score(dot(i, j), bias(i, j));
  }

  double scaled(int i, int j) {
    return score.scaled(dot(i, j));
  }

  double capped(int i, int j) {
    return score.capped(dot(i, j), bias(i, j));
  }

  double kept(int i, int j) {
    return call.kept(b, h, i, j);
  }

  /** What one unit of rounding does to the exponential of a score. */
  double unit(int i, int j) {
    return score.unit(q.norms()[i], k.norms()[j], bias(i, j));
  }

  /** Terms of the gradient of a probability, 0 without dout. */
  double dpTerms(int i, int j, double unit) {
    return dout == null ? 0 : dout.norms()[i] * v.norms()[j] * kept(i, j) * unit;
  }

  /**
   * The gradient of one score.
   *
   * @param share the probability after dropout
   * @param dot as it reaches scale times q.k
   * @param bias as it reaches the bias
   * @param unit what one unit of rounding does to the probability
   * @param terms of dot without the scale, see {@link ScalarAttention.Values#terms}
   */
  record Gradient(double share, double dot, double bias, double unit, double terms) {}

  /** As a backward finds it, from the lse that was stored. */
  Gradient gradient(ScalarRow.Summary row, int j) {
    Arithmetic arithmetic = call.arithmetic;
    Lines gradient = Objects.requireNonNull(dout);
    int i = row.i();
    double qk = dot(i, j);
    double added = bias(i, j);
    double kept = kept(i, j);
    double probability =
        arithmetic.store(Math.exp(arithmetic.accumulator(score.score(qk, added) - row.lse())));
    double dp = arithmetic.store(arithmetic.dot(gradient, i, v, j) * kept);
    double ds = probability * arithmetic.accumulator(dp - row.delta());
    double unit = arithmetic.rounds() ? unit(i, j) + Math.abs(row.lse()) : 0;
    double terms = probability * (dpTerms(i, j, unit) + row.terms() + Math.abs(row.delta()) * unit);
    return new Gradient(
        arithmetic.store(probability * kept),
        arithmetic.store(ds * score.slope(qk, added)),
        arithmetic.store(ds * score.biasSlope(qk, added)),
        unit,
        terms);
  }

  /** The gradients of one key while they are summed. */
  static final class Key {
    final int j;
    private final double[] dkey;
    private final double[] dvalue;
    private final double[] dkeyTerms;
    private final double[] dvalueTerms;

    Key(int j, int headDim, int valueDim) {
      this.j = j;
      dkey = new double[headDim];
      dvalue = new double[valueDim];
      dkeyTerms = new double[headDim];
      dvalueTerms = new double[valueDim];
    }

    ScalarAttention.Values values(Quantity quantity, Arithmetic arithmetic) {
      double[] sums = quantity == Quantity.DKEY ? dkey : dvalue;
      double[] terms = quantity == Quantity.DKEY ? dkeyTerms : dvalueTerms;
      return new ScalarAttention.Values(
          Arrays.stream(sums).map(arithmetic::store).toArray(), ScalarRow.largest(terms));
    }
  }

  /** Adds what the rows of this head say about one key. */
  void addTo(Key key, List<ScalarRow.Summary> rows) {
    double[] dk = new double[key.dkey.length];
    Lines gradient = Objects.requireNonNull(dout);
    for (ScalarRow.Summary row : rows) {
      int i = row.i();
      if (visible(i, key.j) && row.lse() != Double.NEGATIVE_INFINITY) {
        Gradient of = gradient(row, key.j);
        call.arithmetic.addScaled(key.dvalue, of.share(), gradient, i);
        call.arithmetic.addScaled(dk, of.dot(), q, i);
        gradient.addMagnitudes(key.dvalueTerms, of.share() * of.unit(), i);
        q.addMagnitudes(key.dkeyTerms, scale() * of.terms(), i);
      }
    }
    Arrays.setAll(key.dkey, c -> call.arithmetic.accumulator(key.dkey[c] + dk[c] * scale()));
  }
}
