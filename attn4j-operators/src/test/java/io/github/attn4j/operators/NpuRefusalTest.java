package io.github.attn4j.operators;

import static io.github.attn4j.operators.Tensors.normal;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.attn4j.DType;
import io.github.attn4j.RefusedException;
import io.github.attn4j.RefusedException.Kind;
import io.github.attn4j.Tensor;
import java.util.function.Consumer;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The conditions that the operator's document and its kernels list, one by one. */
@NullMarked
class NpuRefusalTest {
  private static final Tensor COMPRESSED = Tensor.zeros(DType.BOOL, 2048, 2048);
  private static final Tensor COMPRESSED_PREFIX = Tensor.zeros(DType.BOOL, 3072, 2048);

  private static NpuFusionAttention bnsd(int batch, int heads, int rows, int keys, int dim) {
    return NpuFusionAttention.of(
            normal(1, batch, heads, rows, dim),
            normal(2, batch, heads, keys, dim),
            normal(3, batch, heads, keys, dim),
            heads,
            "BNSD")
        .backend("reference");
  }

  private static NpuFusionAttention square() {
    return bnsd(2, 2, 6, 6, 4);
  }

  /** Sequences of these lengths, two heads. */
  private static NpuFusionAttention tnd(int[] rows, int[] keys) {
    long[] endsQ = NpuCase.ends(rows, 0);
    long[] endsK = NpuCase.ends(keys, 0);
    return NpuFusionAttention.of(
            normal(1, endsQ[rows.length - 1], 2, 4),
            normal(2, endsK[keys.length - 1], 2, 4),
            normal(3, endsK[keys.length - 1], 2, 4),
            2,
            "TND")
        .actualSeqQlen(endsQ)
        .actualSeqKvlen(endsK)
        .backend("reference");
  }

  private static NpuFusionAttention tnd() {
    return tnd(new int[] {2, 3}, new int[] {3, 4});
  }

  private static Tensor bool(long... shape) {
    return Tensor.zeros(DType.BOOL, shape);
  }

  private static Tensor zeros(long... shape) {
    return Tensor.zeros(DType.FLOAT32, shape);
  }

  private static NpuFusionAttention masked(NpuFusionAttention call, int mode, long pre, long next) {
    boolean dense = mode <= 1;
    boolean ragged = call.inputLayout.equals("TND");
    long rows = ragged ? 3 : call.query.dim(2);
    long keys = ragged ? 4 : call.key.dim(2);
    Tensor mask = dense ? bool(rows, keys) : mode == 6 ? COMPRESSED_PREFIX : COMPRESSED;
    return call.attenMask(mask).sparseMode(mode).preTockens(pre).nextTockens(next);
  }

  private static void assertRefused(
      NpuFusionAttention call, Kind kind, String argument, String... message) {
    Refusals.assertRefused(call::forward, kind, argument, message);
  }

  private static void assertRuns(NpuFusionAttention call) {
    assertThat(call.forward().attentionOut().elements()).isPositive();
  }

  private static void value(NpuFusionAttention call, String argument, String... message) {
    assertRefused(call, Kind.VALUE_ERROR, argument, message);
  }

  @Test
  void layoutsByName() {
    Tensor q = normal(1, 2, 2, 6, 4);
    value(NpuFusionAttention.of(q, q, q, 2, "BND"), "input_layout", "BNSD or TND", "BND");
    value(NpuFusionAttention.of(q, q, q, 2, ""), "input_layout", "BNSD or TND");
    assertRuns(NpuFusionAttention.of(q, q, q, 2, "bnsd"));
  }

  @Test
  void ranks() {
    Tensor q = normal(1, 2, 6, 8);
    value(NpuFusionAttention.of(q, q, q, 2, "BNSD"), "query", "rank 4", "FLOAT32[2, 6, 8]");
    value(NpuFusionAttention.of(normal(1, 2, 2, 6, 4), q, q, 2, "BSND"), "key", "rank 4");
    value(NpuFusionAttention.of(q, q, normal(1, 6, 8), 2, "SBH"), "value", "rank 3");
  }

  @Test
  void headNumbers() {
    Tensor q = normal(1, 2, 2, 6, 4);
    value(NpuFusionAttention.of(q, q, q, 0, "BNSD"), "head_num", "at least 1", "head_num 0");
    value(NpuFusionAttention.of(q, q, q, 3, "BNSD"), "head_num", "query has heads", "[2, 2, 6, 4]");
    Tensor folded = normal(1, 2, 6, 8);
    value(NpuFusionAttention.of(folded, folded, folded, 3, "BSH"), "query", "H that 3 divides");
    Tensor many = Tensor.zeros(DType.FLOAT32, 1, 257, 1, 1);
    value(NpuFusionAttention.of(many, many, many, 257, "BNSD"), "head_num", "at most 256");
  }

  @Test
  void shapesOfKeyAndValue() {
    Tensor q = normal(1, 2, 4, 6, 4);
    value(of(q, normal(2, 1, 4, 6, 4), q), "key", "the B of query, 2", "[1, 4, 6, 4]");
    value(of(q, q, normal(2, 1, 4, 6, 4)), "value", "the B of query, 2");
    value(of(q, normal(2, 2, 4, 6, 3), q), "key", "the D of query, 4");
    value(of(q, normal(2, 2, 3, 6, 4), normal(2, 2, 3, 6, 4)), "key", "divide those of query");
    value(of(q, q, normal(2, 2, 2, 6, 4)), "value", "as many heads as key");
    value(of(q, q, normal(2, 2, 4, 5, 4)), "value", "the S of key, 6");
    value(of(q, q, normal(2, 2, 4, 6, 5)), "value", "1 <= Dv <= D");
    Tensor folded = normal(1, 2, 6, 8);
    value(NpuFusionAttention.of(folded, normal(1, 2, 6, 9), folded, 2, "BSH"), "key", "4 divides");
    Tensor wide = Tensor.zeros(DType.FLOAT32, 1, 1, 1, 896);
    value(NpuFusionAttention.of(wide, wide, wide, 1, "BNSD"), "query", "1 <= D <= 768", "896");
    Tensor none = Tensor.zeros(DType.FLOAT32, 0, 1, 1, 8);
    value(NpuFusionAttention.of(none, none, none, 1, "BNSD"), "query", "B of at least 1");
  }

  private static NpuFusionAttention of(Tensor query, Tensor key, Tensor value) {
    return NpuFusionAttention.of(query, key, value, 4, "BNSD").backend("reference");
  }

  @Test
  void dtypes() {
    Tensor q = normal(1, 2, 4, 6, 4);
    Tensor half = q.to(DType.FLOAT16);
    Kind type = Kind.TYPE_ERROR;
    Tensor ints = Tensor.zeros(DType.INT8, 2, 4, 6, 4);
    assertRefused(of(ints, ints, ints), type, "query", "float16, bfloat16 or float32", "INT8");
    assertRefused(of(q, half, q), type, "key", "dtype of query", "FLOAT16[2, 4, 6, 4]");
    assertRefused(of(half, half, q), type, "value", "dtype of query");
    assertRefused(square().pse(zeros(1, 2, 6, 6).to(DType.FLOAT16)), type, "pse", "dtype of query");
    assertRefused(
        square().attenMask(zeros(6, 6)), type, "atten_mask", "bool or int8", "FLOAT32[6, 6]");
    assertRefused(square().sink(zeros(2).to(DType.FLOAT16)), type, "sink", "float32");
    assertRefused(square().keepProb(0.5).dropoutMask(zeros(99)), type, "dropout_mask", "int8");
    assertRefused(
        square().pseType(2).pse(zeros(2).to(DType.BFLOAT16)), type, "pse", "float32 slopes");
  }

  @Test
  void argumentsOfTheirOwn() {
    assertRefused(
        square().paddingMask(zeros(1)), Kind.RUNTIME_ERROR, "padding_mask", "not supported");
    value(square().innerPrecise(3), "inner_precise", "0, 1 or 2", "3");
    value(square().innerPrecise(-1), "inner_precise", "0, 1 or 2");
    for (double wrong : new double[] {0, -0.1, 1.2, Double.NaN}) {
      value(square().keepProb(wrong), "keep_prob", "0 < keep_prob <= 1", "" + wrong);
    }
    value(square().scale(Double.NaN), "scale", "NaN");
    value(square().sink(zeros(3)), "sink", "[N] = [2]", "FLOAT32[3]");
    // 2 * 2 * 6 * 6 bits are 18 bytes.
    Tensor bits = Tensor.zeros(DType.INT8, 18);
    value(square().keepProb(0.5).dropoutMask(bits.slice(0, 0, 17)), "dropout_mask", "18 bytes");
    assertRuns(square().keepProb(0.5).dropoutMask(bits));
    assertRuns(square().innerPrecise(2).genMaskParallel(false).sync(true));
  }

  @Test
  void softmaxLayouts() {
    value(square().softmaxLayout("TND"), "softmax_layout", "with that input_layout");
    value(tnd().softmaxLayout("BNSD"), "softmax_layout", "\"TND\"", "BNSD");
    value(tnd().softmaxLayout("tnd"), "softmax_layout", "\"TND\"");
    assertRuns(tnd().softmaxLayout("TND"));
  }

  @Test
  void sparseModesOutOfRange() {
    value(square().sparseMode(7), "sparse_mode", "0 to 6", "sparse_mode 7");
    value(square().sparseMode(-1), "sparse_mode", "0 to 6");
    value(tnd().sparseMode(9), "sparse_mode", "0 to 8");
    value(tnd().attenMask(bool(1, 1, 3, 4)).sparseMode(5), "sparse_mode", "any but 5 with TND");
    assertRuns(tnd().sparseMode(5));
  }

  @Test
  void denseMasks() {
    value(square().attenMask(bool(1000, 1000)), "atten_mask", "[2, 2, 6, 6]", "BOOL[1000, 1000]");
    value(bnsd(1, 4, 6, 6, 4).attenMask(bool(2, 2, 6, 6)), "atten_mask", "[1, 4, 6, 6]");
    value(bnsd(1, 4, 6, 6, 4).attenMask(bool(1, 2, 6, 6)), "atten_mask", "[1, 4, 6, 6]");
    value(square().attenMask(bool(2, 6, 6)), "atten_mask", "[2, 2, 6, 6]");
    value(tnd().attenMask(bool(2, 4)), "atten_mask", "[3, 4] (the longest)", "BOOL[2, 4]");
    value(tnd().attenMask(bool(3, 3)).sparseMode(1), "atten_mask", "[3, 4] (the longest)");
    for (long[] shape : new long[][] {{6, 6}, {1, 1, 6, 6}, {2, 1, 6, 6}, {2, 2, 6, 6}}) {
      assertRuns(square().attenMask(bool(shape)));
    }
    for (long[] shape : new long[][] {{1, 6}, {2, 1, 1, 6}, {1, 2, 6, 1}, {1, 1, 1, 1}}) {
      assertRuns(square().attenMask(bool(shape)).sparseMode(1));
    }
    assertRuns(tnd().attenMask(bool(3, 4)));
    assertRuns(tnd().attenMask(bool(5, 7)));
    assertRuns(tnd().attenMask(bool(2, 1, 3, 4)));
  }

  @ParameterizedTest
  @CsvSource({"2", "3", "4"})
  void compressedMasks(int mode) {
    value(
        square().attenMask(bool(6, 6)).sparseMode(mode),
        "atten_mask",
        "[2048, 2048] of sparse_mode " + mode,
        "BOOL[6, 6]");
    value(tnd().attenMask(COMPRESSED_PREFIX).sparseMode(mode), "atten_mask", "[2048, 2048]");
    assertRuns(square().attenMask(COMPRESSED).sparseMode(mode));
    assertRuns(square().attenMask(COMPRESSED.reshape(1, 1, 2048, 2048)).sparseMode(mode));
  }

  @Test
  void compressedMasksOfTheOtherModes() {
    value(square().prefix(3, 3).attenMask(bool(6, 6)).sparseMode(6), "atten_mask", "[3072, 2048]");
    value(square().prefix(3, 3).attenMask(COMPRESSED).sparseMode(6), "atten_mask", "[3072, 2048]");
    value(tnd().attenMask(bool(3, 4)).sparseMode(7), "atten_mask", "[2048, 2048]");
    value(tnd().attenMask(bool(3, 4)).sparseMode(8), "atten_mask", "[2048, 2048]");
  }

  @Test
  void prefixes() {
    NpuFusionAttention longer = masked(bnsd(3, 2, 4, 6, 4), 6, 0, 0);
    value(longer, "prefix", "each of 3 sequences", "none");
    value(longer.prefix(3, 3), "prefix", "each of 3 sequences", "[3, 3]");
    value(longer.prefix(new long[33]), "prefix", "each of 3 sequences");
    value(longer.prefix(3, 1, 3), "prefix", "2 <= N <= 6 in sequence 1");
    value(longer.prefix(3, 3, 7), "prefix", "2 <= N <= 6 in sequence 2", "[3, 3, 7]");
    assertRuns(longer.prefix(2, 6, 3));
    NpuFusionAttention shorter = masked(bnsd(3, 2, 6, 4, 4), 6, 0, 0);
    value(shorter.prefix(0, 4, -1), "prefix", "0 <= N <= 4 in sequence 2");
    value(shorter.prefix(0, 5, 1), "prefix", "0 <= N <= 4 in sequence 1");
    assertRuns(shorter.prefix(0, 4, 1));
    value(masked(tnd(), 6, 0, 0).prefix(1, 0), "prefix", "1 <= N <= 4 in sequence 1");
    assertRuns(masked(tnd(), 6, 0, 0).prefix(1, 1));
  }

  @Test
  void prefixesGivenDenselyNeedAMaskForEachSequence() {
    NpuFusionAttention call = bnsd(3, 2, 4, 6, 4).sparseMode(5).prefix(4, 5, 6);
    value(call.attenMask(bool(4, 6)), "atten_mask", "each of 3 sequences", "BOOL[4, 6]");
    value(call.attenMask(bool(1, 1, 4, 6)), "atten_mask", "each of 3 sequences");
    assertRuns(call.attenMask(bool(3, 1, 4, 6)));
    // There the mask decides; a prefix that makes no sense is not read.
    assertRuns(call.prefix(-1, 99));
    assertRuns(bnsd(1, 2, 4, 6, 4).sparseMode(5).attenMask(bool(4, 6)));
  }

  @ParameterizedTest
  @CsvSource({
    // mode, Sq, Skv, pre, next, refused argument
    "0, 1024, 1024, -512, -512, pre_tockens",
    "0, 1024, 1024, -1024, 512, pre_tockens",
    "0, 8, 8, -3, 2, pre_tockens",
    "0, 8, 8, 2, -3, next_tockens",
    // A negative next needs a row so far down, a negative pre a column so far right.
    "0, 5, 9, 5, -5, next_tockens",
    "0, 9, 5, 9, -5, ''",
    "0, 9, 5, -5, 9, pre_tockens",
    "0, 5, 9, -5, 9, ''",
    "0, 12, 12, 9, -3, ''",
    "0, 12, 12, -3, 7, ''",
    "4, 1024, 1024, 512, -1024, next_tockens",
    "4, 4, 6, 6, -2, ''",
    "4, 4, 6, 1, -3, pre_tockens",
    "4, 6, 4, -7, 9, pre_tockens",
    "4, 6, 4, -3, 1, pre_tockens",
    "4, 6, 4, -2, 4, ''",
    "4, 8, 8, -9223372036854775808, 9223372036854775807, pre_tockens",
    "4, 8, 8, 9223372036854775807, 9223372036854775807, ''",
    // Only modes 0 and 4 read them.
    "1, 8, 8, -9, -9, ''",
    "2, 8, 8, -9, -9, ''",
    "3, 8, 8, -9, -9, ''",
  })
  void bandsThatMeetNoScores(int mode, int rows, int keys, long pre, long next, String refused) {
    NpuFusionAttention call = masked(bnsd(1, 1, rows, keys, 1), mode, pre, next);
    if (refused.isEmpty()) {
      assertRuns(call);
    } else {
      value(call, refused, "from the top-left corner", "pre_tockens " + pre);
    }
    // Without a mask they have no effect.
    assertRuns(call.attenMask(null));
  }

  /** Without keys there is nothing that a band could miss; the results are zeros. */
  @Test
  void bandsOverNoScores() {
    for (int mode : new int[] {0, 3, 4}) {
      assertRuns(masked(bnsd(1, 2, 5, 0, 4), mode, -3, -2));
      NpuFusionAttention ragged = tnd(new int[] {2, 3}, new int[] {0, 0});
      Tensor mask = mode == 0 ? bool(3, 0) : COMPRESSED;
      assertRuns(ragged.attenMask(mask).sparseMode(mode).preTockens(-3).nextTockens(-2));
    }
  }

  @Test
  void variableLengths() {
    Tensor q = normal(1, 5, 2, 4);
    NpuFusionAttention bare = NpuFusionAttention.of(q, q, q, 2, "TND").backend("reference");
    value(bare, "actual_seq_qlen", "the ends of the sequences with TND");
    value(bare.actualSeqQlen(2, 5), "actual_seq_kvlen", "the ends of the sequences with TND");
    value(bare.actualSeqKvlen(2, 3, 5), "actual_seq_kvlen", "as actual_seq_qlen, 2", "[2, 3, 5]");
    value(bare.actualSeqKvlen(5, 0), "actual_seq_kvlen", "as actual_seq_qlen, 2");
    value(bare.actualSeqKvlen(2, 6), "actual_seq_kvlen", "at most T, 5", "[2, 6]");
    value(bare.actualSeqKvlen(3, 2), "actual_seq_kvlen", "running sums");
    assertRuns(bare.actualSeqKvlen(2, 4, 0, 0));
    value(bare.actualSeqQlen(2, 6), "actual_seq_qlen", "at most T, 5");
    value(bare.actualSeqQlen(-1, 4), "actual_seq_qlen", "running sums");
    value(bare.actualSeqQlen(new long[0]), "actual_seq_qlen", "at least one sequence");
    value(square().actualSeqQlen(6, 12), "actual_seq_qlen", "none without TND");
    value(square().actualSeqKvlen(6, 12), "actual_seq_kvlen", "none without TND");
  }

  private static void lengths(
      int mode, int[] rows, int[] keys, long pre, long next, String refused, String... message) {
    NpuFusionAttention call = tnd(rows, keys).sparseMode(mode).preTockens(pre).nextTockens(next);
    int most = java.util.Arrays.stream(rows).max().orElse(0);
    int mostKeys = java.util.Arrays.stream(keys).max().orElse(0);
    call.attenMask(mode <= 1 ? bool(most, mostKeys) : COMPRESSED);
    if (refused.isEmpty()) {
      assertRuns(call);
    } else {
      value(call, refused, message);
    }
  }

  @Test
  void bandsOverVariableLengths() {
    int[] longer = {2, 3};
    int[] other = {3, 6};
    lengths(0, longer, other, 9, -1, "next_tockens", "at least 0 with TND");
    lengths(0, other, longer, 2, 9, "pre_tockens", "Skv + pre_tockens >= Sq in sequence 1");
    lengths(0, other, longer, 3, 9, "");
    lengths(0, longer, other, -2, 1, "pre_tockens", "no less than -next_tockens");
    lengths(0, longer, other, -1, 1, "");
    lengths(0, new int[] {4, 2}, new int[] {0, 3}, 0, 9, "");
    lengths(1, other, longer, -9, -9, "");
    lengths(2, other, longer, -9, -9, "");
    lengths(
        3, other, longer, 9, 9, "actual_seq_qlen", "Sq <= Skv with sparse_mode 3 in sequence 0");
    lengths(3, new int[] {1, 2}, new int[] {0, 3}, 9, 9, "actual_seq_qlen", "in sequence 0");
    lengths(3, new int[] {0, 2}, new int[] {3, 2}, 9, 9, "");
    lengths(4, longer, other, -1, 9, "pre_tockens", "at least 0 with TND and sparse_mode 4");
    lengths(4, longer, other, 1, -2, "next_tockens", "no less than -pre_tockens");
    lengths(4, longer, other, 9, -2, "next_tockens", "Sq - next_tockens <= Skv in sequence 0");
    lengths(4, longer, other, 9, -1, "");
    lengths(4, new int[] {2, 9}, new int[] {3, 0}, 9, -1, "");
  }

  @Test
  void cutsOfALongSequence() {
    int[] rows = {3, 2};
    int[] keys = {3, 6};
    lengths(7, rows, keys, 6, -2, "");
    lengths(7, rows, keys, 5, -2, "pre_tockens", "at least Skv of the last sequence, 6");
    lengths(7, rows, keys, 6, 1, "next_tockens", "at most 0 with sparse_mode 7");
    lengths(7, rows, keys, 6, -5, "next_tockens", "Sq - next_tockens <= Skv in the last sequence");
    lengths(7, keys, rows, 6, -2, "actual_seq_qlen", "Sq <= Skv with sparse_mode 7 in sequence 1");
    int[] first = {3, 5, 4};
    int[] firstKeys = {4, 5, 4};
    lengths(8, first, firstKeys, 4, 1, "");
    lengths(8, first, firstKeys, 3, 1, "pre_tockens", "at least Skv of the first sequence, 4");
    lengths(8, first, firstKeys, 4, -2, "next_tockens", "Skv in the first sequence");
    lengths(8, first, firstKeys, 4, -1, "");
    lengths(8, new int[] {0, 3}, new int[] {9, 4}, 4, 1, "");
  }

  @Test
  void positionEncodings() {
    value(square().pse(zeros(1, 2, 10, 6)), "pse", "[2, 2, 6, 6], each of them or 1", "10");
    value(square().pse(zeros(3, 2, 6, 6)), "pse", "[2, 2, 6, 6]");
    value(square().pse(zeros(6, 6)), "pse", "[2, 2, 6, 6]");
    value(square().pseType(0), "pse", "one with pse_type 0");
    value(square().pseType(4), "pse_type", "0, 1, 2 or 3");
    value(square().pseType(-1), "pse_type", "0, 1, 2 or 3");
    for (long[] shape : new long[][] {{2, 2, 6, 6}, {1, 2, 6, 6}, {2, 2, 1, 6}, {1, 2, 1, 6}}) {
      assertRuns(square().pse(zeros(shape)));
    }
    value(tnd().pse(zeros(19)), "pse", "36 packed numbers (N, Sq, Skv) or 14", "FLOAT32[19]");
    value(tnd().pse(zeros(2, 2, 1, 4)), "pse", "the last rows [2 or 1, 2, 1024, 4]");
    assertRuns(tnd().pse(zeros(36)));
    assertRuns(tnd().pse(zeros(14)));
  }

  @Test
  void positionEncodingsWithShardsOrEmptySequences() {
    Kind together = Kind.RUNTIME_ERROR;
    NpuFusionAttention shards = masked(tnd(), 7, 9, 0).pse(zeros(36));
    assertRefused(shards, together, "pse", "none with sparse_mode 7 or 8");
    assertRefused(shards.sparseMode(8), together, "pse", "none with sparse_mode 7 or 8");
    assertRuns(shards.attenMask(null));
    NpuFusionAttention gap = tnd(new int[] {2, 0, 3}, new int[] {3, 1, 4}).pse(zeros(36));
    assertRefused(gap, together, "pse", "a sequence of no rows, 1");
    assertRuns(tnd().actualSeqQlen(2, 5, 0, 0).actualSeqKvlen(3, 7, 0, 0).pse(zeros(36)));
  }

  @Test
  void lastRowsOfAPositionEncoding() {
    Consumer<NpuFusionAttention> refuses =
        call -> value(call, "pse", "Sq = Skv and a causal mask", "[1, 1, 1024, 1030]");
    NpuFusionAttention call = bnsd(1, 1, 1030, 1030, 1).pse(zeros(1, 1, 1024, 1030));
    refuses.accept(call);
    refuses.accept(masked(call, 1, 0, 0));
    refuses.accept(masked(call, 4, 9999, 0));
    refuses.accept(masked(call, 0, 1029, 0));
    refuses.accept(masked(call, 0, 1030, 1));
    refuses.accept(masked(bnsd(1, 1, 1031, 1030, 1).pse(zeros(1, 1, 1024, 1030)), 2, 0, 0));
    value(masked(bnsd(1, 1, 1000, 1000, 1).pse(zeros(1, 1, 1024, 1000)), 2, 0, 0), "pse");
    NpuFusionAttention ragged = tnd(new int[] {3, 4}, new int[] {3, 4});
    value(masked(tnd(), 2, 0, 0).pse(zeros(1, 2, 1024, 4)), "pse", "Sq = Skv and a causal mask");
    value(ragged.pse(zeros(1, 2, 1024, 4)), "pse", "Sq = Skv and a causal mask");
    value(ragged.pse(zeros(1, 2, 1024, 5)), "pse", "the last rows [2 or 1, 2, 1024, 4]");
    assertRuns(ragged.pse(zeros(2, 2, 1024, 4)).attenMask(COMPRESSED).sparseMode(3));
    // At 1024 rows it is the whole matrix.
    assertRuns(bnsd(1, 1, 1024, 3, 1).pse(zeros(1, 1, 1024, 3)));
  }

  @Test
  void slopes() {
    NpuFusionAttention call = square().pseType(2).pse(zeros(2));
    assertRuns(call);
    assertRuns(call.qStartIdx(3).kvStartIdx(1));
    value(call.kvStartIdx((long[]) null), "kv_start_idx", "one number, for query and key both");
    value(call.qStartIdx((long[]) null).kvStartIdx(1), "q_start_idx", "one number");
    value(call.qStartIdx(1, 2), "q_start_idx", "one number", "[1, 2]");
    // The other types do not read them, which does not make them right.
    value(square().kvStartIdx(3, 4).qStartIdx(1), "kv_start_idx", "one number", "[3, 4]");
    value(square().qStartIdx(1), "kv_start_idx", "for query and key both");
    assertRuns(square().qStartIdx(1).kvStartIdx(9));
    value(square().pseType(3), "pse", "one with pse_type 3");
    value(square().pseType(3).pse(zeros(3)), "pse", "slopes [2] or [2, 2] with pse_type 3");
    value(bnsd(2, 2, 6, 7, 4).pseType(2).pse(zeros(2)), "pse", "Sq = Skv with pse_type 2");
    assertRuns(tnd().pseType(2).pse(zeros(2, 2)));
    assertRefused(
        masked(tnd(), 7, 9, 0).pseType(2).pse(zeros(2)),
        Kind.RUNTIME_ERROR,
        "pse",
        "none with sparse_mode 7");
    NpuFusionAttention cut = masked(tnd(new int[] {2, 3}, new int[] {4, 3}), 8, 9, 0);
    cut.pseType(2).pse(zeros(2));
    value(cut, "pse", "q_start_idx - kv_start_idx = 0 in sequence 0");
    assertRuns(cut.qStartIdx(2).kvStartIdx(0));
    value(
        masked(tnd(new int[] {2, 3}, new int[] {2, 4}), 8, 9, 0).pseType(2).pse(zeros(2)),
        "pse",
        "Sq = Skv in sequence 1 with sparse_mode 8");
  }

  @Test
  void gradientsOfTheOutput() {
    NpuFusionAttention call = square();
    NpuFusionAttention.Result result = call.forward();
    assertThatThrownBy(() -> call.backward(result, zeros(2, 2, 6, 5)))
        .isInstanceOf(RefusedException.class)
        .hasMessageStartingWith("dout: ");
  }
}
