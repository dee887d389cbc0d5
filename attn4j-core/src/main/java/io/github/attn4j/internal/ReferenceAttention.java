package io.github.attn4j.internal;

import io.github.attn4j.BiasStage;
import io.github.attn4j.Extent;
import io.github.attn4j.ScoreOptions;
import io.github.attn4j.ScoreStage;
import io.github.attn4j.Tensor;
import io.github.attn4j.spi.BackwardCall;
import io.github.attn4j.spi.DropoutBits;
import io.github.attn4j.spi.ForwardCall;
import io.github.attn4j.spi.KeyRows;
import io.github.attn4j.spi.Problem;
import io.github.attn4j.spi.Rows;
import org.jspecify.annotations.Nullable;

/**
 * Attention by the book: scalar, float64, row by row, the mask asked element by element. Clean,
 * complete, never clever; every faster version is checked against it.
 *
 * <p>For query row i of one head, with visible keys j:
 *
 * <pre>
 *   s_j = score(q_i . k_j)                  scale, bias, softcap as the options say
 *   m   = max_j s_j [or sink]
 *   l   = sum_j exp(s_j - m) [+ exp(sink - m)]
 *   p_j = exp(s_j - m) / l                  not exp(s_j - lse): a huge m swallows the ln(l) of lse
 *   lse = m + ln(l)
 *   out_i = sum_j drop(p_j) * v_j
 * </pre>
 */
final class ReferenceAttention {
  private final Problem problem;
  private final ForwardCall call;

  /** Sums over rows, kept in float64 until the end. */
  private double[] sinkSums = {};

  ReferenceAttention(Problem problem, ForwardCall call) {
    this.problem = problem;
    this.call = call;
  }

  /** The keys and values of one key/value head, as numbers. */
  private final class Head {
    final int b;
    final int kvHead;
    final double[][] keys;
    final double[][] values;

    Head(int b, int kvHead) {
      this.b = b;
      this.kvHead = kvHead;
      keys = new double[problem.extent(b).seqlenK()][];
      values = new double[keys.length][];
      for (int j = 0; j < keys.length; j++) {
        keys[j] = readKey(call.key(), b, kvHead, j, problem.headDim());
        values[j] = readKey(call.value(), b, kvHead, j, problem.valueDim());
      }
    }
  }

  /** The one read last; loops run head by head. */
  private @Nullable Head last;

  private Head head(int b, int h) {
    Head head = last;
    if (head == null || head.b != b || head.kvHead != kvHead(h)) {
      head = new Head(b, kvHead(h));
      last = head;
    }
    return head;
  }

  /**
   * One query row of one head: its scores (-inf where masked) and what the softmax made of them.
   */
  private final class Row {
    final int b;
    final int h;
    final int i;
    final Extent extent;
    final double[] scores;
    final boolean[] visible;
    double max = Double.NEGATIVE_INFINITY;
    double lse = Double.NEGATIVE_INFINITY;
    double rowMax = Double.NEGATIVE_INFINITY;
    double rowSum;

    Row(int b, int h, int i) {
      this.b = b;
      this.h = h;
      this.i = i;
      extent = problem.extent(b);
      scores = new double[extent.seqlenK()];
      visible = new boolean[extent.seqlenK()];
      double[] q = read(call.query(), b, h, queryRow(b, i), problem.headDim());
      Head head = head(b, h);
      for (int j = 0; j < scores.length; j++) {
        visible[j] = problem.mask().allows(b, h, i, j, extent);
        scores[j] = Double.NEGATIVE_INFINITY;
        if (visible[j]) {
          double[] k = head.keys[j];
          scores[j] = score(dot(q, k), bias(b, h, i, j));
          max = Double.isNaN(scores[j]) ? Double.NaN : Math.max(max, scores[j]);
        }
      }
      double most = max;
      if (call.sink() != null) {
        most = Math.max(most, call.sink()[h]);
      }
      if (most == Double.NEGATIVE_INFINITY) {
        return;
      }
      double sum = call.sink() == null ? 0 : Math.exp(call.sink()[h] - most);
      for (int j = 0; j < scores.length; j++) {
        sum += visible[j] ? Math.exp(scores[j] - most) : 0;
      }
      lse = most + Math.log(sum);
      rowMax = most;
      rowSum = sum;
    }

    /** p_j before dropout. */
    double probability(int j) {
      return visible[j] ? share(scores[j]) : 0;
    }

    /** What the softmax makes of a score. */
    double share(double score) {
      return rowMax == Double.NEGATIVE_INFINITY ? 0 : Math.exp(score - rowMax) / rowSum;
    }

    /** What dropout multiplies p_j by: 0, or 1 / (1 - p). */
    double kept(int j) {
      DropoutBits dropout = call.dropout();
      if (dropout == null) {
        return 1;
      }
      return dropout.keeps(b, h, i, j, extent) ? dropout.keptFactor() : 0;
    }
  }

  void forward() {
    double[] maxLogit = new double[problem.heads()];
    java.util.Arrays.fill(maxLogit, Double.NEGATIVE_INFINITY);
    for (int b = 0; b < problem.sequences().count(); b++) {
      for (int h = 0; h < problem.heads(); h++) {
        for (int i = 0; i < problem.extent(b).seqlenQ(); i++) {
          Row row = new Row(b, h, i);
          maxLogit[h] = Math.max(maxLogit[h], row.max);
          write(call.out(), b, h, queryRow(b, i), output(row));
          write(call.lse(), b, h, queryRow(b, i), new double[] {row.lse});
          if (call.rowMax() != null && call.rowSum() != null) {
            write(call.rowMax(), b, h, queryRow(b, i), new double[] {row.rowMax});
            write(call.rowSum(), b, h, queryRow(b, i), new double[] {row.rowSum});
          }
        }
      }
    }
    Rows target = call.maxLogit();
    for (int h = 0; target != null && h < problem.heads(); h++) {
      Elements.set(target.segment(), target.dtype(), target.at(0, h, 0), maxLogit[h]);
    }
  }

  /** Writes the scores of every sequence (sequence, head, row, key) as far as a stage. */
  void scores(ScoreStage stage, Tensor target) {
    for (int b = 0; b < problem.sequences().count(); b++) {
      Extent extent = problem.extent(b);
      for (int h = 0; h < problem.heads(); h++) {
        for (int i = 0; i < extent.seqlenQ(); i++) {
          Row row = new Row(b, h, i);
          double[] q = read(call.query(), b, h, queryRow(b, i), problem.headDim());
          for (int j = 0; j < extent.seqlenK(); j++) {
            target.set(upTo(stage, row, j, q), b, h, i, j);
          }
        }
      }
    }
  }

  private double upTo(ScoreStage stage, Row row, int j, double[] q) {
    return switch (stage) {
      case SCALED -> problem.score().scale() * dot(q, head(row.b, row.h).keys[j]);
      case CAPPED -> {
        double dot = dot(q, head(row.b, row.h).keys[j]);
        boolean late = problem.score().biasStage() == BiasStage.AFTER_SOFTCAP;
        yield score(dot, late ? 0 : bias(row.b, row.h, row.i, j));
      }
      case MASKED -> row.scores[j];
      case PROBABILITIES -> row.probability(j);
    };
  }

  private double[] output(Row row) {
    double[] out = new double[problem.valueDim()];
    for (int j = 0; j < row.scores.length; j++) {
      if (row.visible[j]) {
        double[] v = head(row.b, row.h).values[j];
        addScaled(out, row.probability(j) * row.kept(j), v);
      }
    }
    return out;
  }

  /**
   * With dp_j = drop(dout . v_j) and delta = sum_j p_j dp_j, the gradient of a score is ds_j = p_j
   * (dp_j - delta); it flows on through softcap and scale to q_i, k_j and the bias. The sink is a
   * key without value: its dp is 0.
   */
  void backward(BackwardCall gradients) {
    int kvHeads = problem.kvHeads();
    sinkSums = new double[problem.heads()];
    for (int b = 0; b < problem.sequences().count(); b++) {
      Extent extent = problem.extent(b);
      double[][] dk = new double[kvHeads * extent.seqlenK()][problem.headDim()];
      double[][] dv = new double[kvHeads * extent.seqlenK()][problem.valueDim()];
      for (int h = 0; h < problem.heads(); h++) {
        int first = kvHead(h) * extent.seqlenK();
        for (int i = 0; i < extent.seqlenQ(); i++) {
          backwardRow(gradients, new Row(b, h, i), dk, dv, first);
        }
      }
      for (int kv = 0; kv < kvHeads; kv++) {
        for (int j = 0; j < extent.seqlenK(); j++) {
          write(gradients.dkey(), b, kv, keyRow(b, j), dk[kv * extent.seqlenK() + j]);
          write(gradients.dvalue(), b, kv, keyRow(b, j), dv[kv * extent.seqlenK() + j]);
        }
      }
    }
    float[] dsink = gradients.dsink();
    for (int h = 0; dsink != null && h < dsink.length; h++) {
      dsink[h] = (float) sinkSums[h];
    }
  }

  private void backwardRow(
      BackwardCall gradients, Row row, double[][] dk, double[][] dv, int first) {
    double[] q = read(call.query(), row.b, row.h, queryRow(row.b, row.i), problem.headDim());
    double[] dout =
        read(gradients.dout(), row.b, row.h, queryRow(row.b, row.i), problem.valueDim());
    double[] dq = new double[problem.headDim()];
    double[] dp = new double[row.scores.length];
    double delta = 0;
    for (int j = 0; j < dp.length; j++) {
      if (row.visible[j]) {
        double[] v = head(row.b, row.h).values[j];
        dp[j] = dot(dout, v) * row.kept(j);
        delta += row.probability(j) * dp[j];
        addScaled(dv[first + j], row.probability(j) * row.kept(j), dout);
      }
    }
    for (int j = 0; j < dp.length; j++) {
      if (row.visible[j]) {
        double[] k = head(row.b, row.h).keys[j];
        double ds = row.probability(j) * (dp[j] - delta);
        double bias = bias(row.b, row.h, row.i, j);
        double dot = ds * slope(dot(q, k), bias);
        addScaled(dq, dot, k);
        addScaled(dk[first + j], dot, q);
        if (gradients.dbias() != null) {
          double[] amount = {ds * biasSlope(dot(q, k), bias)};
          gradients.dbias().add(row.b, row.h, row.i, j, 1, amount);
        }
      }
    }
    write(gradients.dquery(), row.b, row.h, queryRow(row.b, row.i), dq);
    float[] sink = call.sink();
    // A sink of negative infinity takes no share, not even of a row that sees nothing.
    if (sink != null && sink[row.h] != Float.NEGATIVE_INFINITY) {
      sinkSums[row.h] -= row.share(sink[row.h]) * delta;
    }
  }

  private double score(double dot, double bias) {
    ScoreOptions options = problem.score();
    double x = options.scale() * dot;
    switch (options.biasStage()) {
      case BEFORE_SCALE -> x += options.scale() * bias;
      case AFTER_SCALE -> x += bias;
      case AFTER_SOFTCAP -> {}
    }
    if (options.softcap() > 0) {
      x = options.softcap() * Math.tanh(x / options.softcap());
    }
    return options.biasStage() == BiasStage.AFTER_SOFTCAP ? x + bias : x;
  }

  /** Derivative of the score by what goes into the softcap. */
  private double softcapSlope(double dot, double bias) {
    ScoreOptions options = problem.score();
    if (options.softcap() == 0) {
      return 1;
    }
    double capped = score(dot, bias);
    if (options.biasStage() == BiasStage.AFTER_SOFTCAP) {
      capped -= bias;
    }
    double t = capped / options.softcap();
    return 1 - t * t;
  }

  /** Derivative of the score by q.k. */
  private double slope(double dot, double bias) {
    return problem.score().scale() * softcapSlope(dot, bias);
  }

  /** Derivative of the score by the bias. */
  private double biasSlope(double dot, double bias) {
    return switch (problem.score().biasStage()) {
      case BEFORE_SCALE -> slope(dot, bias);
      case AFTER_SCALE -> softcapSlope(dot, bias);
      case AFTER_SOFTCAP -> 1;
    };
  }

  private double bias(int b, int h, int i, int j) {
    return call.bias() == null ? 0 : call.bias().get(b, h, i, j);
  }

  private int kvHead(int h) {
    return h / problem.group();
  }

  private long queryRow(int b, int i) {
    return problem.sequences().startQ(b) + i;
  }

  private long keyRow(int b, int j) {
    return problem.sequences().startK(b) + j;
  }

  private double[] read(Rows rows, int b, int head, long row, int columns) {
    double[] values = new double[columns];
    long at = rows.at(problem.sequences().entry(b), head, row);
    for (int c = 0; c < columns; c++) {
      values[c] = Elements.get(rows.segment(), rows.dtype(), at + c * rows.columnStride());
    }
    return values;
  }

  /** A row of key or value, as numbers. */
  private double[] readKey(KeyRows keys, int b, int head, int j, int columns) {
    long entry = keys.entry(problem.sequences(), b, j);
    return KeyStorage.read(keys, entry, head, keys.row(problem.sequences(), b, j), columns);
  }

  private void write(Rows rows, int b, int head, long row, double[] values) {
    long at = rows.at(problem.sequences().entry(b), head, row);
    for (int c = 0; c < values.length; c++) {
      Elements.set(rows.segment(), rows.dtype(), at + c * rows.columnStride(), values[c]);
    }
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int c = 0; c < a.length; c++) {
      sum += a[c] * b[c];
    }
    return sum;
  }

  private static void addScaled(double[] target, double factor, double[] source) {
    for (int c = 0; c < target.length; c++) {
      target[c] += factor * source[c];
    }
  }
}
