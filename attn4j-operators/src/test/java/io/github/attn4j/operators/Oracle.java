package io.github.attn4j.operators;

import io.github.attn4j.Tensor;
import java.util.function.IntPredicate;
import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;

/**
 * Attention as the operator's document words it, in double, sharing no code with the core: query
 * (B, Sq, Hq, D), key and value (B, Sk, Hk, ...), and a rule that says which elements are visible.
 */
@NullMarked
final class Oracle {
  /** Whether query head h's row i sees key j. */
  interface Rule {
    boolean allows(int b, int h, int i, int j);

    default Rule and(Rule other) {
      return (b, h, i, j) -> allows(b, h, i, j) && other.allows(b, h, i, j);
    }
  }

  static final Rule ALL = (b, h, i, j) -> true;

  final double[] query;
  final double[] key;
  final double[] value;
  private final int batch;
  private final int seqlenQ;
  private final int seqlenK;
  private final int heads;
  private final int kvHeads;
  private final int headDim;
  private final int valueDim;
  private final Rule rule;
  double scale;
  double @Nullable [] sink;
  @Nullable IntPredicate keep;
  double p;

  Oracle(Tensor query, Tensor key, Tensor value, Rule rule) {
    this.query = doubles(query);
    this.key = doubles(key);
    this.value = doubles(value);
    this.rule = rule;
    batch = (int) query.dim(0);
    seqlenQ = (int) query.dim(1);
    seqlenK = (int) key.dim(1);
    heads = (int) query.dim(2);
    kvHeads = (int) key.dim(2);
    headDim = (int) query.dim(3);
    valueDim = (int) value.dim(3);
    scale = 1 / Math.sqrt(headDim);
  }

  static double[] doubles(Tensor tensor) {
    float[] values = tensor.toFloatArray();
    double[] wide = new double[values.length];
    for (int n = 0; n < wide.length; n++) {
      wide[n] = values[n];
    }
    return wide;
  }

  /** The table of the document: what the last dimension means under causal and not. */
  static Rule columns(Tensor indices, boolean causal, int seqlenQ, int heads) {
    int columns = (int) indices.dim(3);
    int group = heads / (int) indices.dim(1);
    return (b, h, i, j) -> {
      int[] v = new int[columns];
      for (int c = 0; c < columns; c++) {
        v[c] = (int) indices.get(b, h / group, j, c);
      }
      return switch (columns) {
        case 1 -> !(i >= v[0]);
        case 2 -> causal ? !(i >= v[0] && i < v[1]) : !(i >= v[0] && i < seqlenQ) && !(i < v[1]);
        default -> !(i >= v[0] && i < v[1]) && !(i >= v[2] && i < v[3]);
      };
    };
  }

  static Rule causal(int seqlenQ, int seqlenK) {
    return (b, h, i, j) -> j <= i + seqlenK - seqlenQ;
  }

  /** The scores' weights of one row, before dropout; the last entry is the lse. */
  private double[] row(int b, int h, int i) {
    double[] scores = new double[seqlenK + 1];
    double max = sink == null ? Double.NEGATIVE_INFINITY : sink[h];
    for (int j = 0; j < seqlenK; j++) {
      scores[j] = Double.NEGATIVE_INFINITY;
      if (rule.allows(b, h, i, j)) {
        double dot = 0;
        for (int c = 0; c < headDim; c++) {
          dot +=
              query[at(b, i, h, c, seqlenQ, heads, headDim)]
                  * key[at(b, j, h / (heads / kvHeads), c, seqlenK, kvHeads, headDim)];
        }
        scores[j] = scale * dot;
        max = Math.max(max, scores[j]);
      }
    }
    double sum = sink == null ? 0 : Math.exp(sink[h] - max);
    for (int j = 0; j < seqlenK; j++) {
      sum += scores[j] == Double.NEGATIVE_INFINITY ? 0 : Math.exp(scores[j] - max);
    }
    double lse = max == Double.NEGATIVE_INFINITY ? max : max + Math.log(sum);
    for (int j = 0; j < seqlenK; j++) {
      scores[j] = scores[j] == Double.NEGATIVE_INFINITY ? 0 : Math.exp(scores[j] - lse);
    }
    scores[seqlenK] = lse;
    return scores;
  }

  private static int at(int b, int row, int head, int c, int rows, int heads, int columns) {
    return ((b * rows + row) * heads + head) * columns + c;
  }

  /** (B, Sq, Hq, Dv). */
  double[] out() {
    double[] out = new double[batch * seqlenQ * heads * valueDim];
    for (int b = 0; b < batch; b++) {
      for (int h = 0; h < heads; h++) {
        for (int i = 0; i < seqlenQ; i++) {
          double[] weights = row(b, h, i);
          for (int j = 0; j < seqlenK; j++) {
            double weight = weights[j] * kept(b, h, i, j);
            for (int c = 0; c < valueDim; c++) {
              out[at(b, i, h, c, seqlenQ, heads, valueDim)] +=
                  weight * value[at(b, j, h / (heads / kvHeads), c, seqlenK, kvHeads, valueDim)];
            }
          }
        }
      }
    }
    return out;
  }

  private double kept(int b, int h, int i, int j) {
    if (keep == null) {
      return 1;
    }
    return keep.test(((b * heads + h) * seqlenQ + i) * seqlenK + j) ? 1 / (1 - p) : 0;
  }

  /** (B, Hq, Sq). */
  double[] lse() {
    double[] lse = new double[batch * heads * seqlenQ];
    for (int b = 0; b < batch; b++) {
      for (int h = 0; h < heads; h++) {
        for (int i = 0; i < seqlenQ; i++) {
          lse[(b * heads + h) * seqlenQ + i] = row(b, h, i)[seqlenK];
        }
      }
    }
    return lse;
  }

  /** The gradient of {@code sum(out * dout)} by one of the arrays, by central differences. */
  double[] gradient(double[] input, double[] dout) {
    double step = 1e-5;
    double[] gradient = new double[input.length];
    for (int n = 0; n < input.length; n++) {
      double kept = input[n];
      input[n] = kept + step;
      double above = loss(dout);
      input[n] = kept - step;
      gradient[n] = (above - loss(dout)) / (2 * step);
      input[n] = kept;
    }
    return gradient;
  }

  private double loss(double[] dout) {
    double[] out = out();
    double loss = 0;
    for (int n = 0; n < out.length; n++) {
      loss += out[n] * dout[n];
    }
    return loss;
  }
}
