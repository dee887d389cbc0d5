package io.github.attn4j.operators;

import io.github.attn4j.DType;
import io.github.attn4j.testkit.Tolerance;
import java.util.Arrays;
import java.util.function.DoubleUnaryOperator;
import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;

/**
 * One head of attention element by element, forward and backward, sharing no code with the core:
 * {@code p = softmax(softcap(scale * q.k) + bias)} over the visible keys, {@code out = (keep *
 * p).v}.
 *
 * <p>It runs twice: in float64, which is the truth, and in float32 with probabilities and gradients
 * of scores rounded to the inputs' dtype, the plain computation whose error is the yardstick of the
 * {@linkplain Tolerance tolerance rule}. The float64 run also finds how large the terms of each
 * result are.
 */
@NullMarked
final class FlashAttnHead {
  /**
   * What a head computes from.
   *
   * @param visible by query and key
   * @param bias by query and key, or null
   * @param keep factor of each probability: 1 without dropout, else 0 or 1 / (1 - p)
   */
  record Inputs(
      double[][] q,
      double[][] k,
      double[][] v,
      boolean[][] visible,
      double @Nullable [][] bias,
      double[][] keep,
      double scale,
      double softcap,
      DType dtype) {}

  /** Results by row and column. */
  final class Pass {
    final double[][] scaled = new double[rows][keys];
    final double[][] capped = new double[rows][keys];
    final double[][] masked = new double[rows][keys];
    final double[][] p = new double[rows][keys];
    final double[] lse = new double[rows];
    final double[][] out;
    final double[][] dq;
    final double[][] dk;
    final double[][] dv;
    final double[][] dbias = new double[rows][keys];

    Pass() {
      out = new double[rows][valueDim];
      dq = new double[rows][columns(in.q)];
      dk = new double[keys][columns(in.k)];
      dv = new double[keys][valueDim];
    }
  }

  private final Inputs in;
  private final int rows;
  private final int keys;
  private final int valueDim;
  final Pass exact;
  final Pass plain;

  /** How large the terms of each result are, each times one unit of its own rounding. */
  final Pass terms;

  FlashAttnHead(Inputs in, double[][] dout) {
    this.in = in;
    rows = in.q.length;
    keys = in.k.length;
    valueDim = Math.max(columns(in.v), columns(dout));
    exact = run(dout, x -> x, x -> x);
    plain = run(dout, x -> (float) x, x -> Tolerance.round(x, in.dtype));
    terms = sizes(dout);
  }

  private static int columns(double[][] matrix) {
    return matrix.length == 0 ? 0 : matrix[0].length;
  }

  private Pass run(double[][] dout, DoubleUnaryOperator wide, DoubleUnaryOperator narrow) {
    Pass pass = new Pass();
    for (int i = 0; i < rows; i++) {
      scores(pass, i, wide);
      softmax(pass, i, wide, narrow);
      double[] dp = new double[keys];
      double delta = 0;
      for (int d = 0; d < dout[i].length; d++) {
        delta = wide.applyAsDouble(delta + dout[i][d] * pass.out[i][d]);
      }
      for (int j = 0; j < keys; j++) {
        if (in.visible[i][j]) {
          double kept = narrow.applyAsDouble(pass.p[i][j] * in.keep[i][j]);
          add(pass.dv[j], kept, dout[i], wide);
          dp[j] = wide.applyAsDouble(in.keep[i][j] * dot(dout[i], in.v[j], wide));
          double ds = narrow.applyAsDouble(pass.p[i][j] * (dp[j] - delta));
          pass.dbias[i][j] = ds;
          double dot = wide.applyAsDouble(in.scale * ds * slope(pass.capped[i][j]));
          add(pass.dq[i], dot, in.k[j], wide);
          add(pass.dk[j], dot, in.q[i], wide);
        }
      }
    }
    return pass;
  }

  private void scores(Pass pass, int i, DoubleUnaryOperator wide) {
    for (int j = 0; j < keys; j++) {
      double x = wide.applyAsDouble(in.scale * dot(in.q[i], in.k[j], wide));
      pass.scaled[i][j] = x;
      if (in.softcap > 0) {
        x = wide.applyAsDouble(in.softcap * Math.tanh(x / in.softcap));
      }
      pass.capped[i][j] = x;
      double added = in.bias == null ? 0 : in.bias[i][j];
      pass.masked[i][j] =
          in.visible[i][j] ? wide.applyAsDouble(x + added) : Double.NEGATIVE_INFINITY;
    }
  }

  private void softmax(Pass pass, int i, DoubleUnaryOperator wide, DoubleUnaryOperator narrow) {
    double most = Double.NEGATIVE_INFINITY;
    for (double score : pass.masked[i]) {
      most = Math.max(most, score);
    }
    pass.lse[i] = most;
    if (most == Double.NEGATIVE_INFINITY) {
      return;
    }
    double sum = 0;
    for (double score : pass.masked[i]) {
      sum = wide.applyAsDouble(sum + Math.exp(score - most));
    }
    pass.lse[i] = wide.applyAsDouble(most + Math.log(sum));
    for (int j = 0; j < keys; j++) {
      if (in.visible[i][j]) {
        pass.p[i][j] = narrow.applyAsDouble(Math.exp(pass.masked[i][j] - most) / sum);
        add(pass.out[i], narrow.applyAsDouble(pass.p[i][j] * in.keep[i][j]), in.v[j], wide);
      }
    }
    for (int d = 0; d < pass.out[i].length; d++) {
      pass.out[i][d] = narrow.applyAsDouble(pass.out[i][d]);
    }
  }

  private double slope(double capped) {
    return in.softcap > 0 ? 1 - (capped / in.softcap) * (capped / in.softcap) : 1;
  }

  private Pass sizes(double[][] dout) {
    Pass sizes = new Pass();
    for (int i = 0; i < rows; i++) {
      double[] unit = new double[keys];
      double[] ds = new double[keys];
      double delta = 0;
      for (int j = 0; j < keys; j++) {
        if (in.visible[i][j]) {
          double added = in.bias == null ? 0 : Math.abs(in.bias[i][j]);
          double p = exact.p[i][j] * in.keep[i][j];
          unit[j] =
              1 + Math.abs(in.scale) * dotSize(in.q[i], in.k[j]) + added + Math.abs(exact.lse[i]);
          ds[j] = in.keep[i][j] * dotSize(dout[i], in.v[j]) * unit[j];
          delta += exact.p[i][j] * ds[j];
          addSize(sizes.out[i], p * unit[j], in.v[j]);
          addSize(sizes.dv[j], p * unit[j], dout[i]);
          sizes.p[i][j] = exact.p[i][j] * unit[j];
        }
        sizes.scaled[i][j] = 1 + Math.abs(in.scale) * dotSize(in.q[i], in.k[j]);
      }
      // dout . out is found from outputs that were stored, each rounded by half a unit.
      double stored = dotSize(dout[i], exact.out[i]) * halfUnit();
      for (int j = 0; j < keys; j++) {
        if (in.visible[i][j]) {
          sizes.dbias[i][j] = exact.p[i][j] * (ds[j] + delta * unit[j] + stored);
          double dot = Math.abs(in.scale) * sizes.dbias[i][j];
          addSize(sizes.dq[i], dot, in.k[j]);
          addSize(sizes.dk[j], dot, in.q[i]);
        }
      }
    }
    return sizes;
  }

  /** Half a unit in the last place of the inputs' dtype, in units of float32. */
  private double halfUnit() {
    return switch (in.dtype) {
      case FLOAT16 -> 0x1p12;
      case BFLOAT16 -> 0x1p15;
      default -> 0.5;
    };
  }

  private static double dot(double[] a, double[] b, DoubleUnaryOperator wide) {
    double sum = 0;
    for (int d = 0; d < a.length; d++) {
      sum = wide.applyAsDouble(sum + a[d] * b[d]);
    }
    return sum;
  }

  private static double dotSize(double[] a, double[] b) {
    double sum = 0;
    for (int d = 0; d < a.length; d++) {
      sum += Math.abs(a[d] * b[d]);
    }
    return sum;
  }

  private static void add(double[] to, double factor, double[] what, DoubleUnaryOperator wide) {
    for (int d = 0; d < to.length; d++) {
      to[d] = wide.applyAsDouble(to[d] + factor * what[d]);
    }
  }

  private static void addSize(double[] to, double factor, double[] what) {
    for (int d = 0; d < to.length; d++) {
      to[d] += Math.abs(factor * what[d]);
    }
  }

  /** Factors of one: no dropout. */
  static double[][] keepAll(int rows, int keys) {
    double[][] keep = new double[rows][keys];
    for (double[] row : keep) {
      Arrays.fill(row, 1);
    }
    return keep;
  }
}
