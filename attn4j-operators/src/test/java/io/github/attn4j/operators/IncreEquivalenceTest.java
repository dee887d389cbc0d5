package io.github.attn4j.operators;

import static io.github.attn4j.operators.Tensors.assertClose;
import static io.github.attn4j.operators.Tensors.normal;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.DType;
import io.github.attn4j.Quantization;
import io.github.attn4j.Tensor;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The same step said in two ways, on the fast backend and at sizes of its tiles. */
@NullMarked
class IncreEquivalenceTest {
  private static final int BATCH = 3;
  private static final int HEADS = 6;
  private static final int KV_HEADS = 2;
  private static final int DIM = 32;
  private static final int ROWS = 320;
  private static final int[] LENGTHS = {320, 257, 33};

  private static Tensor query(DType dtype) {
    return normal(1, BATCH, HEADS, 1, DIM).to(dtype);
  }

  private static Tensor keys(long seed, DType dtype) {
    return normal(seed, BATCH, KV_HEADS, ROWS, DIM).to(dtype);
  }

  private static IncreFlashAttention bnsd(Tensor query, Tensor key, Tensor value) {
    return IncreFlashAttention.of(query, key, value)
        .inputLayout("BNSD")
        .numHeads((int) query.dim(1))
        .numKeyValueHeads((int) key.dim(1))
        .scaleValue(1 / Math.sqrt(DIM))
        .returnSoftmaxLse(true);
  }

  private static IncreFlashAttention step(DType dtype) {
    return bnsd(query(dtype), keys(2, dtype), keys(3, dtype)).actualSeqLengths(LENGTHS);
  }

  /** Every argument that is counted by places. */
  private static IncreFlashAttention dressed(IncreFlashAttention call, DType dtype, int columns) {
    return call.attnMask(mask(columns)).pseShift(normal(7, BATCH, HEADS, 1, columns).to(dtype));
  }

  private static Tensor mask(int columns) {
    float[] draws = normal(8, BATCH, columns).toFloatArray();
    byte[] mask = new byte[draws.length];
    for (int n = 0; n < mask.length; n++) {
      mask[n] = (byte) (draws[n] > 0.8 || n >= 2 * columns ? 1 : 0);
    }
    return Tensor.of(mask, DType.BOOL, BATCH, columns);
  }

  private static void assertSameBits(IncreFlashAttention a, IncreFlashAttention b) {
    IncreFlashAttention.Result x = a.forward();
    IncreFlashAttention.Result y = b.forward();
    assertThat(x.attentionOut().toFloatArray()).isEqualTo(y.attentionOut().toFloatArray());
    assertThat(lse(x).toFloatArray()).isEqualTo(lse(y).toFloatArray());
  }

  private static Tensor lse(IncreFlashAttention.Result result) {
    return Objects.requireNonNull(result.softmaxLse());
  }

  private static Tensor toBsnd(Tensor bnsd) {
    return bnsd.transpose(1, 2).copy();
  }

  private static Tensor toBsh(Tensor bnsd) {
    Tensor bsnd = toBsnd(bnsd);
    return bsnd.reshape(bsnd.dim(0), bsnd.dim(1), bsnd.dim(2) * bsnd.dim(3));
  }

  @ParameterizedTest
  @EnumSource(names = {"FLOAT32", "FLOAT16", "BFLOAT16"})
  void layoutsAgree(DType dtype) {
    Tensor query = query(dtype);
    Tensor key = keys(2, dtype);
    Tensor value = keys(3, dtype);
    IncreFlashAttention.Result bnsd = dressed(step(dtype), dtype, ROWS).forward();
    IncreFlashAttention bsh =
        IncreFlashAttention.of(toBsh(query), toBsh(key), toBsh(value)).inputLayout("BSH");
    IncreFlashAttention bsnd =
        IncreFlashAttention.of(toBsnd(query), toBsnd(key), toBsnd(value)).inputLayout("BSND");
    for (IncreFlashAttention call : List.of(bsh, bsnd)) {
      call.numHeads(HEADS).numKeyValueHeads(KV_HEADS).scaleValue(1 / Math.sqrt(DIM));
      call.actualSeqLengths(LENGTHS).returnSoftmaxLse(true);
      IncreFlashAttention.Result other = dressed(call, dtype, ROWS).forward();
      // One row: all layouts hold the same order.
      assertThat(other.attentionOut().toFloatArray()).isEqualTo(bnsd.attentionOut().toFloatArray());
      assertThat(lse(other).toFloatArray()).isEqualTo(lse(bnsd).toFloatArray());
    }
  }

  @Test
  void groupedHeadsReadRepeatedKeys() {
    int group = HEADS / KV_HEADS;
    long[] repeated = {BATCH, KV_HEADS, group, ROWS, DIM};
    long[] flat = {BATCH, HEADS, ROWS, DIM};
    Tensor key = keys(2, DType.FLOAT32);
    Tensor value = keys(3, DType.FLOAT32);
    Tensor wideKey = key.reshape(BATCH, KV_HEADS, 1, ROWS, DIM).expand(repeated).copy();
    Tensor wideValue = value.reshape(BATCH, KV_HEADS, 1, ROWS, DIM).expand(repeated).copy();
    assertSameBits(
        step(DType.FLOAT32),
        bnsd(query(DType.FLOAT32), wideKey.reshape(flat), wideValue.reshape(flat))
            .actualSeqLengths(LENGTHS));
  }

  /** Pages in a shuffled order, their numbers behind the last needed one −1. */
  private static Tensor table(int blockSize) {
    int perSequence = ROWS / blockSize;
    Tensor table = Tensor.zeros(DType.INT32, BATCH + 1, perSequence);
    for (int b = 0; b < BATCH; b++) {
      for (int n = 0; n < perSequence; n++) {
        boolean needed = n * blockSize < LENGTHS[b];
        table.setLong(needed ? page(b, n, perSequence) : -1, b, n);
      }
    }
    return table;
  }

  private static int page(int b, int n, int perSequence) {
    return (b * perSequence + n) * 5 % (BATCH * perSequence + 1);
  }

  private static Tensor pages(Tensor cache, int blockSize) {
    int perSequence = ROWS / blockSize;
    Tensor pages =
        Tensor.zeros(cache.dtype(), BATCH * perSequence + 1, cache.dim(1), blockSize, cache.dim(3));
    for (int b = 0; b < BATCH; b++) {
      for (int n = 0; n < perSequence; n++) {
        pages
            .select(0, page(b, n, perSequence))
            .assign(cache.select(0, b).slice(1, (long) n * blockSize, (n + 1L) * blockSize));
      }
    }
    return pages;
  }

  @ParameterizedTest
  @EnumSource(names = {"FLOAT32", "FLOAT16", "BFLOAT16"})
  void pagesAreTheCacheInPieces(DType dtype) {
    for (int blockSize : new int[] {16, 32, 64, 160}) {
      Tensor key = pages(keys(2, dtype), blockSize);
      Tensor value = pages(keys(3, dtype), blockSize);
      IncreFlashAttention paged =
          bnsd(query(dtype), key, value)
              .blockTable(table(blockSize))
              .blockSize(blockSize)
              .actualSeqLengths(LENGTHS);
      assertSameBits(dressed(step(dtype), dtype, ROWS), dressed(paged, dtype, ROWS));
      // The other form of pages, in both layouts that take it.
      assertSameBits(
          dressed(paged.inputs(query(dtype), toBsh(key), toBsh(value)), dtype, ROWS),
          dressed(step(dtype), dtype, ROWS));
    }
  }

  @Test
  void pagesOfIntegersAreTheCacheInPieces() {
    Tensor key = integers(2);
    Tensor value = integers(3);
    Tensor scale = normal(5, 2, KV_HEADS, 1, DIM);
    assertSameBits(
        bnsd(query(DType.FLOAT32), key, value).antiquantScale(scale).actualSeqLengths(LENGTHS),
        bnsd(query(DType.FLOAT32), pages(key, 32), pages(value, 32))
            .antiquantScale(scale)
            .blockTable(table(32))
            .blockSize(32)
            .actualSeqLengths(LENGTHS));
  }

  private static Tensor integers(long seed) {
    float[] values = keys(seed, DType.FLOAT32).toFloatArray();
    for (int n = 0; n < values.length; n++) {
      values[n] *= 50;
    }
    return Tensor.of(values, BATCH, KV_HEADS, ROWS, DIM).to(DType.INT8);
  }

  @ParameterizedTest
  @EnumSource(names = {"FLOAT32", "FLOAT16", "BFLOAT16"})
  void leftPaddingIsRightPaddingMoved(DType dtype) {
    int padding = 5;
    int rows = ROWS + padding;
    Tensor mask = mask(rows);
    Tensor pse = normal(7, BATCH, HEADS, 1, rows).to(dtype);
    Tensor key = normal(2, BATCH, KV_HEADS, rows, DIM).to(dtype);
    Tensor value = normal(3, BATCH, KV_HEADS, rows, DIM).to(dtype);
    IncreFlashAttention left =
        bnsd(query(dtype), key, value)
            .attnMask(mask)
            .pseShift(pse)
            .actualSeqLengths(LENGTHS)
            .kvPaddingSize(Tensor.of(new long[] {padding}, 1));
    IncreFlashAttention right =
        bnsd(query(dtype), moved(key, 2), moved(value, 2))
            .attnMask(moved(mask, 1))
            .pseShift(moved(pse, 3))
            .actualSeqLengths(LENGTHS);
    assertSameBits(left, right);
  }

  /** Every sequence's window, which ends five rows before the last, moved to row 0. */
  private static Tensor moved(Tensor tensor, int dimension) {
    Tensor moved = Tensor.zeros(tensor.dtype(), tensor.shape());
    long end = tensor.dim(dimension) - 5;
    for (int b = 0; b < BATCH; b++) {
      moved
          .select(0, b)
          .slice(dimension - 1, 0, LENGTHS[b])
          .assign(tensor.select(0, b).slice(dimension - 1, end - LENGTHS[b], end));
    }
    return moved;
  }

  @Test
  void oneTensorPerSequenceIsThePaddedCache() {
    Tensor key = keys(2, DType.FLOAT16);
    Tensor value = keys(3, DType.FLOAT16);
    IncreFlashAttention list =
        IncreFlashAttention.of(query(DType.FLOAT16), cut(key), cut(value))
            .inputLayout("BNSD")
            .numHeads(HEADS)
            .numKeyValueHeads(KV_HEADS)
            .scaleValue(1 / Math.sqrt(DIM))
            .returnSoftmaxLse(true);
    assertSameBits(
        dressed(step(DType.FLOAT16), DType.FLOAT16, ROWS), dressed(list, DType.FLOAT16, ROWS));
  }

  private static List<Tensor> cut(Tensor cache) {
    return java.util.stream.IntStream.range(0, BATCH)
        .mapToObj(b -> cache.slice(0, b, b + 1).slice(2, 0, LENGTHS[b]))
        .toList();
  }

  /** Float32 multiplies integers as it does numbers: one rounding per element more or less. */
  @Test
  void integersAreTheNumbersTheyStandFor() {
    Tensor key = integers(2);
    Tensor value = integers(3);
    Tensor scale = normal(5, 2, KV_HEADS, 1, DIM);
    Tensor offset = normal(6, 2, KV_HEADS, 1, DIM);
    float[] factors = scale.toFloatArray();
    for (int n = 0; n < factors.length; n++) {
      factors[n] *= 0.02f;
    }
    scale.assign(Tensor.of(factors, scale.shape()));
    IncreFlashAttention.Result stored =
        bnsd(query(DType.FLOAT32), key, value)
            .antiquantScale(scale)
            .antiquantOffset(offset)
            .forward();
    IncreFlashAttention.Result plain =
        bnsd(query(DType.FLOAT32), numbers(key, scale, offset, 0), numbers(value, scale, offset, 1))
            .forward();
    assertClose("out", stored.attentionOut(), Oracle.doubles(plain.attentionOut()), 2e-6);
    assertClose("lse", lse(stored), Oracle.doubles(lse(plain)), 2e-6);
  }

  private static Tensor numbers(Tensor integers, Tensor scale, Tensor offset, int which) {
    Tensor numbers = Tensor.zeros(DType.FLOAT32, integers.shape());
    for (int b = 0; b < BATCH; b++) {
      for (int n = 0; n < KV_HEADS; n++) {
        for (int j = 0; j < ROWS; j++) {
          for (int d = 0; d < DIM; d++) {
            double shifted = integers.get(b, n, j, d) + offset.get(which, n, 0, d);
            numbers.set(shifted * scale.get(which, n, 0, d), b, n, j, d);
          }
        }
      }
    }
    return numbers;
  }

  @Test
  void combinedAndSeparateScalesAgree() {
    Tensor key = integers(2);
    Tensor value = integers(3);
    Tensor scale = normal(5, 2, KV_HEADS, 1, DIM);
    assertSameBits(
        bnsd(query(DType.FLOAT32), key, value).antiquantScale(scale),
        bnsd(query(DType.FLOAT32), key, value)
            .keyAntiquant(Quantization.int8(scale.slice(0, 0, 1), null))
            .valueAntiquant(Quantization.int8(scale.slice(0, 1, 2), null)));
  }

  /** Merging in float32 rounds each part once: about as much as another order of summation. */
  @ParameterizedTest
  @EnumSource(names = {"FLOAT32", "FLOAT16", "BFLOAT16"})
  void aSharedPrefixIsAConcatenatedCache(DType dtype) {
    int prefix = 70;
    Tensor key = normal(12, 1, KV_HEADS, prefix, DIM).to(dtype);
    Tensor value = normal(13, 1, KV_HEADS, prefix, DIM).to(dtype);
    int[] joined = {prefix + LENGTHS[0], prefix + LENGTHS[1], prefix + LENGTHS[2]};
    IncreFlashAttention.Result cascade =
        dressed(step(dtype).sharedPrefix(key, value), dtype, prefix + ROWS).forward();
    IncreFlashAttention whole =
        bnsd(query(dtype), joined(key, keys(2, dtype)), joined(value, keys(3, dtype)))
            .actualSeqLengths(joined);
    IncreFlashAttention.Result plain = dressed(whole, dtype, prefix + ROWS).forward();
    double unit = dtype == DType.FLOAT32 ? 2e-6 : dtype == DType.FLOAT16 ? 0x1p-10 : 0x1p-7;
    assertClose("out", cascade.attentionOut(), Oracle.doubles(plain.attentionOut()), unit);
    assertClose("lse", lse(cascade), Oracle.doubles(lse(plain)), 2e-6);
  }

  private static Tensor joined(Tensor prefix, Tensor cache) {
    long rows = prefix.dim(2);
    Tensor whole = Tensor.zeros(cache.dtype(), BATCH, KV_HEADS, rows + ROWS, DIM);
    whole.slice(2, 0, rows).assign(prefix.expand(BATCH, KV_HEADS, rows, DIM));
    whole.slice(2, rows, rows + ROWS).assign(cache);
    return whole;
  }

  @Test
  void severalRowsAreStepsOneAfterTheOther() {
    Tensor query = normal(1, BATCH, HEADS, 4, DIM);
    Tensor key = keys(2, DType.FLOAT32);
    Tensor value = keys(3, DType.FLOAT32);
    IncreFlashAttention.Result chunk =
        bnsd(query, key, value).actualSeqLengths(LENGTHS).causal(true).forward();
    for (int i = 0; i < 4; i++) {
      int back = 3 - i;
      IncreFlashAttention.Result one =
          bnsd(query.slice(2, i, i + 1), key, value)
              .actualSeqLengths(LENGTHS[0] - back, LENGTHS[1] - back, LENGTHS[2] - back)
              .forward();
      assertClose(
          "row " + i,
          chunk.attentionOut().slice(2, i, i + 1),
          Oracle.doubles(one.attentionOut()),
          2e-6);
    }
  }

  /** MindSpore's own test shapes: (B 1, N 5, S 4096, D 128, kvN 1), ALiBi, a permuted table. */
  @Test
  void theSizesOfMindSporesTests() {
    IncreCase c = new IncreCase();
    c.layout = "BSH";
    c.heads = 5;
    c.headDim = 128;
    c.rows = 4096;
    c.scale = 1 / Math.sqrt(128);
    c.query = normal(1, 1, 1, 640).to(DType.FLOAT16);
    c.key = List.of(normal(2, 1, 4096, 128).to(DType.FLOAT16));
    c.value = List.of(normal(3, 1, 4096, 128).to(DType.FLOAT16));
    c.lengths = new long[] {4000};
    c.pse = alibi().to(DType.FLOAT16);
    check(c);
    Tensor table = Tensor.zeros(DType.INT32, 1, 32);
    for (int n = 0; n < 32; n++) {
      table.setLong(n * 13 % 32, 0, n);
    }
    c.table = table;
    c.blockSize = 128;
    c.key = List.of(c.key.get(0).reshape(32, 128, 128));
    c.value = List.of(c.value.get(0).reshape(32, 128, 128));
    check(c);
  }

  private static Tensor alibi() {
    Tensor bias = Tensor.zeros(DType.FLOAT32, 1, 5, 1, 4096);
    for (int n = 0; n < 5; n++) {
      for (int j = 0; j < 4096; j++) {
        bias.set(-Math.pow(2, -n - 1.0) * (3999 - j), 0, n, 0, j);
      }
    }
    return bias;
  }

  /** The sizes at which MindSpore compares integer caches with its other operator. */
  @Test
  void theSizesOfMindSporesIntegerTests() {
    IncreCase c = new IncreCase();
    c.layout = "BNSD";
    c.heads = 5;
    c.kvHeads = 5;
    c.headDim = 128;
    c.rows = 4096;
    c.query = normal(1, 1, 5, 1, 128).to(DType.FLOAT16);
    c.scale = 0.01;
    Tensor integers = Tensor.zeros(DType.INT8, 1, 5, 4096, 128);
    integers.assign(normal(2, 1, 5, 4096, 128));
    c.key = List.of(integers);
    c.value = List.of(integers);
    c.antiquantScale = normal(3, 2, 5, 1, 128).to(DType.FLOAT16);
    check(c);
    IncreFlashAttention joined = c.call(fast());
    assertSameBits(joined, c.call(fast()).antiquantScale(c.antiquantScale.reshape(2, 640)));
  }

  private static void check(IncreCase c) {
    IncreExpected.check(c, c.call(fast()).forward());
  }

  private static String fast() {
    return Tensors.backends().findFirst().orElseThrow();
  }

  /** A thread more or less changes no bit. */
  @Test
  void threadsDoNotShow() {
    assertSameBits(step(DType.FLOAT32).threads(1), step(DType.FLOAT32).threads(3));
  }
}
