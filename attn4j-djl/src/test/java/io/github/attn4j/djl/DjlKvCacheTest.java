package io.github.attn4j.djl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.attn4j.DType;
import io.github.attn4j.DecodeRequest;
import io.github.attn4j.KvCache;
import io.github.attn4j.Mask;
import io.github.attn4j.RefusedException;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Decoding is attention over all tokens so far. */
@OnTorch
class DjlKvCacheTest {
  private static final int HEADS = 4;
  private static final int KV_HEADS = 2;
  private static final int DIM = 32;

  private NDManager manager;
  private DjlKvCache cache;

  @BeforeEach
  void open() {
    manager = NDManager.newBaseManager("PyTorch");
    cache =
        DjlKvCache.of(
            KvCache.builder().pages(16).pageSize(8).heads(KV_HEADS).dims(DIM, DIM).build());
  }

  @AfterEach
  void close() {
    cache.close();
    manager.close();
  }

  private NDArray tokens(long seed, int count, int heads) {
    Random random = new Random(seed);
    float[] numbers = new float[count * heads * DIM];
    for (int at = 0; at < numbers.length; at++) {
      numbers[at] = (float) random.nextGaussian();
    }
    return manager.create(numbers, new Shape(count, heads, DIM));
  }

  /** (tokens, heads, columns) as the formula has it: (1, heads, tokens, columns). */
  private static NDArray batched(NDArray tokens) {
    return tokens.transpose(1, 0, 2).expandDims(0);
  }

  /** The rows of a query against all keys, causal, by DJL's operators. */
  private void checkAgainstFormula(
      NDArray out, NDArray query, NDArray key, NDArray value, Mask mask) {
    Formula.Arrays arrays =
        new Formula.Arrays(batched(query), batched(key), batched(value), null, null);
    double scale = 1 / Math.sqrt(DIM);
    Formula exact = new Formula(DataType.FLOAT64, mask, scale, null);
    Formula plain = new Formula(DataType.FLOAT32, mask, scale, null);
    Terms terms = new Terms(exact, arrays.to(DataType.FLOAT64), batched(out));
    Agreement.check(
        "out",
        batched(out),
        exact.out(arrays.to(DataType.FLOAT64)),
        plain.out(arrays),
        terms.out,
        DType.FLOAT32);
  }

  @Test
  void promptForksAndStepsAgreeWithTheFormula() {
    NDArray key = tokens(1, 11, KV_HEADS);
    NDArray value = tokens(2, 11, KV_HEADS);
    NDArray query = tokens(3, 11, HEADS);
    long prompt = cache.newSequence();
    cache.append(prompt, key, value);
    DjlResult prefill = cache.attend(query, prompt);
    checkAgainstFormula(prefill.out(), query, key, value, Mask.causal());
    assertThat(prefill.lse().getShape()).isEqualTo(new Shape(HEADS, 11));

    long fork = cache.fork(prompt);
    NDArray keyOfFork = tokens(4, 1, KV_HEADS);
    NDArray keyOfPrompt = tokens(5, 1, KV_HEADS);
    cache.append(fork, keyOfFork, keyOfFork);
    cache.append(prompt, keyOfPrompt, keyOfPrompt);
    NDArray next = tokens(6, 2, HEADS);
    NDArray step = cache.attend(next, prompt, fork).out();
    checkAgainstFormula(
        step.get("0:1"),
        next.get("0:1"),
        key.concat(keyOfPrompt),
        value.concat(keyOfPrompt),
        Mask.causal());
    checkAgainstFormula(
        step.get("1:2"),
        next.get("1:2"),
        key.concat(keyOfFork),
        value.concat(keyOfFork),
        Mask.causal());
  }

  @Test
  void truncatedTokensAreForgottenAndFreedPagesComeBack() {
    NDArray key = tokens(1, 20, KV_HEADS);
    long sequence = cache.newSequence();
    cache.append(sequence, key, key);
    cache.truncate(sequence, 7);
    assertThat(cache.length(sequence)).isEqualTo(13);
    NDArray query = tokens(3, 1, HEADS);
    NDArray kept = key.get("0:13");
    checkAgainstFormula(cache.attend(query, sequence).out(), query, kept, kept, Mask.causal());
    cache.free(sequence);
    assertThat(cache.cache().freePages()).isEqualTo(cache.cache().totalPages());
  }

  @Test
  void requestsHaveTheCoresOptions() {
    NDArray key = tokens(1, 20, KV_HEADS);
    long first = cache.newSequence();
    long second = cache.newSequence();
    cache.append(first, key, key);
    cache.append(second, key.get("0:9"), key.get("0:9"));
    NDArray query = tokens(3, 4, HEADS);
    Mask window = Mask.window(5, 0);
    DjlResult result =
        cache.attend(
            query,
            rows ->
                DecodeRequest.ragged(rows, new long[] {first, second}, new int[] {3, 1})
                    .withOptions(spec -> spec.mask(window).maxLogit(true).softmaxStats(true)));
    checkAgainstFormula(result.out().get("0:3"), query.get("0:3"), key, key, window);
    NDArray shorter = key.get("0:9");
    checkAgainstFormula(result.out().get("3:4"), query.get("3:4"), shorter, shorter, window);
    assertThat(result.rowMax()).isNotNull();
    assertThat(result.rowSum()).isNotNull();
    assertThat(result.maxLogit()).isNotNull();
  }

  @Test
  void transposedRowsAreStoredInTheirOrder() {
    NDArray headsFirst = tokens(1, 10, KV_HEADS).transpose(1, 0, 2).duplicate();
    NDArray key = headsFirst.transpose(1, 0, 2);
    long sequence = cache.newSequence();
    cache.append(sequence, key, key);
    assertThat(manager.create(cache.cache().key(sequence).toFloatArray(), key.getShape()))
        .isEqualTo(key);
  }

  @Test
  void resultsBelongToTheQuerysManagerAndNothingElseIsLeft() {
    long sequence = cache.newSequence();
    NDArray key = tokens(1, 3, KV_HEADS);
    NDArray query = tokens(2, 1, HEADS);
    int before = manager.getManagedArrays().size();
    cache.append(sequence, key, key);
    try (DjlResult result = cache.attend(query, sequence)) {
      assertThat(result.out().getManager()).isEqualTo(manager);
    }
    assertThat(manager.getManagedArrays()).hasSize(before);
  }

  @Test
  void refusalsNameWhatDoesNotFit() {
    long sequence = cache.newSequence();
    NDArray key = tokens(1, 3, KV_HEADS);
    NDArray wide = tokens(1, 3, HEADS);
    assertThatThrownBy(() -> cache.append(sequence, wide, key))
        .isInstanceOf(RefusedException.class)
        .hasMessageStartingWith("key: expected (tokens, 2, 32), got FLOAT32[3, 4, 32]");
    NDArray integers = key.toType(DataType.INT32, false);
    assertThatThrownBy(() -> cache.append(sequence, key, integers))
        .isInstanceOf(RefusedException.class)
        .hasMessageStartingWith("value: expected float32 or float16");
    assertThat(cache.length(sequence)).isZero();
    int before = manager.getManagedArrays().size();
    assertThatThrownBy(() -> cache.attend(wide, sequence + 99))
        .isInstanceOf(RefusedException.class)
        .hasMessageStartingWith("sequence: ");
    assertThat(manager.getManagedArrays()).hasSize(before);
  }
}
