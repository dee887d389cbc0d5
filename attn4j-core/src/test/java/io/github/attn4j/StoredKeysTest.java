package io.github.attn4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Keys and values as caches store them, by hand: integers, pages, a dtype of their own. */
final class StoredKeysTest {
  private static AttentionSpec.Builder spec(int keys, int keyDim, DType kvDtype) {
    return AttentionSpec.builder()
        .padded(1, 1, keys)
        .heads(1, 1)
        .dims(keyDim, 1)
        .scale(1)
        .kvDtype(kvDtype)
        .backend("reference");
  }

  private static AttentionInputs stored(
      Tensor query, Tensor key, Tensor value, @Nullable Tensor table, @Nullable Quantization q) {
    return AttentionInputs.of(query, key, value)
        .withStorage(new AttentionInputs.Storage(table, q, q));
  }

  private static float[] scores(AttentionSpec.Builder spec, AttentionInputs inputs) {
    return Attention.plan(spec.build()).scores(inputs, ScoreStage.SCALED).toFloatArray();
  }

  private static Tensor bytes(int... values) {
    byte[] data = new byte[values.length];
    for (int n = 0; n < data.length; n++) {
      data[n] = (byte) values[n];
    }
    return Tensor.of(data, DType.INT8, values.length);
  }

  private static Tensor floats(float... values) {
    return Tensor.of(values, values.length);
  }

  private static void refused(AttentionSpec.Builder spec, AttentionInputs inputs, String message) {
    AttentionPlan plan = Attention.plan(spec.build());
    assertThatThrownBy(() -> plan.forward(inputs))
        .isInstanceOf(RefusedException.class)
        .hasMessageStartingWith(message);
  }

  /** (integer + offset) * scale, the offset first. */
  @Test
  void eightBits() {
    Tensor query = floats(1, 10).reshape(1, 1, 1, 2);
    Tensor key = bytes(-128, 127, 3, 4).reshape(1, 1, 2, 2);
    Tensor value = bytes(2, -6).reshape(1, 1, 2, 1);
    Tensor perChannel = floats(0.5f, 2).reshape(1, 1, 1, 2);
    Tensor perToken = floats(1, -1).reshape(1, 1, 2, 1);
    AttentionInputs inputs =
        AttentionInputs.of(query, key, value)
            .withStorage(
                new AttentionInputs.Storage(
                    null,
                    Quantization.int8(perChannel, perToken),
                    Quantization.int8(floats(0.25f).reshape(1, 1, 1, 1), null)));
    assertThat(scores(spec(2, 2, DType.INT8), inputs))
        .containsExactly(-63.5f + 10 * 256, 1 + 10 * 6);
    // One key alone: the output is its value, -6 / 4.
    AttentionSpec.Builder second =
        spec(2, 2, DType.INT8)
            .mask(Mask.dense(Tensor.of(new byte[] {0, 1}, DType.BOOL, 1, 1, 1, 2)));
    assertThat(Attention.plan(second.build()).forward(inputs).out().toFloatArray())
        .containsExactly(-1.5f);
  }

  /** The low half first, both signed; a dim of three takes two bytes, and the last half is idle. */
  @Test
  void fourBits() {
    Tensor query = floats(1, 100, 10000).reshape(1, 1, 1, 3);
    Tensor key = bytes(0x8F, 0x75, 0x10, 0xF8).reshape(1, 1, 2, 2);
    Tensor value = bytes(0x03, 0x02).reshape(1, 1, 2, 1);
    Tensor one = floats(1).reshape(1, 1, 1, 1);
    // -1, -8, 5 and 0, 1, -8.
    assertThat(
            scores(
                spec(2, 3, DType.INT8),
                stored(query, key, value, null, Quantization.int4(one, null))))
        .containsExactly(-1 - 800 + 50000, 100 - 80000);
    Tensor half = floats(0.5f).reshape(1, 1, 1, 1);
    // 1, -6, 7 and 2, 3, -6, each halved.
    assertThat(
            scores(
                spec(2, 3, DType.INT8),
                stored(
                    query,
                    key,
                    value,
                    null,
                    Quantization.int4(half, floats(2).reshape(1, 1, 1, 1)))))
        .containsExactly((1 - 600 + 70000) / 2f, (2 + 300 - 60000) / 2f);
  }

  /** Three keys in pages of two; the block table's entries behind the end may be anything. */
  @Test
  void pages() {
    Tensor query = floats(1).reshape(1, 1, 1, 1);
    Tensor pages = floats(1, 2, 3, 4, 5, 6).reshape(3, 1, 2, 1);
    Tensor table = Tensor.of(new int[] {2, 0, -1, 99}, 1, 4);
    AttentionInputs inputs = stored(query, pages, pages, table, null);
    assertThat(scores(spec(3, 1, DType.FLOAT32), inputs)).containsExactly(5, 6, 1);
    AttentionSpec.Builder none = spec(0, 1, DType.FLOAT32);
    AttentionInputs empty = stored(query, pages, pages, Tensor.zeros(DType.INT32, 1, 0), null);
    assertThat(Attention.plan(none.build()).forward(empty).out().toFloatArray()).containsExactly(0);
  }

  /** With pages, scales have pages too; key heads are told apart inside a page. */
  @Test
  void pagesOfIntegers() {
    Tensor query = floats(1, 1).reshape(2, 1, 1);
    Tensor pages = bytes(1, 2, 3, 4, 5, 6, 7, 8).reshape(2, 2, 2, 1);
    Tensor scale = floats(1, 10, 100, 1000, 2, 20, 200, 2000).reshape(2, 2, 2, 1);
    AttentionSpec.Builder spec =
        spec(0, 1, DType.INT8)
            .layout(Layout.TND)
            .sequences(Sequences.ragged(new long[] {0, 1, 2}, new long[] {0, 1, 4}))
            .heads(1, 1);
    AttentionInputs inputs =
        stored(
            query,
            pages.slice(1, 1, 2),
            pages.slice(1, 1, 2),
            Tensor.of(new int[] {0, 7, 1, 0}, 2, 2),
            Quantization.int8(scale.slice(1, 1, 2), null));
    assertThat(scores(spec, inputs)).containsExactly(300, 0, 0, 1400, 16000, 300);
  }

  @Test
  void keysOfTheirOwnDtype() {
    Tensor query = floats(3).reshape(1, 1, 1, 1);
    Tensor key = floats(0.5f, -2).to(DType.BFLOAT16).reshape(1, 1, 2, 1);
    AttentionInputs inputs = AttentionInputs.of(query, key, key);
    AttentionSpec.Builder spec = spec(2, 1, DType.BFLOAT16);
    assertThat(scores(spec, inputs)).containsExactly(1.5f, -6);
    AttentionResult result = Attention.plan(spec.build()).forward(inputs);
    assertThat(result.out().dtype()).isEqualTo(DType.FLOAT32);
    refused(
        spec(2, 1, DType.FLOAT32), inputs, "key: expected dtype FLOAT32, got BFLOAT16[1, 1, 2, 1]");
    assertThatThrownBy(() -> Attention.plan(spec(2, 1, DType.INT32).build()))
        .hasMessage("kvDtype: expected FLOAT32, FLOAT16, BFLOAT16 or INT8, got INT32");
  }

  @Test
  void storedKeysHaveNoBackward() {
    Tensor query = floats(3).reshape(1, 1, 1, 1);
    Tensor key = floats(1).to(DType.FLOAT16).reshape(1, 1, 1, 1);
    AttentionPlan other = Attention.plan(spec(1, 1, DType.FLOAT16).build());
    AttentionInputs plain = AttentionInputs.of(query, key, key);
    AttentionResult result = other.forward(plain);
    assertThatThrownBy(() -> other.backward(plain, result, query))
        .isInstanceOf(RefusedException.class)
        .hasMessage(
            "key: expected plain key and value of the query's dtype for a backward, "
                + "got a tensor of FLOAT16");
    AttentionPlan plan = Attention.plan(spec(1, 1, DType.FLOAT32).build());
    AttentionInputs paged = stored(query, query, query, Tensor.of(new int[] {0}, 1, 1), null);
    AttentionResult out = plan.forward(paged);
    assertThatThrownBy(() -> plan.backward(paged, out, query))
        .hasMessageEndingWith("for a backward, got a cache of FLOAT32");
  }

  @Test
  void integersWithoutAMeaningAreRefused() {
    Tensor query = floats(1).reshape(1, 1, 1, 1);
    Tensor key = bytes(1, 2).reshape(1, 1, 2, 1);
    refused(
        spec(2, 1, DType.INT8),
        AttentionInputs.of(query, key, key),
        "key: expected INT8 with a quantisation or floating without, got INT8[1, 1, 2, 1] without");
    Tensor one = floats(1).reshape(1, 1, 1, 1);
    Tensor real = key.to(DType.FLOAT32);
    refused(
        spec(2, 1, DType.FLOAT32),
        stored(query, real, real, null, Quantization.int8(one, null)),
        "key: expected INT8 with a quantisation or floating without, got FLOAT32[1, 1, 2, 1] with");
  }

  @Test
  void scalesThatDoNotFitAreRefused() {
    Tensor query = floats(1, 1, 1).reshape(1, 1, 1, 3);
    Tensor key = bytes(1, 2, 3, 4).reshape(1, 1, 2, 2);
    Tensor value = bytes(1, 2).reshape(1, 1, 2, 1);
    Tensor one = floats(1).reshape(1, 1, 1, 1);
    Tensor columns = floats(1, 2).reshape(1, 1, 1, 2);
    refused(
        spec(2, 3, DType.INT8),
        stored(query, key, value, null, Quantization.int4(columns, null)),
        "key scale: expected (entries, kvHeads, rows, columns) = [1, 1, 2, 3], each or 1, "
            + "got FLOAT32[1, 1, 1, 2]");
    refused(
        spec(2, 3, DType.INT8),
        stored(query, key, value, null, Quantization.int4(one, columns)),
        "key offset: expected (entries, kvHeads, rows, columns) = [1, 1, 2, 3]");
    refused(
        spec(2, 3, DType.INT8),
        stored(query, key, value, null, Quantization.int8(one, null)),
        "key: expected shape [1, 1, 2, 3], got INT8[1, 1, 2, 2] (query FLOAT32[1, 1, 1, 3]");
    assertThatThrownBy(() -> new Quantization(5, one, null))
        .isInstanceOf(RefusedException.class)
        .hasMessage("bits: expected 8 or 4, got 5");
    assertThatThrownBy(() -> Quantization.int8(value, null))
        .hasMessage("scale: expected a floating dtype, got INT8[1, 1, 2, 1]");
    assertThatThrownBy(() -> Quantization.int4(one, floats(1)))
        .hasMessage(
            "offset: expected (entries, kvHeads, rows, columns), each or 1, got FLOAT32[1]");
  }

  @Test
  void pagesThatDoNotFitAreRefused() {
    Tensor query = floats(1).reshape(1, 1, 1, 1);
    Tensor pages = floats(1, 2, 3, 4).reshape(2, 1, 2, 1);
    Tensor table = Tensor.of(new int[] {0, 1}, 1, 2);
    AttentionSpec.Builder spec = spec(3, 1, DType.FLOAT32);
    refused(
        spec,
        stored(query, floats(1, 2, 3, 4).reshape(4, 1, 1), pages, table, null),
        "key: expected (pages, 1, page size, 1), got FLOAT32[4, 1, 1] (query");
    refused(
        spec,
        stored(query, pages, floats(1, 2, 3, 4).reshape(4, 1, 1, 1), table, null),
        "value: expected a page size of 2, as the key has, got FLOAT32[4, 1, 1, 1]");
    refused(
        spec,
        stored(query, pages, floats(1, 2).reshape(1, 2, 1, 1), table, null),
        "value: expected (pages, 1, page size, 1), got FLOAT32[1, 2, 1, 1]");
    refused(
        spec,
        stored(query, pages, pages, table.to(DType.INT64), null),
        "blockTable: expected INT32, got INT64[1, 2]");
    refused(
        spec,
        stored(query, pages, pages, table.reshape(2, 1), null),
        "blockTable: expected (1 sequences, pages), got INT32[2, 1]");
    refused(
        spec,
        stored(query, pages, pages, table.slice(1, 0, 1), null),
        "blockTable: expected 2 pages of 2 for the 3 keys of sequence 0, got INT32[1, 1]");
    for (int wrong : new int[] {-1, 2, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
      refused(
          spec,
          stored(query, pages, pages, Tensor.of(new int[] {0, wrong}, 1, 2), null),
          "blockTable: expected pages from 0 to 1 (key "
              + pages
              + "), got "
              + wrong
              + " at [0, 1]");
    }
  }
}
