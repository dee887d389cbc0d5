package io.github.attn4j.cli.check;

import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionPlan;
import io.github.attn4j.AttentionSpec;
import io.github.attn4j.Bias;
import io.github.attn4j.Dropout;
import io.github.attn4j.Sequences;
import io.github.attn4j.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Attention as a textbook writes it, for a sample of rows and keys: independent of plans, tiles,
 * lowered masks and bound biases, which it is there to check, and of any backend's results. Its
 * work is samples × length × columns for rows.
 *
 * <p>The gradients of a key need every row that sees it, so a head whose keys are looked at costs
 * length × length × columns; those of bias and sinks need every row of every head.
 */
public final class ScalarAttention {
  final AttentionSpec spec;
  final Arithmetic arithmetic;
  final @Nullable ScalarBias bias;
  private final AttentionInputs inputs;
  private final @Nullable Tensor dout;
  private final @Nullable Tensor keep;
  private final double keptFactor;
  private final long[] firstBits;
  private final ScalarTensors tensors;

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
    this.tensors = new ScalarTensors(spec, arithmetic);
    Bias given = inputs.bias();
    bias = given == null ? null : ScalarBias.of(given, spec);
    Dropout dropout = inputs.dropout();
    keep = dropout == null ? null : plan.dropoutMask(dropout);
    keptFactor = dropout == null ? 1 : 1 / (1 - dropout.p());
    Sequences sequences = spec.sequences();
    firstBits = new long[sequences.count()];
    for (int b = 1; b < firstBits.length; b++) {
      long elements = (long) sequences.lengthQ(b - 1) * sequences.lengthK(b - 1);
      firstBits[b] = firstBits[b - 1] + elements * spec.heads();
    }
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
  public record Values(double[] values, double terms) {
    static Values joined(List<Values> parts) {
      return new Values(
          parts.stream().flatMapToDouble(part -> Arrays.stream(part.values())).toArray(),
          parts.stream().mapToDouble(Values::terms).filter(Double::isFinite).max().orElse(0));
    }
  }

  /**
   * Computes the sampled values.
   *
   * @param sample which rows and keys
   * @param wanted what to compute; of gradients nothing without dout
   * @return every quantity that is wanted
   */
  public Map<Quantity, Values> values(Sample sample, Set<Quantity> wanted) {
    Set<Quantity> possible = EnumSet.noneOf(Quantity.class);
    wanted.stream()
        .filter(quantity -> dout != null || !quantity.isGradient())
        .forEach(possible::add);
    int kvHeads = spec.kvHeads();
    List<Map<Quantity, Values>> groups =
        IntStream.range(0, spec.sequences().count() * kvHeads)
            .parallel()
            .mapToObj(task -> group(task / kvHeads, task % kvHeads, sample, possible))
            .toList();
    Map<Quantity, Values> values = new EnumMap<>(Quantity.class);
    for (Quantity quantity : possible) {
      if (quantity.per() != Quantity.Per.CALL) {
        values.put(quantity, joined(groups, quantity));
      }
    }
    if (possible.contains(Quantity.DBIAS) || possible.contains(Quantity.DSINK)) {
      ScalarSums sums = new ScalarSums(this);
      for (int b = 0; b < spec.sequences().count(); b++) {
        for (int h = 0; h < spec.heads(); h++) {
          sums.add(b, h, heads(b, h * kvHeads / spec.heads()).apply(h));
        }
      }
      values.putAll(sums.values());
      values.keySet().retainAll(possible);
    }
    return values;
  }

  private static Values joined(List<Map<Quantity, Values>> parts, Quantity quantity) {
    return Values.joined(
        parts.stream().map(part -> part.get(quantity)).filter(Objects::nonNull).toList());
  }

  /** One key/value head and the query heads that share it. */
  private Map<Quantity, Values> group(int b, int kvHead, Sample sample, Set<Quantity> wanted) {
    Set<Quantity> ofRows = of(wanted, Quantity.Per.ROW);
    Set<Quantity> ofKeys = of(wanted, Quantity.Per.KEY);
    int length = spec.sequences().lengthQ(b);
    int[] rows = ofRows.isEmpty() ? new int[0] : Sample.below(sample.rows(), length);
    int[] keys = ofKeys.isEmpty() ? new int[0] : sample.keysOf(b, kvHead, spec);
    List<Map<Quantity, Values>> sampled = new ArrayList<>();
    List<ScalarHead.Key> gradients =
        IntStream.of(keys)
            .mapToObj(j -> new ScalarHead.Key(j, spec.headDim(), spec.valueDim()))
            .toList();
    Function<Integer, ScalarHead> heads = heads(b, kvHead);
    int group = spec.heads() / spec.kvHeads();
    for (int h = kvHead * group; h < (kvHead + 1) * group; h++) {
      ScalarHead head = heads.apply(h);
      IntStream.of(rows)
          .parallel()
          .mapToObj(i -> row(new ScalarRow(head, i), ofRows))
          .forEachOrdered(sampled::add);
      if (keys.length > 0) {
        List<ScalarRow.Summary> all =
            IntStream.range(0, length)
                .parallel()
                .mapToObj(i -> new ScalarRow(head, i).summary())
                .toList();
        gradients.parallelStream().forEach(key -> head.addTo(key, all));
      }
    }
    Map<Quantity, Values> values = new EnumMap<>(Quantity.class);
    ofRows.forEach(quantity -> values.put(quantity, joined(sampled, quantity)));
    ofKeys.forEach(quantity ->
        values.put(
            quantity,
            Values.joined(
                gradients.stream().map(key -> key.values(quantity, arithmetic)).toList())));
    return values;
  }

  private static Set<Quantity> of(Set<Quantity> wanted, Quantity.Per per) {
    return wanted.stream()
        .filter(quantity -> quantity.per() == per)
        .collect(Collectors.toCollection(() -> EnumSet.noneOf(Quantity.class)));
  }

  private static Map<Quantity, Values> row(ScalarRow row, Set<Quantity> wanted) {
    Map<Quantity, Values> values = new EnumMap<>(Quantity.class);
    wanted.forEach(quantity -> values.put(quantity, row.values(quantity)));
    return values;
  }

  /** The query heads of one key/value head, whose keys are read once. */
  private Function<Integer, ScalarHead> heads(int b, int kvHead) {
    Lines k = tensors.keys(inputs, b, kvHead);
    Lines v = tensors.values(inputs, b, kvHead);
    return h ->
        new ScalarHead(
            this,
            b,
            h,
            tensors.queries(inputs.query(), b, h),
            k,
            v,
            dout == null ? null : tensors.queries(dout, b, h));
  }

  /** What dropout multiplies a probability by. */
  double kept(int b, int h, int i, int j) {
    if (keep == null) {
      return 1;
    }
    Sequences sequences = spec.sequences();
    long bit = firstBits[b] + ((long) h * sequences.lengthQ(b) + i) * sequences.lengthK(b) + j;
    return ((int) keep.get(bit >>> 3) >> (bit & 7) & 1) == 0 ? 0 : keptFactor;
  }

  /** The logit of a head's sink, negative infinity without one. */
  double sink(int h) {
    Tensor sink = inputs.sink();
    return sink == null ? Double.NEGATIVE_INFINITY : sink.get(h);
  }

  /**
   * Reads the same sample off a tensor.
   *
   * @param quantity what the tensor holds
   * @param tensor as the core returns it
   * @param spec the call
   * @param sample which rows and keys
   * @return the values in the order of {@link #values}
   */
  public static double[] read(Quantity quantity, Tensor tensor, AttentionSpec spec, Sample sample) {
    Tensor view = quantity.view(tensor, spec);
    if (quantity.per() == Quantity.Per.CALL) {
      return numbers(view.select(0, 0).select(0, 0).select(0, 0), view.dim(3));
    }
    Sequences sequences = spec.sequences();
    List<double[]> lines = new ArrayList<>();
    for (int b = 0; b < sequences.count(); b++) {
      long start = quantity.perKey() ? sequences.startK(b) : sequences.startQ(b);
      boolean matrix = quantity.isMatrix();
      long columns = matrix ? sequences.lengthK(b) : view.dim(3);
      for (int h = 0; h < view.dim(1); h++) {
        Tensor rows = view.select(0, matrix ? b : sequences.entry(b)).select(0, h);
        int[] sampled =
            quantity.perKey()
                ? sample.keysOf(b, h, spec)
                : Sample.below(sample.rows(), sequences.lengthQ(b));
        for (int line : sampled) {
          lines.add(numbers(rows.select(0, matrix ? line : start + line), columns));
        }
      }
    }
    return lines.stream().flatMapToDouble(Arrays::stream).toArray();
  }

  private static double[] numbers(Tensor line, long count) {
    return IntStream.range(0, Math.toIntExact(count)).mapToDouble(line::get).toArray();
  }
}
