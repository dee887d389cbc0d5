package io.github.attn4j.testkit;

import io.github.attn4j.AttentionGradients;
import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionPlan;
import io.github.attn4j.AttentionResult;
import io.github.attn4j.DType;
import io.github.attn4j.RefusedException;
import io.github.attn4j.SoftmaxStats;
import io.github.attn4j.Tensor;
import org.jspecify.annotations.Nullable;

/** Runs a case on a backend and compares everything it returns with the float64 reference. */
public final class CaseRunner {
  private final AttentionCase c;
  private final Materials materials;
  private final AttentionResult reference;
  private final @Nullable AttentionGradients referenceGradients;
  private final PlainAttention plain;
  private final Coverage coverage;

  private CaseRunner(Materials materials) {
    this.c = materials.choices();
    this.materials = materials;
    AttentionPlan exact = materials.referencePlan();
    AttentionInputs inputs = materials.wideInputs();
    reference = exact.forward(inputs);
    referenceGradients =
        c.hasBackward()
            ? exact.backward(inputs, reference, materials.dout().to(DType.FLOAT32))
            : null;
    plain = new PlainAttention(materials);
    coverage = new Coverage(c);
  }

  /**
   * Forward and backward against the reference.
   *
   * @param backend the backend's name
   * @param c the problem
   * @throws AssertionError naming tensor, position, values, bound and the case
   */
  public static void check(String backend, AttentionCase c) {
    try {
      check(backend, Materials.of(c));
    } catch (AssertionError | RuntimeException failure) {
      throw new AssertionError(backend + ", " + c + "\n  " + failure, failure);
    }
  }

  static void check(String backend, Materials materials) {
    new CaseRunner(materials).check(backend);
  }

  private void check(String backend) {
    AttentionPlan plan = materials.plan(backend);
    Canaries canaries = new Canaries(new Draw(c.seed).child("results"), c.strided);
    SoftmaxStats stats = reference.stats();
    AttentionResult result =
        new AttentionResult(
            canaries.tensor("out", c.outDtype(), reference.out()),
            canaries.tensor("lse", DType.FLOAT32, reference.lse()),
            reference.maxLogit() == null
                ? null
                : canaries.tensor("maxLogit", DType.FLOAT32, reference.maxLogit()),
            stats == null
                ? null
                : new SoftmaxStats(
                    canaries.tensor("rowMax", DType.FLOAT32, stats.rowMax()),
                    canaries.tensor("rowSum", DType.FLOAT32, stats.rowSum())),
            c.layout);
    plan.forward(materials.inputs(), result);
    checkForward(result);
    if (referenceGradients == null) {
      checkBackwardIsRefused(plan, result);
    } else {
      AttentionGradients gradients = plan.backward(materials.inputs(), result, materials.dout());
      checkBackward(gradients, referenceGradients);
    }
    canaries.check();
  }

  private void checkBackwardIsRefused(AttentionPlan plan, AttentionResult result) {
    try {
      plan.backward(materials.inputs(), result, materials.dout());
    } catch (RefusedException refused) {
      if (refused.argument().equals("key")) {
        return;
      }
      throw new AssertionError("a refusal that does not name the key", refused);
    }
    throw new AssertionError("a backward of stored keys was not refused");
  }

  private void checkForward(AttentionResult got) {
    rows("out", got.out(), reference.out(), plain.out, c.heads, c.outDtype());
    flat("lse", got.lse(), reference.lse(), plain.lse, DType.FLOAT32);
    flat("maxLogit", got.maxLogit(), reference.maxLogit(), plain.maxLogit, DType.FLOAT32);
    coverage.checkQueries("out", Views.canonical(c.layout, got.out(), c.heads), 0);
    coverage.checkPerRow("lse", got.lse(), Double.NEGATIVE_INFINITY);
    SoftmaxStats stats = got.stats();
    SoftmaxStats exact = reference.stats();
    if (stats != null && exact != null) {
      flat("rowMax", stats.rowMax(), exact.rowMax(), plain.rowMax, DType.FLOAT32);
      flat("rowSum", stats.rowSum(), exact.rowSum(), plain.rowSum, DType.FLOAT32);
      coverage.checkPerRow("rowMax", stats.rowMax(), Double.NEGATIVE_INFINITY);
      coverage.checkPerRow("rowSum", stats.rowSum(), 0);
      checkStats(Views.flat(got.lse()), stats);
    }
  }

  /** lse = rowMax + ln(rowSum), but for the rounding of the three. */
  private static void checkStats(double[] lse, SoftmaxStats stats) {
    double[] max = Views.flat(stats.rowMax());
    double[] sum = Views.flat(stats.rowSum());
    for (int at = 0; at < lse.length; at++) {
      double made = max[at] + Math.log(sum[at]);
      double units = Math.ulp((float) (1 + Math.abs(lse[at]) + Math.abs(max[at])));
      if (!(made == lse[at] || Math.abs(made - lse[at]) <= 4 * units)) {
        throw new AssertionError(
            "row %d: rowMax %s and rowSum %s do not make the lse %s"
                .formatted(at, max[at], sum[at], lse[at]));
      }
    }
  }

  private void checkBackward(AttentionGradients got, AttentionGradients exact) {
    rows("dquery", got.query(), exact.query(), plain.dquery, c.heads, c.dtype);
    rows("dkey", got.key(), exact.key(), plain.dkey, c.kvHeads, c.dtype);
    rows("dvalue", got.value(), exact.value(), plain.dvalue, c.kvHeads, c.dtype);
    flat("dbias", got.bias(), exact.bias(), plain.dbias, DType.FLOAT32);
    flat("dsink", got.sink(), exact.sink(), plain.dsink, DType.FLOAT32);
    coverage.checkQueries("dquery", Views.canonical(c.layout, got.query(), c.heads), 0);
    coverage.checkKeys("dkey", Views.canonical(c.layout, got.key(), c.kvHeads), 0);
    coverage.checkKeys("dvalue", Views.canonical(c.layout, got.value(), c.kvHeads), 0);
  }

  private void rows(
      String what, Tensor got, Tensor expected, Yardstick yardstick, int heads, DType dtype) {
    if (got.dtype() != dtype) {
      throw new AssertionError(what + ": expected dtype " + dtype + ", got " + got);
    }
    Tolerance.check(
        what,
        Views.canonical(c.layout, got, heads).shape(),
        Views.flat(c.layout, got, heads),
        Views.flat(c.layout, expected, heads),
        yardstick,
        dtype);
  }

  private static void flat(
      String what,
      @Nullable Tensor got,
      @Nullable Tensor expected,
      @Nullable Yardstick yardstick,
      DType dtype) {
    if (got == null || expected == null || yardstick == null) {
      if (got != expected) {
        throw new AssertionError("%s: got %s, expected %s".formatted(what, got, expected));
      }
      return;
    }
    Tolerance.check(what, got.shape(), Views.flat(got), Views.flat(expected), yardstick, dtype);
  }
}
