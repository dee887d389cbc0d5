package io.github.attn4j.operators;

import io.github.attn4j.DType;
import io.github.attn4j.Quantization;
import io.github.attn4j.Tensor;
import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;

/**
 * incre_flash_attention as its documents word it: element by element, in double, sharing no code
 * with the operator or the core. Results stand as (B, N, Sq, D) and (B, N, Sq).
 */
@NullMarked
final class IncreOracle {
  private static final double HIDDEN = -1e12;

  private final IncreCase c;
  final double[] out;
  final double[] lse;

  /** What one unit of float32 in every term may do to an element, to first order. */
  final double[] outTerms;

  final double[] lseTerms;

  IncreOracle(IncreCase c) {
    this.c = c;
    int rows = c.batch * c.heads * c.seqlenQ;
    out = new double[rows * c.headDim];
    outTerms = new double[out.length];
    lse = new double[rows];
    lseTerms = new double[rows];
    for (int b = 0; b < c.batch; b++) {
      for (int n = 0; n < c.heads; n++) {
        for (int i = 0; i < c.seqlenQ; i++) {
          row(b, n, i, (b * c.heads + n) * c.seqlenQ + i);
        }
      }
    }
  }

  /** One number of a tensor in a layout; three dimensions are always (entry, row, H). */
  static double at(IncreCase c, Tensor tensor, int columns, long entry, int head, long row, int d) {
    if (tensor.rank() == 3) {
      return tensor.get(entry, row, (long) head * columns + d);
    }
    return c.layout.equals("BNSD")
        ? tensor.get(entry, head, row, d)
        : tensor.get(entry, row, head, d);
  }

  private int cacheRows(int b) {
    if (c.table != null || c.key.size() == 1) {
      return c.rows;
    }
    return (int) c.key.get(b).dim(c.layout.equals("BNSD") ? 2 : 1);
  }

  private long length(int b) {
    return c.lengths == null ? cacheRows(b) : c.lengths[c.lengths.length == 1 ? 0 : b];
  }

  /** First row of the window; below 0 there is no window. */
  private long start(int b) {
    if (c.padding == null || c.lengths == null) {
      return 0;
    }
    return cacheRows(b) - Math.max(c.padding, 0) - length(b);
  }

  private double number(
      boolean ofKey, Tensor tensor, long entry, int head, long row, int d, long ruleEntry) {
    Quantization rule = ofKey ? c.keyRule : c.valueRule;
    if (tensor.dtype() != DType.INT8) {
      return at(c, tensor, c.headDim, entry, head, row, d);
    }
    if (rule == null) {
      double offset = c.antiquantOffset == null ? 0 : combined(c.antiquantOffset, ofKey, head, d);
      double integer = at(c, tensor, c.headDim, entry, head, row, d);
      return (integer + offset)
          * combined(java.util.Objects.requireNonNull(c.antiquantScale), ofKey, head, d);
    }
    double integer;
    if (rule.bits() == 4) {
      int pair = (int) at(c, tensor, (c.headDim + 1) / 2, entry, head, row, d / 2);
      int nibble = d % 2 == 0 ? pair & 15 : (pair >> 4) & 15;
      integer = nibble >= 8 ? nibble - 16 : nibble;
    } else {
      integer = at(c, tensor, c.headDim, entry, head, row, d);
    }
    double offset = rule.offset() == null ? 0 : separate(rule.offset(), ruleEntry, head, row, d);
    return (integer + offset) * separate(rule.scale(), ruleEntry, head, row, d);
  }

  private double combined(Tensor factor, boolean ofKey, int head, int d) {
    int which = ofKey ? 0 : 1;
    return switch (factor.rank()) {
      case 1 -> factor.get(which);
      case 2 -> factor.get(which, (long) head * c.headDim + d);
      case 3 -> factor.get(which, head, d);
      default ->
          factor.dim(1) == c.kvHeads
              ? factor.get(which, head, 0, d)
              : factor.get(which, 0, head, d);
    };
  }

  private static double separate(Tensor factor, long entry, int head, long row, int d) {
    return factor.get(
        factor.dim(0) == 1 ? 0 : entry,
        factor.dim(1) == 1 ? 0 : head,
        factor.dim(2) == 1 ? 0 : row,
        factor.dim(3) == 1 ? 0 : d);
  }

  /** Key or value number t of the prefix and the window behind it. */
  private double kv(boolean ofKey, int b, int head, long t, int d) {
    Tensor shared = ofKey ? c.prefixKey : c.prefixValue;
    if (shared != null && t < c.prefix) {
      return number(ofKey, shared, 0, head, t, d, 0);
    }
    long row = start(b) + t - c.prefix;
    Tensor tensor = (ofKey ? c.key : c.value).get(c.key.size() == 1 ? 0 : b);
    if (c.table == null) {
      return number(ofKey, tensor, c.key.size() == 1 ? b : 0, head, row, d, b);
    }
    long page = c.table.getLong(b, row / c.blockSize);
    return number(ofKey, tensor, page, head, row % c.blockSize, d, page);
  }

  private boolean hidden(int b, int n, int i, long column) {
    Tensor mask = c.mask;
    if (mask == null || mask.elements() == 0) {
      return false;
    }
    return 0
        != switch (mask.rank()) {
          case 2 -> mask.get(b, column);
          case 3 -> mask.get(b, mask.dim(1) == 1 ? 0 : i, column);
          default -> mask.get(b, mask.dim(1) == 1 ? 0 : n, mask.dim(2) == 1 ? 0 : i, column);
        };
  }

  private double shift(int b, int n, int i, long column) {
    Tensor pse = c.pse;
    return pse == null ? 0 : pse.get(pse.dim(0) == 1 ? 0 : b, n, pse.dim(2) == 1 ? 0 : i, column);
  }

  private void row(int b, int n, int i, int at) {
    long window = start(b) < 0 ? 0 : length(b);
    long keys = c.prefix + window;
    if (c.causal) {
      keys = Math.max(0, Math.min(keys, i + keys - c.seqlenQ + 1));
    }
    lse[at] = Double.NEGATIVE_INFINITY;
    if (keys == 0) {
      return;
    }
    double[] scores = new double[(int) keys];
    double[] units = new double[scores.length];
    double max = Double.NEGATIVE_INFINITY;
    int kvHead = n / (c.heads / c.kvHeads);
    for (int t = 0; t < scores.length; t++) {
      long column = t < c.prefix ? t : start(b) + t;
      scores[t] = HIDDEN;
      if (!hidden(b, n, i, column)) {
        score(b, n, i, kvHead, t, column, scores, units);
      }
      max = Math.max(max, scores[t]);
    }
    double sum = 0;
    double unit = 1;
    for (int t = 0; t < scores.length; t++) {
      sum += Math.exp(scores[t] - max);
      unit = Math.max(unit, units[t]);
    }
    lse[at] = max + Math.log(sum);
    lseTerms[at] = unit + Math.abs(lse[at]);
    for (int t = 0; t < scores.length; t++) {
      double p = Math.exp(scores[t] - max) / sum;
      for (int d = 0; p != 0 && d < c.headDim; d++) {
        double v = kv(false, b, kvHead, t, d);
        out[at * c.headDim + d] += p * v;
        double weight = max == HIDDEN ? 1 : 1 + units[t] + Math.abs(lse[at]);
        outTerms[at * c.headDim + d] += p * Math.abs(v) * weight;
      }
    }
  }

  private void score(
      int b, int n, int i, int kvHead, int t, long column, double[] scores, double[] units) {
    double dot = 0;
    double size = 0;
    for (int d = 0; d < c.headDim; d++) {
      double product = at(c, c.query, c.headDim, b, n, i, d) * kv(true, b, kvHead, t, d);
      dot += product;
      size += Math.abs(product);
    }
    double added = shift(b, n, i, column);
    scores[t] = c.scale * dot + added;
    units[t] = Math.abs(c.scale) * size + Math.abs(added);
  }

  /** The scale or offset of the int8 output for one channel. */
  static double channel(IncreCase c, @Nullable Tensor factor, int n, int d) {
    if (factor == null) {
      return 0;
    }
    double[] flat = Oracle.doubles(factor);
    return flat[flat.length == 1 ? 0 : n * c.headDim + d];
  }
}
