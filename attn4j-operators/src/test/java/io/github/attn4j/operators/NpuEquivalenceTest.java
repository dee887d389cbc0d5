package io.github.attn4j.operators;

import static io.github.attn4j.operators.Tensors.normal;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import java.util.Arrays;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Different ways to say the same give the same bits. */
@NullMarked
class NpuEquivalenceTest {
  private static final Tensor COMPRESSED = Tensor.zeros(DType.BOOL, 2048, 2048);
  private static final Tensor COMPRESSED_PREFIX = Tensor.zeros(DType.BOOL, 3072, 2048);

  static Stream<String> backends() {
    return Tensors.backends();
  }

  /** Whether a row of a sequence sees a key. */
  private interface Rule {
    boolean keeps(int b, int i, int j);
  }

  private record Run(NpuFusionAttention.Result result, NpuFusionAttention.Gradients gradients) {
    static Run of(NpuFusionAttention call) {
      NpuFusionAttention.Result result = call.forward();
      Tensor dout = normal(9, result.attentionOut().shape()).to(result.attentionOut().dtype());
      return new Run(result, call.backward(result, dout));
    }

    void sameAs(String what, Run other) {
      same(what + ": attention_out", result.attentionOut(), other.result.attentionOut());
      same(what + ": softmax_max", result.softmaxMax(), other.result.softmaxMax());
      same(what + ": softmax_sum", result.softmaxSum(), other.result.softmaxSum());
      same(what + ": dquery", gradients.dquery(), other.gradients.dquery());
      same(what + ": dkey", gradients.dkey(), other.gradients.dkey());
      same(what + ": dvalue", gradients.dvalue(), other.gradients.dvalue());
      same(what + ": dpse", gradients.dpse(), other.gradients.dpse());
      same(what + ": dsink", gradients.dsink(), other.gradients.dsink());
    }
  }

  /** Bit for bit. */
  private static void same(String what, @Nullable Tensor got, @Nullable Tensor expected) {
    if (got == null || expected == null) {
      assertThat(got).as(what).isEqualTo(expected);
    } else {
      float[] wanted = expected.toFloatArray();
      assertThat(Arrays.mismatch(got.toFloatArray(), wanted)).as(what).isEqualTo(-1);
    }
  }

  private static NpuFusionAttention padded(int rows, int keys, DType dtype) {
    return NpuFusionAttention.of(
            normal(1, 2, 4, rows, 8).to(dtype),
            normal(2, 2, 2, keys, 8).to(dtype),
            normal(3, 2, 2, keys, 6).to(dtype),
            4,
            "BNSD")
        .scale(0.3)
        .pse(normal(4, 1, 4, rows, keys).to(dtype))
        .sink(normal(5, 4))
        .keepProb(0.8)
        .seed(3L);
  }

  /** Ones where a rule masks. */
  private static Tensor dense(int rows, int keys, Rule rule) {
    Tensor mask = Tensor.zeros(DType.BOOL, 2, 1, rows, keys);
    for (int b = 0; b < 2; b++) {
      for (int i = 0; i < rows; i++) {
        for (int j = 0; j < keys; j++) {
          mask.set(rule.keeps(b, i, j) ? 0 : 1, b, 0, i, j);
        }
      }
    }
    return mask;
  }

  @ParameterizedTest
  @MethodSource("backends")
  void sparseModesEqualTheirMasksGivenDensely(String backend) {
    for (int[] lengths : new int[][] {{37, 37}, {21, 40}, {40, 21}, {150, 170}}) {
      int rows = lengths[0];
      int keys = lengths[1];
      int delta = keys - rows;
      DType dtype = rows == 40 ? DType.FLOAT16 : DType.FLOAT32;
      NpuFusionAttention call = padded(rows, keys, dtype).backend(backend);
      Tensor zeros = Tensor.zeros(DType.BOOL, rows, keys);
      long[] prefix = {Math.max(0, delta), keys};
      Rule causal = (b, i, j) -> j <= i;
      compare(call.attenMask(COMPRESSED).sparseMode(2), dense(rows, keys, causal));
      Rule right = (b, i, j) -> j <= i + delta;
      compare(call.attenMask(COMPRESSED).sparseMode(3), dense(rows, keys, right));
      Rule reach = (b, i, j) -> j <= i + delta || j < prefix[b];
      compare(
          call.attenMask(COMPRESSED_PREFIX).sparseMode(6).prefix(prefix), dense(rows, keys, reach));
      for (int[] band : new int[][] {{5, 3}, {30, -2}, {-4, 9}}) {
        int pre = band[0];
        int next = band[1];
        call.preTockens(pre).nextTockens(next);
        Rule left = (b, i, j) -> i - j <= pre && j - i <= next;
        compare(call.attenMask(zeros).sparseMode(0), dense(rows, keys, left));
        call.preTockens(pre + delta).nextTockens(next - delta);
        compare(call.attenMask(COMPRESSED).sparseMode(4), dense(rows, keys, left));
      }
    }
  }

  /** The call as it stands, against mode 1; leaves the call with its mode changed. */
  private static void compare(NpuFusionAttention call, Tensor dense) {
    String what = "mode %d of %s".formatted(call.sparseMode, dense);
    Run given = Run.of(call);
    given.sameAs(what, Run.of(call.attenMask(dense).sparseMode(1)));
  }

  private static NpuFusionAttention ragged(int[] rows, int[] keys) {
    int tokensQ = Arrays.stream(rows).sum();
    int tokensK = Arrays.stream(keys).sum();
    return NpuFusionAttention.of(
            normal(1, tokensQ, 4, 8), normal(2, tokensK, 2, 8), normal(3, tokensK, 2, 6), 4, "TND")
        .scale(0.3)
        .actualSeqQlen(NpuCase.ends(rows, 0))
        .actualSeqKvlen(NpuCase.ends(keys, 0))
        .sink(normal(5, 4));
  }

  @ParameterizedTest
  @MethodSource("backends")
  void sparseModesOfVariableLengthsEqualAMaskOverAllTokens(String backend) {
    int[] rows = {9, 0, 20, 15};
    int[] keys = {9, 4, 33, 15};
    for (int mode : new int[] {2, 3, 4, 6, 7, 8}) {
      NpuFusionAttention call =
          ragged(rows, keys)
              .backend(backend)
              .keepProb(0.7)
              .seed(1L)
              .sparseMode(mode)
              .attenMask(mode == 6 ? COMPRESSED_PREFIX : COMPRESSED)
              .prefix(0, 4, 20, 15)
              .preTockens(mode == 4 ? 6 : 15)
              .nextTockens(mode == 7 ? 0 : 2);
      Rule rule = rule(mode, rows, keys);
      Tensor mask = Tensor.zeros(DType.INT8, 44, 61);
      for (int b = 0, row = 0, key = 0; b < 4; row += rows[b], key += keys[b], b++) {
        for (int i = 0; i < rows[b]; i++) {
          for (int j = 0; j < keys[b]; j++) {
            mask.set(rule.keeps(b, i, j) ? 0 : 1, row + i, key + j);
          }
        }
      }
      compare(call, mask);
    }
  }

  private static Rule rule(int mode, int[] rows, int[] keys) {
    int[] prefix = {0, 4, 20, 15};
    return (b, i, j) -> {
      int delta = keys[b] - rows[b];
      return switch (mode) {
        case 2 -> j <= i;
        case 3 -> j <= i + delta;
        case 4 -> i + delta - j <= 6 && j - i - delta <= 2;
        case 6 -> j <= i + delta || j < prefix[b];
        case 7 -> b == 3 ? i - j <= 15 && j <= i : j <= i + delta;
        default -> b == 0 ? i - j <= 15 && j - i <= 2 : j <= i;
      };
    };
  }

  /** Each sequence of a packed call, computed alone. */
  @ParameterizedTest
  @MethodSource("backends")
  void variableLengthsEqualEachSequenceAlone(String backend) {
    int[] rows = {5, 20, 9};
    int[] keys = {9, 33, 12};
    Tensor pse = normal(6, 4 * (5 * 9 + 20 * 33 + 9 * 12));
    NpuFusionAttention packed =
        ragged(rows, keys)
            .backend(backend)
            .attenMask(COMPRESSED)
            .sparseMode(3)
            .sink(null)
            .pse(pse)
            .softmaxLayout("TND");
    Run all = Run.of(packed);
    Tensor dout = normal(9, all.result.attentionOut().shape());
    Tensor dpse = Objects.requireNonNull(all.gradients.dpse());
    for (int b = 0, row = 0, key = 0, at = 0; b < 3; b++) {
      int size = 4 * rows[b] * keys[b];
      NpuFusionAttention alone =
          NpuFusionAttention.of(
                  sequence(packed.query, row, rows[b]),
                  sequence(packed.key, key, keys[b]),
                  sequence(packed.value, key, keys[b]),
                  4,
                  "BSND")
              .scale(0.3)
              .attenMask(COMPRESSED)
              .sparseMode(3)
              .pse(pse.slice(0, at, at + size).reshape(1, 4, rows[b], keys[b]))
              .backend(backend);
      NpuFusionAttention.Result result = alone.forward();
      NpuFusionAttention.Gradients gradients = alone.backward(result, sequence(dout, row, rows[b]));
      String what = "sequence " + b;
      same(what, result.attentionOut(), sequence(all.result.attentionOut(), row, rows[b]));
      Tensor max = sequence(all.result.softmaxMax(), row, rows[b]);
      same(what, result.softmaxMax(), max.transpose(1, 2));
      Tensor sum = sequence(all.result.softmaxSum(), row, rows[b]);
      same(what, result.softmaxSum(), sum.transpose(1, 2));
      same(what, gradients.dquery(), sequence(all.gradients.dquery(), row, rows[b]));
      same(what, gradients.dkey(), sequence(all.gradients.dkey(), key, keys[b]));
      same(what, gradients.dvalue(), sequence(all.gradients.dvalue(), key, keys[b]));
      same(what, gradients.dpse(), dpse.slice(0, at, at + size));
      row += rows[b];
      key += keys[b];
      at += size;
    }
  }

  /** Tokens of one sequence as a batch of one. */
  private static Tensor sequence(Tensor tokens, int start, int length) {
    return tokens.slice(0, start, start + length).reshape(1, length, tokens.dim(1), tokens.dim(2));
  }

  @ParameterizedTest
  @MethodSource("backends")
  void layoutsAgree(String backend) {
    int rows = 19;
    int keys = 23;
    Run expected = Run.of(layout(padded(rows, keys, DType.FLOAT32), "BNSD").backend(backend));
    for (String name : new String[] {"BSND", "BSH", "SBH"}) {
      Run run = Run.of(layout(padded(rows, keys, DType.FLOAT32), name).backend(backend));
      same(name, run.result.softmaxMax(), expected.result.softmaxMax());
      same(name, run.result.softmaxSum(), expected.result.softmaxSum());
      same(name, run.result.attentionOut(), to(name, expected.result.attentionOut()));
    }
  }

  /** The gradients of a call do not depend on its layout either. */
  @ParameterizedTest
  @MethodSource("backends")
  void gradientsOfAllLayoutsAgree(String backend) {
    NpuFusionAttention call = layout(padded(19, 23, DType.FLOAT32), "BNSD").backend(backend);
    Tensor dout = normal(9, 2, 4, 19, 6);
    NpuFusionAttention.Gradients expected = call.backward(call.forward(), dout);
    for (String name : new String[] {"BSND", "BSH", "SBH"}) {
      NpuFusionAttention other = layout(padded(19, 23, DType.FLOAT32), name).backend(backend);
      NpuFusionAttention.Gradients got = other.backward(other.forward(), to(name, dout));
      same(name, got.dquery(), to(name, expected.dquery()));
      same(name, got.dkey(), to(name, expected.dkey()));
      same(name, got.dvalue(), to(name, expected.dvalue()));
      same(name, got.dpse(), expected.dpse());
      same(name, got.dsink(), expected.dsink());
    }
  }

  private static NpuFusionAttention layout(NpuFusionAttention bnsd, String name) {
    return NpuFusionAttention.of(
            to(name, bnsd.query), to(name, bnsd.key), to(name, bnsd.value), 4, name)
        .pse(bnsd.pse)
        .sink(bnsd.sink)
        .scale(0.3)
        .keepProb(0.8)
        .seed(3L)
        .attenMask(COMPRESSED)
        .sparseMode(4)
        .preTockens(9)
        .nextTockens(1);
  }

  private static Tensor to(String name, Tensor bnsd) {
    long folded = bnsd.dim(1) * bnsd.dim(3);
    Tensor bsnd = bnsd.transpose(1, 2).copy();
    return switch (name) {
      case "BSND" -> bsnd;
      case "BSH" -> bsnd.reshape(bsnd.dim(0), bsnd.dim(1), folded);
      case "SBH" -> bsnd.reshape(bsnd.dim(0), bsnd.dim(1), folded).transpose(0, 1).copy();
      default -> bnsd;
    };
  }

  @ParameterizedTest
  @MethodSource("backends")
  void groupedHeadsEqualRepeatedOnes(String backend) {
    NpuFusionAttention grouped = padded(30, 41, DType.FLOAT32).backend(backend);
    NpuFusionAttention repeated =
        NpuFusionAttention.of(grouped.query, repeat(grouped.key), repeat(grouped.value), 4, "BNSD")
            .scale(0.3)
            .pse(grouped.pse)
            .sink(grouped.sink)
            .keepProb(0.8)
            .seed(3L)
            .backend(backend);
    Run run = Run.of(grouped);
    Run other = Run.of(repeated);
    same("attention_out", run.result.attentionOut(), other.result.attentionOut());
    same("softmax_max", run.result.softmaxMax(), other.result.softmaxMax());
    same("softmax_sum", run.result.softmaxSum(), other.result.softmaxSum());
    same("dquery", run.gradients.dquery(), other.gradients.dquery());
    Tensor dkey = other.gradients.dkey();
    for (int h = 0; h < 2; h++) {
      for (int j = 0; j < 41; j++) {
        double sum = dkey.get(1, 2L * h, j, 3) + dkey.get(1, 2L * h + 1, j, 3);
        assertThat(run.gradients.dkey().get(1, h, j, 3)).isCloseTo(sum, within(1e-5));
      }
    }
  }

  private static Tensor repeat(Tensor heads) {
    return heads
        .copy()
        .reshape(heads.dim(0), heads.dim(1), 1, heads.dim(2), heads.dim(3))
        .expand(heads.dim(0), heads.dim(1), 2, heads.dim(2), heads.dim(3))
        .copy()
        .reshape(heads.dim(0), 2 * heads.dim(1), heads.dim(2), heads.dim(3));
  }

  /** The document's example of mode 7: the second of four sequences is cut into 2 and 2 rows. */
  @ParameterizedTest
  @MethodSource("backends")
  void shardsOfMode7EqualTheWhole(String backend) {
    int[] rows = {3, 4, 5, 4};
    int[] keys = {3, 6, 5, 4};
    NpuFusionAttention whole = ragged(rows, keys).sparseMode(3);
    NpuFusionAttention first =
        shard(whole, 0, 5, 0, 9)
            .sparseMode(7)
            .preTockens(6)
            .nextTockens(-2)
            .actualSeqQlen(3, 5)
            .actualSeqKvlen(3, 9);
    NpuFusionAttention second =
        shard(whole, 5, 16, 3, 18).sparseMode(3).actualSeqQlen(2, 7, 11).actualSeqKvlen(6, 11, 15);
    joined(backend, whole, first, second, 3, 9);
  }

  /** The document's example of mode 8: the second of four sequences is cut into 2 and 3 rows. */
  @ParameterizedTest
  @MethodSource("backends")
  void shardsOfMode8EqualTheWhole(String backend) {
    int[] rows = {3, 5, 5, 4};
    int[] keys = {3, 4, 5, 4};
    NpuFusionAttention whole = ragged(rows, keys).sparseMode(2);
    NpuFusionAttention first =
        shard(whole, 0, 5, 0, 7).sparseMode(2).actualSeqQlen(3, 5).actualSeqKvlen(3, 7);
    NpuFusionAttention second =
        shard(whole, 5, 17, 3, 16)
            .sparseMode(8)
            .preTockens(4)
            .nextTockens(1)
            .actualSeqQlen(3, 8, 12)
            .actualSeqKvlen(4, 9, 13);
    joined(backend, whole, first, second, 3, 7);
  }

  private static NpuFusionAttention shard(
      NpuFusionAttention whole, int row0, int row1, int key0, int key1) {
    return NpuFusionAttention.of(
            whole.query.slice(0, row0, row1),
            whole.key.slice(0, key0, key1),
            whole.value.slice(0, key0, key1),
            4,
            "TND")
        .scale(0.3)
        .sink(whole.sink);
  }

  /** Both shards have the keys from key0 to key1; their gradients of these add up. */
  private static void joined(
      String backend,
      NpuFusionAttention whole,
      NpuFusionAttention first,
      NpuFusionAttention second,
      int key0,
      int key1) {
    for (NpuFusionAttention call : new NpuFusionAttention[] {whole, first, second}) {
      call.attenMask(COMPRESSED).softmaxLayout("TND").backend(backend);
    }
    NpuFusionAttention.Result all = whole.forward();
    Tensor dout = normal(9, all.attentionOut().shape());
    long cut = first.query.dim(0);
    long end = all.attentionOut().dim(0);
    NpuFusionAttention.Result before = first.forward();
    NpuFusionAttention.Result after = second.forward();
    same("first", before.attentionOut(), all.attentionOut().slice(0, 0, cut));
    same("second", after.attentionOut(), all.attentionOut().slice(0, cut, end));
    same("first", before.softmaxMax(), all.softmaxMax().slice(0, 0, cut));
    same("second", after.softmaxMax(), all.softmaxMax().slice(0, cut, end));
    same("first", before.softmaxSum(), all.softmaxSum().slice(0, 0, cut));
    same("second", after.softmaxSum(), all.softmaxSum().slice(0, cut, end));
    NpuFusionAttention.Gradients gradients = whole.backward(all, dout);
    NpuFusionAttention.Gradients left = first.backward(before, dout.slice(0, 0, cut));
    NpuFusionAttention.Gradients right = second.backward(after, dout.slice(0, cut, end));
    same("first", left.dquery(), gradients.dquery().slice(0, 0, cut));
    same("second", right.dquery(), gradients.dquery().slice(0, cut, end));
    same("first", left.dkey().slice(0, 0, key0), gradients.dkey().slice(0, 0, key0));
    for (int j = key0; j < key1; j++) {
      double sum = left.dvalue().get(j, 1, 2) + right.dvalue().get(j - key0, 1, 2);
      assertThat(gradients.dvalue().get(j, 1, 2)).isCloseTo(sum, within(1e-5));
    }
  }

  /** The last 1024 rows of a matrix that depends on the distance only, against the whole. */
  @ParameterizedTest
  @MethodSource("backends")
  void theLastRowsStandForTheWholeMatrix(String backend) {
    int length = 1100;
    float[] distances = normal(6, length).toFloatArray();
    float[] matrix = new float[length * length];
    for (int at = 0; at < matrix.length; at++) {
      matrix[at] = distances[Math.max(0, at / length - at % length)];
    }
    Tensor whole = Tensor.of(matrix, 1, 1, length, length);
    Tensor q = normal(1, 1, 1, length, 2);
    NpuFusionAttention call =
        NpuFusionAttention.of(q, q, q, 1, "BNSD").attenMask(COMPRESSED).sparseMode(2);
    Run full = Run.of(call.pse(whole).backend(backend));
    Run last = Run.of(call.pse(whole.slice(2, length - 1024, length)));
    same("attention_out", last.result.attentionOut(), full.result.attentionOut());
    same("softmax_sum", last.result.softmaxSum(), full.result.softmaxSum());
    same("dquery", last.gradients.dquery(), full.gradients.dquery());
    assertDiagonals(last.gradients.dpse(), full.gradients.dpse(), length);
    // As one sequence of variable length the form is the same, its gradient lies elsewhere.
    Tensor tokens = q.reshape(length, 1, 2);
    NpuFusionAttention packed =
        NpuFusionAttention.of(tokens, tokens, tokens, 1, "TND")
            .actualSeqQlen(length)
            .actualSeqKvlen(length)
            .attenMask(COMPRESSED)
            .sparseMode(2)
            .pse(whole.slice(2, length - 1024, length))
            .backend(backend);
    NpuFusionAttention.Result result = packed.forward();
    same("TND", result.attentionOut(), full.result.attentionOut());
    Tensor dout = normal(9, 1, 1, length, 2).reshape(length, 1, 2);
    assertDiagonals(packed.backward(result, dout).dpse(), full.gradients.dpse(), length);
  }

  /** What falls on one diagonal of the whole falls on the same diagonal of the last rows. */
  private static void assertDiagonals(@Nullable Tensor last, @Nullable Tensor whole, int length) {
    double[] expected = new double[length];
    double[] got = new double[length];
    float[] all = Objects.requireNonNull(whole).toFloatArray();
    float[] rows = Objects.requireNonNull(last).toFloatArray();
    for (int i = 0; i < length; i++) {
      for (int j = 0; j <= i; j++) {
        expected[i - j] += all[i * length + j];
        if (i >= length - 1024) {
          got[i - j] += rows[(i - (length - 1024)) * length + j];
        }
      }
    }
    for (int d = 0; d < length; d++) {
      assertThat(got[d]).as("distance %d", d).isCloseTo(expected[d], within(1e-4));
    }
  }
}
