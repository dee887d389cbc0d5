package io.github.attn4j.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.Attention;
import io.github.attn4j.AttentionGradients;
import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionPlan;
import io.github.attn4j.AttentionResult;
import io.github.attn4j.AttentionSpec;
import io.github.attn4j.DType;
import io.github.attn4j.Layout;
import io.github.attn4j.Mask;
import io.github.attn4j.Tensor;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * 131,072 rows of packed documents (sample 1 of FlashMask's benchmark at that length), forward and
 * backward: the scores alone would be 64 GiB. Run with a heap of 1 GiB: {@code mvn test -Psoak -pl
 * attn4j-cpu -am -Dtest=LongSequenceTest -Dattn4j.test.jvmArgs=-Xmx1g}.
 */
@Tag("soak")
final class LongSequenceTest {
  private static final int ROWS = 131_072;
  private static final int DIM = 64;

  /** Document lengths of the benchmark's first sample. */
  private static final int[] DOCUMENTS = {
    11610, 12300, 16924, 3872, 13367, 6646, 15715, 15867, 6181, 17929, 10661
  };

  private static Tensor normal(long seed) {
    Random random = new Random(seed);
    float[] values = new float[ROWS * DIM];
    for (int at = 0; at < values.length; at++) {
      values[at] = (float) random.nextGaussian();
    }
    return Tensor.of(values, 1, 1, ROWS, DIM);
  }

  @Test
  void fitsIntoOneGibibyte() {
    Tensor query = normal(1);
    Tensor key = normal(2);
    Tensor value = normal(3);
    AttentionPlan plan =
        Attention.plan(
            AttentionSpec.like(Layout.BNSD, query, key, value)
                .mask(Mask.documents(DOCUMENTS).and(Mask.causal()))
                .build());
    AttentionInputs inputs = AttentionInputs.of(query, key, value);
    AttentionResult result = plan.forward(inputs);
    AttentionGradients gradients = plan.backward(inputs, result, normal(4));
    // The first row of a document sees itself alone: out = v, dq = 0, and lse = q.k / 8.
    int row = DOCUMENTS[0];
    for (int c = 0; c < DIM; c++) {
      assertThat(result.out().get(0, 0, row, c)).isEqualTo(value.get(0, 0, row, c));
      assertThat(gradients.query().get(0, 0, row, c)).isEqualTo(0);
    }
    double dot = 0;
    for (int c = 0; c < DIM; c++) {
      dot += query.get(0, 0, row, c) * key.get(0, 0, row, c);
    }
    assertThat(result.lse().get(0, 0, row)).isCloseTo(dot / 8, within(1e-5));
    assertThat(gradients.key().dtype()).isEqualTo(DType.FLOAT32);
    System.out.printf(
        "%d rows, heap limit %d MiB, in use %d MiB%n",
        ROWS,
        Runtime.getRuntime().maxMemory() >> 20,
        (Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory()) >> 20);
  }

  private static org.assertj.core.data.Offset<Double> within(double bound) {
    return org.assertj.core.data.Offset.offset(bound);
  }
}
