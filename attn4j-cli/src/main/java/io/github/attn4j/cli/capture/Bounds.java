package io.github.attn4j.cli.capture;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import io.github.attn4j.cli.check.Arithmetic;
import io.github.attn4j.cli.check.Quantity;
import io.github.attn4j.cli.check.Sample;
import io.github.attn4j.cli.check.ScalarAttention;
import io.github.attn4j.cli.check.Tolerance;
import io.github.attn4j.operators.CoreCall;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * How far off the results of a core call may be: twice the error of the plain computation against
 * float64, both our own. Measured against a file's expectation, a wrong expectation would widen the
 * very bound that should catch it. Both cover every row where that is a matter of seconds, else a
 * sample of the rows.
 */
final class Bounds {
  /** Multiplications that two cores do in a few seconds of scalar code. */
  private static final double PLAIN_BUDGET = 4e9;

  private final Map<Quantity, ScalarAttention.Values> plain;
  private final Map<Quantity, ScalarAttention.Values> exact;

  private Bounds(
      Map<Quantity, ScalarAttention.Values> plain, Map<Quantity, ScalarAttention.Values> exact) {
    this.plain = plain;
    this.exact = exact;
  }

  static Bounds of(CoreCall core, @Nullable Tensor dout, Set<Quantity> wanted) {
    return new Bounds(
        values(core, dout, wanted, Arithmetic.plain(core.plan().spec().dtype())),
        values(core, dout, wanted, Arithmetic.exact()));
  }

  private static Map<Quantity, ScalarAttention.Values> values(
      CoreCall core, @Nullable Tensor dout, Set<Quantity> wanted, Arithmetic arithmetic) {
    Sample sample = Sample.within(core.plan().spec(), PLAIN_BUDGET);
    return new ScalarAttention(core.plan(), core.inputs(), dout, arithmetic).values(sample, wanted);
  }

  /** The largest error of a quantity in a dtype, half of its noise for the rounding of a file. */
  double of(Quantity quantity, DType dtype) {
    ScalarAttention.Values yardstick = Objects.requireNonNull(plain.get(quantity));
    double[] truth = Objects.requireNonNull(exact.get(quantity)).values();
    return Tolerance.bound(yardstick.values(), yardstick.terms(), truth, dtype)
        + Tolerance.noise(truth, dtype) / 2;
  }
}
