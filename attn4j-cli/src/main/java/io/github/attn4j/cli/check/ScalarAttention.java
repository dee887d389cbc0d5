package io.github.attn4j.cli.check;

import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionPlan;
import io.github.attn4j.AttentionResult;
import io.github.attn4j.AttentionSpec;
import io.github.attn4j.Dropout;
import io.github.attn4j.Tensor;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Attention as a textbook writes it, for a sample of rows and keys: independent of plans, tiles and
 * lowered masks, which it is there to check. Its work is samples × length × columns.
 *
 * <p>Covers mask, scale, dropout, grouped heads and any dims. The gradients of a key need every row
 * that sees it; those rows' lse and output are taken from the result under test, whose own check
 * covers them.
 */
public final class ScalarAttention {
  final AttentionSpec spec;
  final Arithmetic arithmetic;
  private final AttentionInputs inputs;
  private final AttentionResult result;
  private final @Nullable Tensor dout;
  private final @Nullable Tensor keep;

  /**
   * Prepares the computation.
   *
   * @param plan the call
   * @param inputs its tensors
   * @param result what it returned
   * @param dout gradient of the output, or null for no gradients
   * @param arithmetic how to round
   */
  public ScalarAttention(
      AttentionPlan plan,
      AttentionInputs inputs,
      AttentionResult result,
      @Nullable Tensor dout,
      Arithmetic arithmetic) {
    this.spec = plan.spec();
    this.inputs = inputs;
    this.result = result;
    this.dout = dout;
    this.arithmetic = arithmetic;
    if (inputs.bias() != null || inputs.sink() != null || spec.score().softcap() != 0) {
      throw new IllegalArgumentException("bias, sink and softcap have no scalar computation here");
    }
    Dropout dropout = inputs.dropout();
    keep = dropout == null || dropout.p() == 0 ? null : plan.dropoutMask(dropout);
  }

  /**
   * Computes the sampled values.
   *
   * @param sample which rows and keys
   * @return for every quantity its values by sequence, head, row and column
   */
  public Map<Quantity, double[]> values(Sample sample) {
    int kvHeads = spec.kvHeads();
    List<Map<Quantity, double[]>> parts =
        IntStream.range(0, spec.sequences().count() * kvHeads)
            .parallel()
            .mapToObj(task -> group(task / kvHeads, task % kvHeads, sample))
            .toList();
    Map<Quantity, double[]> values = new EnumMap<>(Quantity.class);
    for (Quantity quantity : Quantity.values()) {
      values.put(
          quantity,
          parts.stream().flatMapToDouble(part -> Arrays.stream(part.get(quantity))).toArray());
    }
    return values;
  }

  /** One key/value head and the query heads that share it. */
  private Map<Quantity, double[]> group(int b, int kvHead, Sample sample) {
    int[] rows = below(sample.rows(), spec.sequences().lengthQ(b));
    int[] keys = below(sample.keys(), spec.sequences().lengthK(b));
    int group = spec.heads() / spec.kvHeads();
    double[] out = new double[group * rows.length * spec.valueDim()];
    double[] lse = new double[group * rows.length];
    double[] dquery = new double[dout == null ? 0 : group * rows.length * spec.headDim()];
    double[][] dkey = new double[keys.length][spec.headDim()];
    double[][] dvalue = new double[keys.length][spec.valueDim()];
    float[] k = head(inputs.key(), b, kvHead, spec.kvHeads(), false);
    float[] v = head(inputs.value(), b, kvHead, spec.kvHeads(), false);
    for (int g = 0; g < group; g++) {
      int h = kvHead * group + g;
      float[] q = head(inputs.query(), b, h, spec.heads(), true);
      float[] gradient = dout == null ? null : head(dout, b, h, spec.heads(), true);
      ScalarHead head = new ScalarHead(this, b, h, q, k, v, gradient);
      for (int r = 0; r < rows.length; r++) {
        int at = g * rows.length + r;
        ScalarHead.Row row = head.row(rows[r]);
        lse[at] = row.lse();
        System.arraycopy(row.out(), 0, out, at * spec.valueDim(), spec.valueDim());
        if (gradient != null) {
          System.arraycopy(row.dquery(), 0, dquery, at * spec.headDim(), spec.headDim());
        }
      }
      if (gradient != null && keys.length > 0) {
        float[] savedLse = matrix(Quantity.LSE.view(result.lse(), spec), b, h, true);
        float[] delta = head.delta(head(result.out(), b, h, spec.heads(), true));
        for (int n = 0; n < keys.length; n++) {
          head.addKey(keys[n], savedLse, delta, dkey[n], dvalue[n]);
        }
      }
    }
    Map<Quantity, double[]> values = new EnumMap<>(Quantity.class);
    values.put(Quantity.OUT, out);
    values.put(Quantity.LSE, lse);
    values.put(Quantity.DQUERY, dquery);
    values.put(Quantity.DKEY, dout == null ? new double[0] : stored(dkey));
    values.put(Quantity.DVALUE, dout == null ? new double[0] : stored(dvalue));
    return values;
  }

  private double[] stored(double[][] rows) {
    return Arrays.stream(rows).flatMapToDouble(Arrays::stream).map(arithmetic::store).toArray();
  }

  private static int[] below(int[] sample, int length) {
    return Arrays.stream(sample).filter(n -> n < length).toArray();
  }

  private float[] head(Tensor tensor, int b, int head, int heads, boolean rowsOfQuery) {
    return matrix(Quantity.view(tensor, spec, heads), b, head, rowsOfQuery);
  }

  private float[] matrix(Tensor canonical, int b, int head, boolean rowsOfQuery) {
    var sequences = spec.sequences();
    long start = rowsOfQuery ? sequences.startQ(b) : sequences.startK(b);
    long length = rowsOfQuery ? sequences.lengthQ(b) : sequences.lengthK(b);
    return canonical
        .select(0, sequences.entry(b))
        .select(0, head)
        .slice(0, start, start + length)
        .toFloatArray();
  }

  /** What dropout multiplies a probability by. */
  double kept(int b, int h, int i, int j) {
    Dropout dropout = inputs.dropout();
    if (keep == null || dropout == null) {
      return 1;
    }
    var sequences = spec.sequences();
    long first = 0;
    for (int before = 0; before < b; before++) {
      first += (long) sequences.lengthQ(before) * sequences.lengthK(before) * spec.heads();
    }
    long bit = first + ((long) h * sequences.lengthQ(b) + i) * sequences.lengthK(b) + j;
    return ((int) keep.get(bit >>> 3) >> (bit & 7) & 1) == 0 ? 0 : 1 / (1 - dropout.p());
  }

  /**
   * Reads the same sample off a tensor.
   *
   * @param quantity what the tensor holds
   * @param tensor in the call's layout
   * @param spec the call
   * @param sample which rows and keys
   * @return the values in the order of {@link #values}
   */
  public static double[] read(Quantity quantity, Tensor tensor, AttentionSpec spec, Sample sample) {
    Tensor view = quantity.view(tensor, spec);
    var sequences = spec.sequences();
    boolean perKey = quantity.perKey();
    double[] values = new double[0];
    int size = 0;
    for (int b = 0; b < sequences.count(); b++) {
      int length = perKey ? sequences.lengthK(b) : sequences.lengthQ(b);
      long start = perKey ? sequences.startK(b) : sequences.startQ(b);
      int[] lines = below(perKey ? sample.keys() : sample.rows(), length);
      int columns = (int) view.dim(3);
      int heads = (int) view.dim(1);
      values = Arrays.copyOf(values, size + heads * lines.length * columns);
      for (int h = 0; h < heads; h++) {
        for (int line : lines) {
          for (int c = 0; c < columns; c++) {
            values[size++] = view.get(sequences.entry(b), h, start + line, c);
          }
        }
      }
    }
    return values;
  }
}
