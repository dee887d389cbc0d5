package io.github.attn4j.testkit;

import io.github.attn4j.DType;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Problems that break kernels, by name. */
public interface NamedContract {
  /** The name of the backend under test. */
  String backend();

  /** One problem each; all three dtypes. */
  enum Named {
    ONE_ROW_ONE_KEY(new AttentionCase(1, 1, 1)),
    ONE_ROW(new AttentionCase(1, 1, 130)),
    ONE_KEY(new AttentionCase(1, 130, 1)),
    NO_ROWS(new AttentionCase(2, 0, 20)),
    NO_KEYS(new AttentionCase(2, 20, 0)),
    NOTHING_AT_ALL(new AttentionCase(1, 0, 0)),
    CAUSAL_SQUARE(new AttentionCase(1, 200, 200).masks(MaskKind.CAUSAL)),
    CAUSAL_MORE_ROWS(new AttentionCase(1, 170, 60).masks(MaskKind.CAUSAL)),
    CAUSAL_MORE_KEYS(new AttentionCase(1, 60, 170).masks(MaskKind.CAUSAL)),
    TOP_LEFT_MORE_ROWS(new AttentionCase(1, 170, 60).masks(MaskKind.CAUSAL_TOP_LEFT)),
    TOP_LEFT_MORE_KEYS(new AttentionCase(1, 60, 170).masks(MaskKind.CAUSAL_TOP_LEFT)),
    DIM_1(new AttentionCase(1, 40, 50).dims(1, 1)),
    DIM_512(new AttentionCase(1, 33, 40).dims(512, 512)),
    DIM_ODD(new AttentionCase(1, 65, 70).dims(67, 67)),
    DIM_WIDER_VALUE(new AttentionCase(1, 50, 60).dims(16, 129)),
    DIM_NARROWER_VALUE(new AttentionCase(1, 50, 60).dims(129, 16)),
    GROUPED_8_ON_2(new AttentionCase(1, 70, 70).heads(8, 2).masks(MaskKind.CAUSAL)),
    MULTI_QUERY(new AttentionCase(1, 70, 70).heads(6, 1)),
    BATCH_OF_5(new AttentionCase(5, 37, 41).heads(2, 1).masks(MaskKind.CAUSAL)),
    DOCUMENTS(new AttentionCase(1, 300, 300).masks(MaskKind.DOCUMENTS, MaskKind.CAUSAL)),
    EVERYTHING(everything());

    private final AttentionCase problem;

    Named(AttentionCase problem) {
      this.problem = problem;
    }

    /** A copy to change. */
    AttentionCase problem() {
      return problem.copy();
    }

    private static AttentionCase everything() {
      AttentionCase c = new AttentionCase(2, 97, 131).heads(4, 2).dims(33, 20);
      c.masks(MaskKind.WINDOW, MaskKind.TWO_INTERVALS, MaskKind.DENSE);
      c.maskHeads = 4;
      c.maskPerBatch = true;
      c.biasBroadcast = new boolean[] {false, false, false, false};
      c.softcap = 5;
      c.sink = true;
      c.dropout = 0.2;
      c.strided = true;
      c.maxLogit = true;
      c.threads = 2;
      return c;
    }
  }

  /** Each problem in each dtype agrees with the reference, forward and backward. */
  @ParameterizedTest
  @EnumSource
  default void namedProblemsAgreeWithTheReference(Named named) {
    for (DType dtype : new DType[] {DType.FLOAT32, DType.BFLOAT16, DType.FLOAT16}) {
      AttentionCase c = named.problem().dtype(dtype);
      c.biasDtype = dtype;
      CaseRunner.check(backend(), c);
    }
  }
}
