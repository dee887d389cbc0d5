package io.github.attn4j.cli;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import java.util.Arrays;

/**
 * What an operator's call should return, in float64 from the formula alone: canonical tensors
 * (batch, heads, rows, columns), scores as the test gives them.
 */
final class Oracle {
  /** What joins a score, or a truth value of it as 0 or other. */
  interface PerScore {
    double at(int b, int h, int i, int j);
  }

  private final Tensor q;
  private final Tensor k;
  private final Tensor v;
  double scale = 1;
  double softcap;
  PerScore visible = (b, h, i, j) -> 1;
  PerScore added = (b, h, i, j) -> 0;
  PerScore kept = (b, h, i, j) -> 1;
  final double[] sink;
  final Tensor out;
  final Tensor max;
  final Tensor sum;
  final Tensor lse;
  final Tensor scaled;
  final Tensor probabilities;
  final Tensor dq;
  final Tensor dk;
  final Tensor dv;

  /** Gradient of what is added to each score. */
  final Tensor dadded;

  final double[] dsink;

  Oracle(Tensor q, Tensor k, Tensor v) {
    this.q = q;
    this.k = k;
    this.v = v;
    long[] rows = {q.dim(0), q.dim(1), q.dim(2)};
    out = zeros(rows[0], rows[1], rows[2], v.dim(3));
    max = zeros(rows);
    sum = zeros(rows);
    lse = zeros(rows);
    scaled = zeros(rows[0], rows[1], rows[2], k.dim(2));
    probabilities = zeros(scaled.shape());
    dadded = zeros(scaled.shape());
    dq = zeros(q.shape());
    dk = zeros(k.shape());
    dv = zeros(v.shape());
    sink = new double[(int) q.dim(1)];
    Arrays.fill(sink, Double.NEGATIVE_INFINITY);
    dsink = new double[sink.length];
  }

  private static Tensor zeros(long... shape) {
    return Tensor.zeros(DType.FLOAT32, shape);
  }

  /** Computes the results and, for a gradient of the output, the gradients. */
  void run(Tensor dout) {
    double[][][][] sumsK =
        new double[(int) k.dim(0)][(int) k.dim(1)][(int) k.dim(2)][(int) k.dim(3)];
    double[][][][] sumsV =
        new double[(int) v.dim(0)][(int) v.dim(1)][(int) v.dim(2)][(int) v.dim(3)];
    for (int b = 0; b < q.dim(0); b++) {
      for (int h = 0; h < q.dim(1); h++) {
        int kv = (int) (h / (q.dim(1) / k.dim(1)));
        for (int i = 0; i < q.dim(2); i++) {
          row(b, h, i, dout, sumsK[b][kv], sumsV[b][kv]);
        }
      }
    }
    write(sumsK, dk);
    write(sumsV, dv);
  }

  private static void write(double[][][][] sums, Tensor to) {
    for (int b = 0; b < sums.length; b++) {
      for (int h = 0; h < sums[b].length; h++) {
        for (int j = 0; j < sums[b][h].length; j++) {
          for (int c = 0; c < sums[b][h][j].length; c++) {
            to.set(sums[b][h][j][c], b, h, j, c);
          }
        }
      }
    }
  }

  private static double dot(Tensor x, long[] rowX, Tensor y, long[] rowY) {
    double sum = 0;
    for (int c = 0; c < x.dim(3); c++) {
      sum += x.get(rowX[0], rowX[1], rowX[2], c) * y.get(rowY[0], rowY[1], rowY[2], c);
    }
    return sum;
  }

  private void row(int b, int h, int i, Tensor dout, double[][] sumsK, double[][] sumsV) {
    int keys = (int) k.dim(2);
    long kv = h / (q.dim(1) / k.dim(1));
    long[] own = {b, h, i};
    double[] score = new double[keys];
    double[] slope = new double[keys];
    double most = sink[h];
    for (int j = 0; j < keys; j++) {
      double x = scale * dot(q, own, k, new long[] {b, kv, j});
      scaled.set(x, b, h, i, j);
      double t = softcap == 0 ? 0 : Math.tanh(x / softcap);
      slope[j] = 1 - t * t;
      score[j] =
          visible.at(b, h, i, j) == 0
              ? Double.NEGATIVE_INFINITY
              : (softcap == 0 ? x : softcap * t) + added.at(b, h, i, j);
      most = Math.max(most, score[j]);
    }
    double total = Math.exp(sink[h] - most);
    for (int j = 0; j < keys; j++) {
      total += Math.exp(score[j] - most);
    }
    boolean empty = most == Double.NEGATIVE_INFINITY;
    max.set(empty ? -Float.MAX_VALUE : most, own);
    sum.set(empty ? Float.MAX_VALUE : total, own);
    lse.set(empty ? most : most + Math.log(total), own);
    if (empty) {
      return;
    }
    double[] outs = new double[(int) v.dim(3)];
    double[] dqs = new double[(int) q.dim(3)];
    double[] p = new double[keys];
    double[] dp = new double[keys];
    double delta = 0;
    for (int j = 0; j < keys; j++) {
      p[j] = Math.exp(score[j] - most) / total;
      probabilities.set(p[j], b, h, i, j);
      double share = p[j] * kept.at(b, h, i, j);
      for (int c = 0; c < v.dim(3); c++) {
        outs[c] += share * v.get(b, kv, j, c);
        sumsV[j][c] += share * dout.get(b, h, i, c);
      }
      dp[j] = kept.at(b, h, i, j) * dot(dout, own, v, new long[] {b, kv, j});
      delta += p[j] * dp[j];
    }
    for (int j = 0; j < keys; j++) {
      double ds = p[j] * (dp[j] - delta);
      dadded.set(ds, b, h, i, j);
      for (int c = 0; c < q.dim(3); c++) {
        double factor = ds * slope[j] * scale;
        dqs[c] += factor * k.get(b, kv, j, c);
        sumsK[j][c] += factor * q.get(b, h, i, c);
      }
    }
    set(out, outs, own);
    set(dq, dqs, own);
    dsink[h] -= Math.exp(sink[h] - most) / total * delta;
  }

  private static void set(Tensor tensor, double[] row, long[] at) {
    for (int c = 0; c < row.length; c++) {
      tensor.set(row[c], at[0], at[1], at[2], c);
    }
  }
}
