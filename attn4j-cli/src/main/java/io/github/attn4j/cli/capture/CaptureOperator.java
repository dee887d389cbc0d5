package io.github.attn4j.cli.capture;

import io.github.attn4j.AttentionPlan;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Tensor;
import io.github.attn4j.cli.check.Arithmetic;
import io.github.attn4j.cli.check.Quantity;
import io.github.attn4j.cli.check.ScalarAttention;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One operator whose calls can be replayed. A new one is a class of this kind and a line in {@link
 * #ALL}.
 */
public interface CaptureOperator {
  /** The operators there are. */
  List<CaptureOperator> ALL = List.of(new FlashmaskOperator());

  /**
   * The operator of a capture.
   *
   * @param op its name
   * @return the operator
   * @throws RefusedException naming {@code op}
   */
  static CaptureOperator named(String op) {
    return ALL.stream()
        .filter(operator -> operator.name().equals(op))
        .findFirst()
        .orElseThrow(() ->
            RefusedException.value(
                "op",
                "expected one of %s, got %s"
                    .formatted(ALL.stream().map(CaptureOperator::name).toList(), op)));
  }

  /**
   * The name by which captures call it.
   *
   * @return framework and operator
   */
  String name();

  /**
   * Reads the arguments of a call and checks them.
   *
   * @param capture the call
   * @param execution what the command line says
   * @return the call, ready to run
   * @throws RefusedException naming the argument that does not fit
   */
  Call prepare(Capture capture, Options execution);

  /**
   * What the command line says about running.
   *
   * @param backend a backend's name, or null for the best that does not refuse
   * @param threads 0 for one per processor
   */
  record Options(@Nullable String backend, int threads) {}

  /** A call that is ready to run. */
  interface Call {
    /**
     * Its plan.
     *
     * @return the plan
     */
    AttentionPlan plan();

    /**
     * Runs it.
     *
     * @return the results by the operator's own names
     */
    Map<String, Tensor> forward();

    /**
     * Runs the backward of the last {@link #forward}.
     *
     * @param dout gradient of the first result
     * @return the gradients by the operator's own names
     */
    Map<String, Tensor> backward(Tensor dout);

    /**
     * What a result is, for the tolerance rule.
     *
     * @param name a result's or gradient's name
     * @return the quantity, or null for one that must be equal exactly
     */
    @Nullable Quantity quantity(String name);

    /**
     * The last {@link #forward} as a scalar computation.
     *
     * @param dout gradient of the first result, or null
     * @param arithmetic how to round
     * @return the computation
     */
    ScalarAttention scalar(@Nullable Tensor dout, Arithmetic arithmetic);
  }
}
