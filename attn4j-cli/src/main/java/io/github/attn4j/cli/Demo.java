package io.github.attn4j.cli;

import io.github.attn4j.Attention;
import io.github.attn4j.AttentionGradients;
import io.github.attn4j.AttentionSpec;
import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import io.github.attn4j.cli.check.Arithmetic;
import io.github.attn4j.cli.check.Quantity;
import io.github.attn4j.cli.check.Sample;
import io.github.attn4j.cli.check.ScalarAttention;
import io.github.attn4j.cli.check.Tolerance;
import io.github.attn4j.cli.pattern.Patterns;
import io.github.attn4j.spi.TileGrid;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * Runs, checks and times masks of one size, one after the other; the first should be the full one.
 */
final class Demo {
  /** Rows and keys that are checked in every head. */
  private static final int SAMPLES = 24;

  private static final long SEED = 20260;

  private static final int WARM_ROUNDS = 2;

  /** Seconds after which calls are so large that one round has warmed them all. */
  private static final double LONG_ROUND = 20;

  private final Sizes sizes;
  private final double seconds;
  private @Nullable Line full;

  /**
   * Prepares to run.
   *
   * @param sizes what to run
   * @param seconds of warming up, and again of measuring, for each time
   */
  Demo(Sizes sizes, double seconds) {
    this.sizes = sizes;
    this.seconds = seconds;
  }

  /** What is run. */
  record Sizes(int batch, int heads, int seq, int dim, DType dtype, int threads) {}

  /**
   * What came out for one mask.
   *
   * @param name the mask
   * @param grid its tiles, of the first head
   * @param skipped share of the tiles that are not visited
   * @param forward time of a forward
   * @param backward time of a backward
   * @param gflop 10^9 operations of a forward
   * @param fullForward seconds of a forward without mask
   * @param fullBackward the same of a backward
   * @param checks error and bound of every quantity
   */
  record Line(
      String name,
      TileGrid grid,
      double skipped,
      Timing forward,
      Timing backward,
      double gflop,
      double fullForward,
      double fullBackward,
      Map<Quantity, Tolerance> checks) {
    double forwardGflops() {
      return gflop / forward.seconds();
    }

    double backwardGflops() {
      return Workload.BACKWARD * gflop / backward.seconds();
    }

    double forwardSpeedUp() {
      return fullForward / forward.seconds();
    }

    double backwardSpeedUp() {
      return fullBackward / backward.seconds();
    }

    double outError() {
      return error(Quantity.OUT);
    }

    double gradientError() {
      return Math.max(
          error(Quantity.DQUERY), Math.max(error(Quantity.DKEY), error(Quantity.DVALUE)));
    }

    private double error(Quantity quantity) {
      return Objects.requireNonNull(checks.get(quantity)).error();
    }

    boolean ok() {
      return checks.values().stream().allMatch(Tolerance::holds);
    }
  }

  /**
   * Runs all masks until the compiler has seen what they do: what is measured first, and all others
   * are compared with, must not pay for it.
   *
   * @param names the masks
   */
  void warmUp(List<String> names) {
    long begin = System.nanoTime();
    for (int round = 0; round < WARM_ROUNDS; round++) {
      for (String name : names) {
        Workload work = new Workload(spec(name), SEED);
        Timing.repeat(work::forward, seconds);
        Timing.repeat(work::backward, seconds);
      }
      if ((System.nanoTime() - begin) * 1e-9 > LONG_ROUND) {
        return;
      }
    }
  }

  Line run(String name) {
    AttentionSpec spec = spec(name);
    Workload work = new Workload(spec, SEED);
    Map<Quantity, Tolerance> checks = check(work);
    Timing forward = Timing.of(work::forward, seconds);
    Timing backward = Timing.of(work::backward, seconds);
    Line first = full;
    Line line =
        new Line(
            name,
            work.plan().tiles().grid(0, 0),
            1 - work.plan().tiles().density(),
            forward,
            backward,
            work.forwardGflop(),
            first == null ? forward.seconds() : first.forward().seconds(),
            first == null ? backward.seconds() : first.backward().seconds(),
            checks);
    full = first == null ? line : first;
    return line;
  }

  private AttentionSpec spec(String name) {
    return AttentionSpec.builder()
        .padded(sizes.batch(), sizes.seq(), sizes.seq())
        .heads(sizes.heads(), sizes.heads())
        .dims(sizes.dim(), sizes.dim())
        .dtype(sizes.dtype())
        .mask(Patterns.named(name, sizes.seq(), sizes.seq(), sizes.heads(), Map.of()).mask())
        .threads(sizes.threads())
        .build();
  }

  private Map<Quantity, Tolerance> check(Workload work) {
    AttentionSpec spec = work.plan().spec();
    Sample sample = Sample.spread(spec, SAMPLES, SEED).withKeyGroups(0, 1);
    AttentionGradients gradients = work.backward();
    Map<Quantity, Tensor> computed = new EnumMap<>(Quantity.class);
    computed.put(Quantity.OUT, work.result().out());
    computed.put(Quantity.LSE, work.result().lse());
    computed.put(Quantity.DQUERY, gradients.query());
    computed.put(Quantity.DKEY, gradients.key());
    computed.put(Quantity.DVALUE, gradients.value());
    Map<Quantity, ScalarAttention.Values> truth =
        scalar(work, Arithmetic.exact()).values(sample, computed.keySet());
    Map<Quantity, ScalarAttention.Values> plain =
        scalar(work, Arithmetic.plain(spec.dtype())).values(sample, computed.keySet());
    Map<Quantity, Tolerance> checks = new EnumMap<>(Quantity.class);
    computed.forEach((quantity, tensor) -> {
      double[] exact = Objects.requireNonNull(truth.get(quantity)).values();
      ScalarAttention.Values yardstick = Objects.requireNonNull(plain.get(quantity));
      double bound = Tolerance.bound(yardstick.values(), yardstick.terms(), exact, tensor.dtype());
      checks.put(
          quantity,
          Tolerance.of(ScalarAttention.read(quantity, tensor, spec, sample), exact, bound));
    });
    return checks;
  }

  private static ScalarAttention scalar(Workload work, Arithmetic arithmetic) {
    return new ScalarAttention(work.plan(), work.inputs(), work.dout(), arithmetic);
  }

  /** What runs where, one line. */
  String about() {
    String backend = Attention.plan(spec("full")).backend();
    OptionalInt bits = Machine.vectorBits(backend);
    int threads =
        sizes.threads() == 0 ? Runtime.getRuntime().availableProcessors() : sizes.threads();
    return String.format(
        Locale.ROOT,
        "attn4j %s: batch %d, %d heads, %d queries and keys, %d columns, %s, backend %s%s, "
            + "%d thread%s",
        Version.text(),
        sizes.batch(),
        sizes.heads(),
        sizes.seq(),
        sizes.dim(),
        sizes.dtype().name().toLowerCase(Locale.ROOT),
        backend,
        bits.isPresent() ? " (" + bits.getAsInt() + "-bit vectors)" : "",
        threads,
        threads == 1 ? "" : "s");
  }

  /** What was compared, in words. */
  String checked() {
    int lines = Math.min(SAMPLES, sizes.seq());
    return ("output, lse and query gradients of %d rows of each head, key and value gradients of"
            + " %d keys of the first, against float64")
        .formatted(lines, lines);
  }
}
