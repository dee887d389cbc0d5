package io.github.attn4j.testkit;

import io.github.attn4j.AttentionGradients;
import io.github.attn4j.AttentionPlan;
import io.github.attn4j.AttentionResult;
import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import org.jspecify.annotations.Nullable;

/** Runs a case on a backend and compares everything it returns with the float64 reference. */
public final class CaseRunner {
  private final AttentionCase c;
  private final Materials materials;
  private final Outcome reference;
  private final PlainAttention plain;

  private CaseRunner(Materials materials) {
    this.c = materials.choices();
    this.materials = materials;
    reference =
        Outcome.of(
            materials.referencePlan(), materials.wideInputs(), materials.dout().to(DType.FLOAT32));
    plain = new PlainAttention(materials);
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
    Draw draw = new Draw(c.seed).child("results");
    AttentionResult shapes = reference.result();
    Storage out = result(draw, c.outDtype(), shapes.out());
    Storage lse = result(draw, DType.FLOAT32, shapes.lse());
    Tensor largest = shapes.maxLogit();
    Storage maxLogit = largest == null ? null : result(draw, DType.FLOAT32, largest);
    AttentionResult result =
        new AttentionResult(
            out.view(), lse.view(), maxLogit == null ? null : maxLogit.view(), c.layout);
    plan.forward(materials.inputs(), result);
    AttentionGradients gradients = plan.backward(materials.inputs(), result, materials.dout());
    checkForward(result);
    checkBackward(gradients);
    out.checkCanary("out");
    lse.checkCanary("lse");
    if (maxLogit != null) {
      maxLogit.checkCanary("maxLogit");
    }
  }

  /** A result tensor full of NaN, so that what is not written shows. */
  private Storage result(Draw draw, DType dtype, Tensor shape) {
    Storage storage = Storage.allocate(draw, c.strided, dtype, shape.shape());
    Storage.fill(storage.view(), Double.NaN);
    return storage;
  }

  private void checkForward(AttentionResult got) {
    AttentionResult expected = reference.result();
    rows("out", got.out(), expected.out(), plain.out, c.heads, c.outDtype());
    flat("lse", got.lse(), expected.lse(), plain.lse, DType.FLOAT32);
    flat("maxLogit", got.maxLogit(), expected.maxLogit(), plain.maxLogit, DType.FLOAT32);
  }

  private void checkBackward(AttentionGradients got) {
    AttentionGradients expected = reference.gradients();
    rows("dquery", got.query(), expected.query(), plain.dquery, c.heads, c.dtype);
    rows("dkey", got.key(), expected.key(), plain.dkey, c.kvHeads, c.dtype);
    rows("dvalue", got.value(), expected.value(), plain.dvalue, c.kvHeads, c.dtype);
    flat("dbias", got.bias(), expected.bias(), plain.dbias, DType.FLOAT32);
    flat("dsink", got.sink(), expected.sink(), plain.dsink, DType.FLOAT32);
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
