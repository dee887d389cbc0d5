package io.github.attn4j.operators;

import static io.github.attn4j.operators.Tensors.assertClose;
import static io.github.attn4j.operators.Tensors.normal;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

@NullMarked
class NpuFusionAttentionTest {
  private static final int S = 256;
  private static final int HEADS = 8;
  private static final double SCALE = 0.08838;
  private static final Tensor COMPRESSED = upperTriangle(2048, 2048, 1);

  static Stream<String> backends() {
    return Tensors.backends();
  }

  /** Ones at and above a diagonal. */
  private static Tensor upperTriangle(int rows, int columns, int diagonal) {
    Tensor ones = Tensor.zeros(DType.BOOL, rows, columns);
    for (int i = 0; i < rows; i++) {
      for (int j = Math.max(0, i + diagonal); j < columns; j++) {
        ones.set(1, i, j);
      }
    }
    return ones;
  }

  /** The document's own example: random float16 heads under five masks, to within 0.01. */
  @ParameterizedTest
  @CsvSource({"0, 128, 128", "1, 65536, 65536", "2, 65536, 0", "3, 65536, 0", "4, 128, 128"})
  void theDocumentsExample(int mode, int pre, int next) {
    Tensor query = normal(1, 1, HEADS, S, S).to(DType.FLOAT16);
    Tensor key = normal(2, 1, HEADS, S, S).to(DType.FLOAT16);
    Tensor value = normal(3, 1, HEADS, S, S).to(DType.FLOAT16);
    boolean[][] masked = new boolean[S][S];
    Tensor dense = Tensor.zeros(DType.BOOL, 1, HEADS, S, S);
    for (int i = 0; i < S; i++) {
      for (int j = 0; j < S; j++) {
        masked[i][j] = mode != 1 && (j - i > next || i - j > pre);
        for (int h = 0; h < HEADS && masked[i][j]; h++) {
          dense.set(1, 0, h, i, j);
        }
      }
    }
    Tensor given = mode == 0 ? dense : mode == 1 ? null : COMPRESSED;
    Tensor out =
        NpuFusionAttention.of(query, key, value, HEADS, "BNSD")
            .scale(SCALE)
            .sparseMode(mode)
            .attenMask(given)
            .preTockens(pre)
            .nextTockens(next)
            .forward()
            .attentionOut();
    assertThat(out.dtype()).isEqualTo(DType.FLOAT16);
    assertClose("attention_out", out, example(query, key, value, masked), 0.01);
  }

  /** The example's own reference: float32, masked scores lowered by 10000. */
  private static double[] example(Tensor query, Tensor key, Tensor value, boolean[][] masked) {
    float[] q = query.toFloatArray();
    float[] k = key.toFloatArray();
    float[] v = value.toFloatArray();
    double[] out = new double[HEADS * S * S];
    for (int row = 0; row < HEADS * S; row++) {
      int head = row / S * S;
      float[] score = new float[S];
      float max = Float.NEGATIVE_INFINITY;
      for (int j = 0; j < S; j++) {
        float dot = 0;
        for (int d = 0; d < S; d++) {
          dot += q[row * S + d] * k[(head + j) * S + d];
        }
        score[j] = (float) (dot * SCALE) + (masked[row % S][j] ? -10000 : 0);
        max = Math.max(max, score[j]);
      }
      double sum = 0;
      for (int j = 0; j < S; j++) {
        double weight = Math.exp(score[j] - max);
        sum += weight;
        for (int d = 0; d < S; d++) {
          out[row * S + d] += weight * v[(head + j) * S + d];
        }
      }
      for (int d = 0; d < S; d++) {
        out[row * S + d] /= sum;
      }
    }
    return out;
  }

  /** One query and one key: the score itself is softmax_max. */
  private static NpuFusionAttention one(@Nullable Tensor pse, int type) {
    return NpuFusionAttention.of(numbers(2), numbers(1), numbers(3), 1, "BNSD")
        .scale(0.5)
        .pse(pse)
        .pseType(type);
  }

  private static Tensor numbers(float number) {
    return Tensor.of(new float[] {number}, 1, 1, 1, 1);
  }

  private static double score(NpuFusionAttention call) {
    NpuFusionAttention.Result result = call.forward();
    assertThat(result.softmaxSum().get(0, 0, 0, 0)).isEqualTo(1);
    assertThat(result.attentionOut().get(0, 0, 0, 0)).isEqualTo(3);
    return result.softmaxMax().get(0, 0, 0, 0);
  }

  @Test
  void theFourTypesOfPositionEncoding() {
    assertThat(score(one(null, 1))).isEqualTo(0.5 * 2);
    assertThat(score(one(numbers(4), 1))).isEqualTo(0.5 * (2 + 4));
    assertThat(score(one(numbers(4), 0))).isEqualTo(0.5 * 2 + 4);
    Tensor slope = Tensor.of(new float[] {0.25f}, 1);
    assertThat(score(one(slope, 2))).isEqualTo(1);
    // Key 0 stands at 12, query 0 at 3.
    assertThat(score(one(slope, 2).kvStartIdx(12).qStartIdx(3))).isEqualTo(1 - 0.25 * 9);
    assertThat(score(one(slope, 3).kvStartIdx(12).qStartIdx(3))).isEqualTo(1 - 0.25 * 3);
    assertThat(score(one(slope, 3).kvStartIdx(3).qStartIdx(12))).isEqualTo(1 - 0.25 * 3);
  }

  @Test
  void theScaleIsOneUnlessGiven() {
    NpuFusionAttention call = NpuFusionAttention.of(numbers(2), numbers(5), numbers(3), 1, "BNSD");
    assertThat(score(call)).isEqualTo(10);
  }

  @ParameterizedTest
  @MethodSource("backends")
  void rowsThatSeeNothingHaveFiniteStats(String backend) {
    // Row 1 of 3 is masked.
    Tensor mask = Tensor.of(new byte[] {0, 0, 1, 1, 0, 1}, DType.INT8, 3, 2);
    NpuFusionAttention call =
        NpuFusionAttention.of(
                normal(1, 1, 1, 3, 4), normal(2, 1, 1, 2, 4), normal(3, 1, 1, 2, 4), 1, "BNSD")
            .attenMask(mask)
            .sparseMode(1)
            .backend(backend);
    NpuFusionAttention.Result result = call.forward();
    NpuFusionAttention.Gradients gradients = call.backward(result, normal(4, 1, 1, 3, 4));
    for (int d = 0; d < 4; d++) {
      assertThat(result.attentionOut().get(0, 0, 1, d)).isZero();
      assertThat(gradients.dquery().get(0, 0, 1, d)).isZero();
      assertThat(gradients.dquery().get(0, 0, 0, d)).isNotZero();
    }
    for (int lane = 0; lane < 8; lane++) {
      assertThat(result.softmaxMax().get(0, 0, 1, lane)).isEqualTo(-Float.MAX_VALUE);
      assertThat(result.softmaxSum().get(0, 0, 1, lane)).isEqualTo(Float.MAX_VALUE);
      assertThat(result.softmaxSum().get(0, 0, 2, lane)).isEqualTo(1);
    }
    // A sink is seen by every row.
    NpuFusionAttention.Result sunk = call.sink(Tensor.of(new float[] {0.75f}, 1)).forward();
    assertThat(sunk.attentionOut().get(0, 0, 1, 0)).isZero();
    assertThat(sunk.softmaxMax().get(0, 0, 1, 7)).isEqualTo(0.75);
    assertThat(sunk.softmaxSum().get(0, 0, 1, 7)).isEqualTo(1);
  }

  /** A causal mask from the bottom-right corner with more rows than keys: the first see nothing. */
  @ParameterizedTest
  @MethodSource("backends")
  void moreRowsThanKeysUnderMode3(String backend) {
    NpuFusionAttention.Result result =
        NpuFusionAttention.of(
                normal(1, 1, 1, 5, 4), normal(2, 1, 1, 3, 4), normal(3, 1, 1, 3, 4), 1, "BNSD")
            .attenMask(COMPRESSED)
            .sparseMode(3)
            .backend(backend)
            .forward();
    for (int i = 0; i < 5; i++) {
      boolean sees = i >= 2;
      assertThat(result.attentionOut().get(0, 0, i, 0) != 0).isEqualTo(sees);
      assertThat(result.softmaxSum().get(0, 0, i, 0) == Float.MAX_VALUE).isNotEqualTo(sees);
    }
  }

  @ParameterizedTest
  @MethodSource("backends")
  void sequencesWithoutKeysAndTokensOfNoSequenceAreZero(String backend) {
    // Two rows without keys, then three with; two tokens more than the sequences have.
    NpuFusionAttention call =
        NpuFusionAttention.of(normal(1, 7, 2, 4), normal(2, 5, 2, 4), normal(3, 5, 2, 4), 2, "TND")
            .actualSeqQlen(2, 5, 0)
            .actualSeqKvlen(0, 4, 0)
            .softmaxLayout("TND")
            .sink(normal(4, 2))
            .backend(backend);
    NpuFusionAttention.Result result = call.forward();
    NpuFusionAttention.Gradients gradients = call.backward(result, normal(5, 7, 2, 4));
    for (int t = 0; t < 7; t++) {
      boolean seen = t >= 2 && t < 5;
      for (int h = 0; h < 2; h++) {
        assertThat(result.attentionOut().get(t, h, 0) != 0).as("token %d", t).isEqualTo(seen);
        assertThat(result.softmaxMax().get(t, h, 0) != 0).as("token %d", t).isEqualTo(seen);
        assertThat(result.softmaxSum().get(t, h, 0) != 0).as("token %d", t).isEqualTo(seen);
        assertThat(gradients.dquery().get(t, h, 0) != 0).as("token %d", t).isEqualTo(seen);
      }
    }
    assertThat(gradients.dkey().get(3, 0, 0)).isNotZero();
    assertThat(gradients.dkey().get(4, 0, 0)).isZero();
    assertThat(gradients.dvalue().get(4, 1, 3)).isZero();
    assertThat(result.numels()).isEqualTo(2 * 3 * 4);
  }

  @ParameterizedTest
  @MethodSource("backends")
  void emptyInputs(String backend) {
    NpuFusionAttention call =
        NpuFusionAttention.of(
                normal(1, 2, 3, 5, 4), normal(2, 2, 3, 0, 4), normal(3, 2, 3, 0, 2), 3, "BNSD")
            .backend(backend);
    NpuFusionAttention.Result result = call.forward();
    assertClose("attention_out", result.attentionOut(), new double[2 * 3 * 5 * 2], 0);
    assertClose("softmax_max", result.softmaxMax(), new double[2 * 3 * 5 * 8], 0);
    assertClose("softmax_sum", result.softmaxSum(), new double[2 * 3 * 5 * 8], 0);
    NpuFusionAttention.Gradients gradients = call.backward(result, normal(4, 2, 3, 5, 2));
    assertClose("dquery", gradients.dquery(), new double[2 * 3 * 5 * 4], 0);

    NpuFusionAttention.Result nothing =
        NpuFusionAttention.of(normal(1, 0, 2, 6), normal(2, 4, 2, 6), normal(3, 4, 2, 6), 3, "SBH")
            .backend(backend)
            .forward();
    assertThat(nothing.attentionOut().shape()).containsExactly(0, 2, 6);
    assertThat(nothing.softmaxMax().shape()).containsExactly(2, 3, 0, 8);
  }

  /** A side without tokens: all its ends are zeros, which elsewhere end the list early. */
  @ParameterizedTest
  @MethodSource("backends")
  void variableLengthsWithoutTokensOnOneSide(String backend) {
    Tensor none = normal(2, 0, 2, 4);
    Tensor some = normal(1, 5, 2, 4);
    NpuFusionAttention call =
        NpuFusionAttention.of(some, none, none, 2, "TND")
            .actualSeqQlen(2, 5)
            .actualSeqKvlen(0, 0)
            .sink(normal(4, 2))
            .backend(backend);
    NpuFusionAttention.Result result = call.forward();
    assertClose("attention_out", result.attentionOut(), new double[5 * 2 * 4], 0);
    assertClose("softmax_max", result.softmaxMax(), new double[5 * 2 * 8], 0);
    assertClose("softmax_sum", result.softmaxSum(), new double[5 * 2 * 8], 0);
    assertThat(result.numels()).isZero();
    NpuFusionAttention.Gradients gradients = call.backward(result, some);
    assertClose("dquery", gradients.dquery(), new double[5 * 2 * 4], 0);

    NpuFusionAttention other =
        NpuFusionAttention.of(none, some, some, 2, "TND")
            .actualSeqQlen(0, 0)
            .actualSeqKvlen(2, 5)
            .backend(backend);
    NpuFusionAttention.Result nothing = other.forward();
    assertThat(nothing.attentionOut().shape()).containsExactly(0, 2, 4);
    NpuFusionAttention.Gradients zeros = other.backward(nothing, none);
    assertClose("dkey", zeros.dkey(), new double[5 * 2 * 4], 0);
    assertClose("dvalue", zeros.dvalue(), new double[5 * 2 * 4], 0);
  }

  @Test
  void theSevenResults() {
    Tensor half = normal(1, 2, 5, 12).to(DType.BFLOAT16);
    Tensor narrow = normal(2, 2, 5, 8).to(DType.BFLOAT16);
    Tensor keys = normal(3, 2, 5, 24).slice(2, 0, 12).copy().to(DType.BFLOAT16);
    NpuFusionAttention.Result result =
        NpuFusionAttention.of(half, keys, narrow, 4, "BSH").forward();
    assertThat(result.attentionOut().shape()).containsExactly(2, 5, 8);
    assertThat(result.attentionOut().dtype()).isEqualTo(DType.BFLOAT16);
    assertThat(result.softmaxMax().shape()).containsExactly(2, 4, 5, 8);
    assertThat(result.softmaxMax().dtype()).isEqualTo(DType.FLOAT32);
    assertThat(result.softmaxSum().shape()).containsExactly(2, 4, 5, 8);
    assertThat(result.reserved().shape()).containsExactly(0);
    assertThat(result.seed()).isZero();
    assertThat(result.offset()).isZero();
    assertThat(result.numels()).isEqualTo(2 * 4 * 5 * 5);
    assertThat(result.core().result().out()).isSameAs(result.attentionOut());
    assertThat(result.core().plan().spec().heads()).isEqualTo(4);
  }

  /** The lanes carry what the core's lse is made of, in both orders for TND. */
  @Test
  void statsOfVariableLengths() {
    Tensor q = normal(1, 7, 3, 4);
    NpuFusionAttention call =
        NpuFusionAttention.of(q, q, q, 3, "TND").actualSeqQlen(2, 6).actualSeqKvlen(3, 7);
    NpuFusionAttention.Result memory = call.forward();
    NpuFusionAttention.Result tokens = call.softmaxLayout("TND").forward();
    Tensor lse = tokens.core().result().lse();
    assertThat(memory.softmaxMax().shape()).containsExactly(7, 3, 8);
    assertThat(tokens.softmaxMax().shape()).containsExactly(7, 3, 8);
    double[] flatMax = Oracle.doubles(memory.softmaxMax());
    double[] flatSum = Oracle.doubles(memory.softmaxSum());
    int[] starts = {0, 2};
    int[] rows = {2, 4};
    for (int b = 0; b < 2; b++) {
      for (int h = 0; h < 3; h++) {
        for (int i = 0; i < rows[b]; i++) {
          int token = starts[b] + i;
          int line = starts[b] * 3 + h * rows[b] + i;
          for (int lane = 0; lane < 8; lane++) {
            double max = tokens.softmaxMax().get(token, h, lane);
            double sum = tokens.softmaxSum().get(token, h, lane);
            assertThat(flatMax[line * 8 + lane]).isEqualTo(max);
            assertThat(flatSum[line * 8 + lane]).isEqualTo(sum);
            assertThat(max + Math.log(sum)).isCloseTo(lse.get(h, token), within(1e-6));
          }
        }
      }
    }
    assertThat(tokens.softmaxMax().get(6, 0, 0)).isZero();
  }

  @Test
  void gradientsHaveTheShapeAndDtypeOfTheirArguments() {
    Tensor q = normal(1, 2, 4, 6, 4).to(DType.FLOAT16);
    Tensor k = normal(2, 2, 2, 6, 4).to(DType.FLOAT16);
    Tensor v = normal(3, 2, 2, 6, 3).to(DType.FLOAT16);
    NpuFusionAttention call =
        NpuFusionAttention.of(q, k, v, 4, "BNSD")
            .pse(normal(4, 1, 4, 1, 6).to(DType.FLOAT16))
            .sink(normal(5, 4));
    NpuFusionAttention.Gradients gradients =
        call.backward(call.forward(), normal(6, 2, 4, 6, 3).to(DType.FLOAT16));
    assertThat(gradients.dquery()).hasToString("FLOAT16[2, 4, 6, 4]");
    assertThat(gradients.dkey()).hasToString("FLOAT16[2, 2, 6, 4]");
    assertThat(gradients.dvalue()).hasToString("FLOAT16[2, 2, 6, 3]");
    assertThat(Objects.requireNonNull(gradients.dpse())).hasToString("FLOAT16[1, 4, 1, 6]");
    assertThat(Objects.requireNonNull(gradients.dsink())).hasToString("FLOAT32[4]");
  }

  @Test
  void thePlanIsKeptForOtherTensorsOfTheSameShapes() {
    Tensor q = normal(1, 2, 4, 6, 4);
    NpuFusionAttention call = NpuFusionAttention.of(q, q, q, 4, "BNSD");
    assertThat(call.inputs(normal(2, 2, 4, 6, 4), q, q).plan()).isSameAs(call.plan());
    assertThat(call.pse(normal(3, 1, 4, 6, 6)).forward().core().plan()).isSameAs(call.plan());
    var before = call.plan();
    assertThat(call.scale(2).plan()).isNotSameAs(before);
    var scaled = call.plan();
    assertThat(call.inputs(q, normal(4, 2, 4, 7, 4), normal(5, 2, 4, 7, 4)).plan())
        .isNotSameAs(scaled);
  }
}
