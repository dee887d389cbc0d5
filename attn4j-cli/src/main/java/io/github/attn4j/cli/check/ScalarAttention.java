package io.github.attn4j.cli.check;

import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionPlan;
import io.github.attn4j.AttentionSpec;
import io.github.attn4j.Dropout;
import io.github.attn4j.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Attention as a textbook writes it, for a sample of rows and keys: independent of plans, tiles and
 * lowered masks, which it is there to check, and of any backend's results. Its work is samples ×
 * length × columns for rows.
 *
 * <p>Covers mask, scale, dropout, grouped heads and any dims. The gradients of a key need every row
 * that sees it, so a head whose keys are looked at costs length × length × columns.
 */
public final class ScalarAttention {
  final AttentionSpec spec;
  final Arithmetic arithmetic;
  private final AttentionInputs inputs;
  private final @Nullable Tensor dout;
  private final @Nullable Tensor keep;

  /**
   * Prepares the computation.
   *
   * @param plan the call
   * @param inputs its tensors
   * @param dout gradient of the output, or null for no gradients
   * @param arithmetic how to round
   */
  public ScalarAttention(
      AttentionPlan plan, AttentionInputs inputs, @Nullable Tensor dout, Arithmetic arithmetic) {
    this.spec = plan.spec();
    this.inputs = inputs;
    this.dout = dout;
    this.arithmetic = arithmetic;
    if (inputs.bias() != null || inputs.sink() != null || spec.score().softcap() != 0) {
      throw new IllegalArgumentException("bias, sink and softcap have no scalar computation here");
    }
    Dropout dropout = inputs.dropout();
    keep = dropout == null || dropout.p() == 0 ? null : plan.dropoutMask(dropout);
  }

  /**
   * The sampled values of one quantity.
   *
   * @param values by sequence, head, row and column
   * @param terms the largest sum of magnitudes of the terms of one of them, each times one plus the
   *     magnitude of what went into its exponential: to first order, what one unit of rounding of
   *     every term may do. Products of vectors count as the product of their lengths. 0 for exact
   *     arithmetic
   */
  public record Values(double[] values, double terms) {}

  /**
   * Computes the sampled values.
   *
   * @param sample which rows and keys
   * @return every quantity
   */
  public Map<Quantity, Values> values(Sample sample) {
    int kvHeads = spec.kvHeads();
    List<Map<Quantity, Values>> parts =
        IntStream.range(0, spec.sequences().count() * kvHeads)
            .parallel()
            .mapToObj(task -> group(task / kvHeads, task % kvHeads, sample))
            .toList();
    Map<Quantity, Values> values = new EnumMap<>(Quantity.class);
    for (Quantity quantity : Quantity.values()) {
      List<Values> of =
          parts.stream().map(part -> Objects.requireNonNull(part.get(quantity))).toList();
      values.put(
          quantity,
          new Values(
              of.stream().flatMapToDouble(part -> Arrays.stream(part.values())).toArray(),
              of.stream().mapToDouble(Values::terms).max().orElse(0)));
    }
    return values;
  }

  /** One key/value head and the query heads that share it. */
  private Map<Quantity, Values> group(int b, int kvHead, Sample sample) {
    int[] rows = Sample.below(sample.rows(), spec.sequences().lengthQ(b));
    int[] keys = dout == null ? new int[0] : sample.keysOf(b, kvHead, spec);
    int group = spec.heads() / spec.kvHeads();
    List<ScalarHead.Row> sampled = new ArrayList<>();
    List<ScalarHead.Key> gradients =
        IntStream.of(keys)
            .mapToObj(j -> new ScalarHead.Key(j, spec.headDim(), spec.valueDim()))
            .toList();
    float[] k = head(inputs.key(), b, kvHead, spec.kvHeads(), false);
    float[] v = head(inputs.value(), b, kvHead, spec.kvHeads(), false);
    for (int h = kvHead * group; h < (kvHead + 1) * group; h++) {
      float[] q = head(inputs.query(), b, h, spec.heads(), true);
      float[] gradient = dout == null ? null : head(dout, b, h, spec.heads(), true);
      ScalarHead head = new ScalarHead(this, b, h, q, k, v, gradient);
      IntStream.of(rows).parallel().mapToObj(i -> head.row(i, true)).forEachOrdered(sampled::add);
      if (keys.length > 0) {
        List<ScalarHead.Row> all =
            IntStream.range(0, spec.sequences().lengthQ(b))
                .parallel()
                .mapToObj(i -> head.row(i, false).light())
                .toList();
        gradients.parallelStream().forEach(key -> head.addTo(key, all));
      }
    }
    Map<Quantity, Values> values = new EnumMap<>(Quantity.class);
    values.put(Quantity.OUT, joined(sampled, ScalarHead.Row::out, ScalarHead.Row::outTerms));
    values.put(
        Quantity.LSE, joined(sampled, row -> new double[] {row.lse()}, ScalarHead.Row::lseTerms));
    values.put(
        Quantity.DQUERY, joined(sampled, ScalarHead.Row::dquery, ScalarHead.Row::dqueryTerms));
    values.put(Quantity.DKEY, stored(joined(gradients, key -> key.dkey, ScalarHead.Key::keyTerms)));
    values.put(
        Quantity.DVALUE, stored(joined(gradients, key -> key.dvalue, ScalarHead.Key::valueTerms)));
    return values;
  }

  private static <T> Values joined(
      List<T> lines, Function<T, double[]> values, ToDoubleFunction<T> terms) {
    return new Values(
        lines.stream().flatMapToDouble(line -> Arrays.stream(values.apply(line))).toArray(),
        lines.stream().mapToDouble(terms).filter(Double::isFinite).max().orElse(0));
  }

  private Values stored(Values sums) {
    return new Values(Arrays.stream(sums.values()).map(arithmetic::store).toArray(), sums.terms());
  }

  private float[] head(Tensor tensor, int b, int head, int heads, boolean rowsOfQuery) {
    Tensor canonical = Quantity.view(tensor, spec, heads);
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
      int length = sequences.lengthQ(b);
      long start = perKey ? sequences.startK(b) : sequences.startQ(b);
      int columns = (int) view.dim(3);
      int heads = (int) view.dim(1);
      for (int h = 0; h < heads; h++) {
        int[] lines = perKey ? sample.keysOf(b, h, spec) : Sample.below(sample.rows(), length);
        values = Arrays.copyOf(values, size + lines.length * columns);
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
