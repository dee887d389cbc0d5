package io.github.attn4j.internal;

import io.github.attn4j.AttentionSpec;
import io.github.attn4j.DType;
import io.github.attn4j.Extent;
import io.github.attn4j.Layout;
import io.github.attn4j.Mask;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Sequences;
import io.github.attn4j.spi.Problem;

/** Refuses specs whose sizes do not fit together. */
public final class SpecValidator {
  private SpecValidator() {}

  /** The problem a spec states, free of layouts. */
  public static Problem problem(AttentionSpec spec) {
    atLeastOne("heads", spec.heads());
    atLeastOne("kvHeads", spec.kvHeads());
    atLeastOne("headDim", spec.headDim());
    atLeastOne("valueDim", spec.valueDim());
    if (spec.heads() % spec.kvHeads() != 0) {
      throw RefusedException.value(
          "heads",
          "expected a multiple of kvHeads %d, got %d".formatted(spec.kvHeads(), spec.heads()));
    }
    if (!spec.dtype().isFloating()) {
      throw RefusedException.type(
          "dtype", "expected FLOAT32, FLOAT16 or BFLOAT16, got " + spec.dtype());
    }
    if (!spec.outDtype().isFloating()) {
      throw RefusedException.type(
          "outDtype", "expected FLOAT32, FLOAT16 or BFLOAT16, got " + spec.outDtype());
    }
    if (!spec.kvDtype().isFloating() && spec.kvDtype() != DType.INT8) {
      throw RefusedException.type(
          "kvDtype", "expected FLOAT32, FLOAT16, BFLOAT16 or INT8, got " + spec.kvDtype());
    }
    if (spec.splitKeys() < 0) {
      throw RefusedException.value("splitKeys", "expected at least 0, got " + spec.splitKeys());
    }
    Sequences sequences = spec.sequences();
    if (sequences.isRagged() != (spec.layout() == Layout.TND)) {
      throw RefusedException.value(
          "layout",
          "expected TND for ragged sequences and any other for padded ones, got %s for %s"
              .formatted(spec.layout(), sequences));
    }
    Problem problem =
        new Problem(
            sequences,
            spec.heads(),
            spec.kvHeads(),
            spec.headDim(),
            spec.valueDim(),
            spec.dtype(),
            spec.kvDtype(),
            spec.score(),
            spec.mask(),
            spec.splitKeys());
    checkMask(spec.mask(), problem);
    return problem;
  }

  private static void checkMask(Mask mask, Problem problem) {
    int batch = problem.sequences().count();
    if (mask.batches() != 1 && mask.batches() != batch) {
      throw RefusedException.value(
          "mask", "expected 1 or %d sequences, got a mask of %d".formatted(batch, mask.batches()));
    }
    if (mask.heads() < 1 || problem.heads() % mask.heads() != 0) {
      throw RefusedException.value(
          "mask",
          "expected a number of heads that divides %d, got a mask of %d"
              .formatted(problem.heads(), mask.heads()));
    }
    Extent widest = problem.widest();
    for (int b = 0; b < batch; b++) {
      mask.check(b, problem.extent(b), widest);
    }
  }

  private static void atLeastOne(String name, int value) {
    if (value < 1) {
      throw RefusedException.value(name, "expected at least 1, got " + value);
    }
  }
}
