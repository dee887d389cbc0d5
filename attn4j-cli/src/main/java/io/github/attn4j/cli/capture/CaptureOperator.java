package io.github.attn4j.cli.capture;

import io.github.attn4j.AttentionPlan;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Tensor;
import io.github.attn4j.operators.CoreCall;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * One operator whose calls can be replayed. A new one is a class of this kind and a line in {@link
 * #ALL}.
 */
public interface CaptureOperator {
  /** The operators there are. */
  List<CaptureOperator> ALL =
      List.of(
          new FlashmaskOperator(),
          FlashAttnOperator.qkvpacked(),
          FlashAttnOperator.unpadded(),
          new NpuFusionOperator(),
          new IncreFlashOperator(),
          new OnnxOperator());

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

  /**
   * A call that is ready to run.
   *
   * @param plan makes its plan
   * @param forward runs it
   */
  record Call(Supplier<AttentionPlan> plan, Supplier<Forward> forward) {}

  /**
   * What a call returned.
   *
   * @param results by the operator's own names
   * @param cores what the call became in the core, for the tolerance rule: the call itself first,
   *     then others that some of the results come from
   * @param backward takes the gradient of the first result to the gradients by the operator's own
   *     names
   */
  record Forward(Results results, List<CoreCall> cores, Function<Tensor, Results> backward) {
    Forward(Results results, CoreCall core, Function<Tensor, Results> backward) {
      this(results, List.of(core), backward);
    }
  }
}
