package io.github.attn4j.cpu.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.Attention;
import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionResult;
import io.github.attn4j.AttentionSpec;
import io.github.attn4j.DType;
import io.github.attn4j.Quantization;
import io.github.attn4j.Tensor;
import io.github.attn4j.cpu.emit.Isa;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A row decoded alone repeats the prefill to the bit, though one reads the cache in place and the
 * other packs it: at lengths around a block of keys, a tile and a part, for every storage, number
 * of queries and page size.
 */
@Tag("contract")
final class DecodePassTest {
  private static final int KV_HEADS = 2;

  /** More rows than a tile of few queries has, so that the prefill packs. */
  private static final int ROWS = 150;

  private static final int[] LENGTHS = {1, 15, 16, 17, 95, 96, 97, 191, 193, 500, 4200};

  private final SplittableRandom random = new SplittableRandom(11);

  enum Cache {
    FLOAT32(DType.FLOAT32, 128),
    FLOAT32_UNEVEN(DType.FLOAT32, 80),
    BFLOAT16(DType.BFLOAT16, 128),
    BFLOAT16_UNEVEN(DType.BFLOAT16, 48),
    FLOAT16(DType.FLOAT16, 128),
    INT8_BY_KEY(DType.INT8, 128),
    INT8_BY_COLUMN(DType.INT8, 128),
    INT8_UNEVEN(DType.INT8, 80);

    final DType dtype;
    final int dim;

    Cache(DType dtype, int dim) {
      this.dtype = dtype;
      this.dim = dim;
    }

    boolean integers() {
      return dtype == DType.INT8;
    }

    DType queries() {
      return integers() ? DType.FLOAT32 : dtype;
    }
  }

  /** Keys or values of all sequences, and what integers stand for. */
  private record Stored(Tensor tensor, @Nullable Quantization integers) {}

  private Tensor normal(DType dtype, long... shape) {
    Tensor tensor = Tensor.zeros(DType.FLOAT32, shape);
    float[] numbers = new float[(int) tensor.elements()];
    for (int at = 0; at < numbers.length; at++) {
      numbers[at] = (float) random.nextGaussian();
    }
    return Tensor.of(numbers, shape).to(dtype);
  }

  /** Of (entries, heads, keys of an entry, dim). */
  private Stored stored(Cache cache, int entries, int keys) {
    long[] shape = {entries, KV_HEADS, keys, cache.dim};
    if (!cache.integers()) {
      return new Stored(normal(cache.dtype, shape), null);
    }
    byte[] bytes = new byte[entries * KV_HEADS * keys * cache.dim];
    random.nextBytes(bytes);
    Tensor scale =
        cache == Cache.INT8_BY_COLUMN
            ? normal(DType.FLOAT32, 1, KV_HEADS, 1, cache.dim)
            : normal(DType.FLOAT32, entries, KV_HEADS, keys, 1);
    return new Stored(Tensor.of(bytes, DType.INT8, shape), new Quantization(8, scale, null));
  }

  private static Tensor offHeap(Tensor tensor) {
    MemorySegment memory = Arena.ofAuto().allocate(tensor.segment().byteSize(), 64);
    memory.copyFrom(tensor.segment());
    return Tensor.of(memory, tensor.dtype(), tensor.shape());
  }

  private static AttentionResult run(
      Cache cache, int heads, Tensor query, int keys, AttentionInputs inputs) {
    AttentionSpec spec =
        AttentionSpec.builder()
            .padded(1, (int) query.dim(2), keys)
            .heads(heads, KV_HEADS)
            .dims(cache.dim, cache.dim)
            .dtype(cache.queries())
            .kvDtype(cache.dtype)
            .backend("cpu")
            .build();
    return Attention.plan(spec).forward(inputs);
  }

  private void check(Cache cache, int group, int keys, int pageSize, boolean offHeap) {
    int heads = group * KV_HEADS;
    int pages = pageSize == 0 ? 1 : Math.ceilDiv(keys, pageSize);
    Stored key = stored(cache, pages, pageSize == 0 ? keys : pageSize);
    Stored value = stored(cache, pages, pageSize == 0 ? keys : pageSize);
    Tensor query = normal(cache.queries(), 1, heads, ROWS, cache.dim);
    Tensor last = query.slice(2, ROWS - 1, ROWS);
    int[] order = new int[pages];
    for (int n = 0; n < pages; n++) {
      order[n] = pages - 1 - n;
    }
    Tensor table = pageSize == 0 ? null : Tensor.of(order, 1, pages);
    AttentionInputs.Storage storage =
        new AttentionInputs.Storage(table, key.integers(), value.integers());
    Tensor k = offHeap ? offHeap(key.tensor()) : key.tensor();
    Tensor v = offHeap ? offHeap(value.tensor()) : value.tensor();
    AttentionResult prefill =
        run(cache, heads, query, keys, AttentionInputs.of(query, k, v).withStorage(storage));
    long before = DecodePass.TILES.sum();
    long redone = DecodePass.REDONE.sum();
    AttentionResult decode =
        run(cache, heads, last, keys, AttentionInputs.of(last, k, v).withStorage(storage));
    boolean inPlace = KernelChoice.ACTIVE.isaOrNull() == Isa.AVX512;
    String what = "%s, group %d, %d keys, pages of %d".formatted(cache, group, keys, pageSize);
    assertThat(DecodePass.TILES.sum() - before)
        .as(what)
        .isEqualTo(inPlace ? (long) KV_HEADS * Math.ceilDiv(keys, Lanes.TILE_N) : 0);
    assertThat(DecodePass.REDONE.sum()).as("parts done again: %s", what).isEqualTo(redone);
    assertThat(decode.out().toFloatArray())
        .as(what)
        .isEqualTo(prefill.out().slice(2, ROWS - 1, ROWS).copy().toFloatArray());
    assertThat(decode.lse().toFloatArray())
        .as(what)
        .isEqualTo(prefill.lse().slice(2, ROWS - 1, ROWS).copy().toFloatArray());
  }

  @ParameterizedTest
  @EnumSource
  void repeatsThePrefill(Cache cache) {
    for (int keys : LENGTHS) {
      check(cache, 4, keys, 0, keys % 2 == 0);
    }
    for (int group : new int[] {1, 3, 5, 8}) {
      check(cache, group, 200, 0, false);
    }
  }

  /** Pages end inside of blocks, at their ends, and hold several. */
  @ParameterizedTest
  @EnumSource
  void repeatsThePrefillOfPages(Cache cache) {
    for (int pageSize : new int[] {3, 16, 24, 128}) {
      check(cache, 4, 300, pageSize, pageSize == 24);
    }
  }

  /** One value that is not finite is felt by its column alone, as it is where values are packed. */
  @ParameterizedTest
  @EnumSource(names = {"FLOAT32", "BFLOAT16", "FLOAT16"})
  void valuesThatAreNotFinite(Cache cache) {
    Tensor key = normal(cache.dtype, 1, KV_HEADS, 300, cache.dim);
    Tensor value = normal(cache.dtype, 1, KV_HEADS, 300, cache.dim);
    value.set(Double.NEGATIVE_INFINITY, 0, 0, 130, 5);
    value.set(Double.NaN, 0, 1, 299, 7);
    Tensor query = normal(cache.queries(), 1, KV_HEADS, ROWS, cache.dim);
    Tensor last = query.slice(2, ROWS - 1, ROWS);
    AttentionResult prefill =
        run(cache, KV_HEADS, query, 300, AttentionInputs.of(query, key, value));
    AttentionResult decode = run(cache, KV_HEADS, last, 300, AttentionInputs.of(last, key, value));
    assertThat(decode.out().toFloatArray())
        .isEqualTo(prefill.out().slice(2, ROWS - 1, ROWS).copy().toFloatArray());
    assertThat(decode.out().get(0, 0, 0, 5)).isEqualTo(Double.NEGATIVE_INFINITY);
    assertThat(decode.out().get(0, 1, 0, 7)).isNaN();
    assertThat(decode.out().get(0, 1, 0, 5)).isFinite();
  }
}
