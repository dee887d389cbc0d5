package io.github.attn4j.examples.gpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.attn4j.KvCacheStorage;
import io.github.attn4j.examples.gpt.CachedAttention.Sequence;
import io.github.attn4j.examples.math.Workers;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Decoding out of a cache against computing everything anew. */
class CacheTest {
  private static final GptConfig CONFIG = new GptConfig(64, 2, 2, 32, 0);
  private static final int VOCABULARY = GptConfig.VOCABULARY;

  private final Workers workers = new Workers(2);
  private final Gpt model = new Gpt(CONFIG, 128, 5, workers);

  /** Three pages and a part of one. */
  private final int[] tokens = Tokens.ofStart("Keys and values lie in pages. ".repeat(2));

  CacheTest() {
    // Weights as large as trained ones: with those of the start the layers do next to nothing.
    Random random = new Random(1);
    for (Parameter parameter : model.parameters().all()) {
      for (int i = 0; i < parameter.value.length; i++) {
        parameter.value[i] += (float) random.nextGaussian(0, 0.2);
      }
      parameter.changed();
    }
  }

  @AfterEach
  void end() {
    workers.close();
  }

  private CacheTrial trial(KvCacheStorage storage) {
    return new CacheTrial(model, storage, workers.threads());
  }

  /** As in training: one document under a mask, without a cache. */
  private float[] withoutCache() {
    PackedAttention attention =
        new PackedAttention(CONFIG, new int[] {tokens.length}, null, workers.threads());
    int[] positions = IntStream.range(0, tokens.length).toArray();
    float[] logits =
        model.forward(
            tokens, new Pass<>(tokens.length, positions, attention, ResidualDropout.NONE));
    return Arrays.copyOf(logits, tokens.length * VOCABULARY);
  }

  /** A cache of float32 changes nothing, and so not a bit. */
  @Test
  void float32CacheHasTheBitsOfTraining() {
    float[] expected = withoutCache();
    assertThat(expected).doesNotContain(Float.NaN);
    assertThat(trial(KvCacheStorage.FLOAT32).prefill(tokens)).isEqualTo(expected);
    assertThat(trial(KvCacheStorage.FLOAT32).steps(tokens)).isEqualTo(expected);
  }

  /** Whatever the storage: both read the same rounded keys and values. */
  @Test
  void stepsHaveTheBitsOfThePrefill() {
    for (KvCacheStorage storage : KvCacheStorage.values()) {
      assertThat(trial(storage).steps(tokens))
          .as(storage.toString())
          .isEqualTo(trial(storage).prefill(tokens));
    }
  }

  @Test
  void roundedCachesStayWithinWhatTheirRoundingMayDo() {
    List<KvCacheStorage> storages = List.of(KvCacheStorage.values());
    double[][] bounds = RoundingBound.ofLast(model, tokens, storages, workers);
    float[] exact = withoutCache();
    int last = exact.length - VOCABULARY;
    for (int s = 0; s < bounds.length; s++) {
      KvCacheStorage storage = storages.get(s);
      float[] rounded = trial(storage).prefill(tokens);
      double largest = 0;
      for (int token = 0; token < VOCABULARY; token++) {
        double moved = Math.abs((double) rounded[last + token] - exact[last + token]);
        assertThat(moved).as("%s, logit %d", storage, token).isLessThanOrEqualTo(bounds[s][token]);
        largest = Math.max(largest, moved);
      }
      if (storage != KvCacheStorage.FLOAT32) {
        assertThat(largest).as("%s rounds", storage).isPositive();
      }
    }
  }

  /** Two continuations of one prompt, decoded side by side, against each alone from the start. */
  @Test
  void forksContinueAsIfAlone() {
    int[] first = {'o', 'n', 'e', ' ', 'w', 'a', 'y'};
    int[] second = {'a', 'n', 'o', 't', 'h', 'e', 'r'};
    try (Decoder decoder = decoder(2)) {
      Sequence prompt = decoder.start();
      decoder.extend(prompt, tokens);
      int pagesOfPrompt = decoder.usedPages();
      Sequence fork = decoder.fork(prompt);
      assertThat(decoder.usedPages()).as("pages are shared").isEqualTo(pagesOfPrompt);
      float[] firstAlone = alone(first);
      float[] secondAlone = alone(second);
      for (int n = 0; n < first.length; n++) {
        float[] logits = decoder.extend(List.of(prompt, fork), new int[] {first[n], second[n]});
        assertThat(row(logits, 0)).isEqualTo(row(firstAlone, tokens.length + n));
        assertThat(row(logits, 1)).isEqualTo(row(secondAlone, tokens.length + n));
      }
      // Five pages for each of two sequences in each of two layers, but three full ones are shared.
      assertThat(decoder.usedPages()).isEqualTo(2 * 2 * 5 - 2 * 3);
    }
  }

  private Decoder decoder(int sequences) {
    return new Decoder(model, KvCacheStorage.FLOAT32, sequences, 128, workers.threads());
  }

  private float[] alone(int[] continuation) {
    int[] all = Arrays.copyOf(tokens, tokens.length + continuation.length);
    System.arraycopy(continuation, 0, all, tokens.length, continuation.length);
    return trial(KvCacheStorage.FLOAT32).steps(all);
  }

  private static float[] row(float[] logits, int row) {
    return Arrays.copyOfRange(logits, row * VOCABULARY, (row + 1) * VOCABULARY);
  }

  @Test
  void refusesMoreTokensThanPositions() {
    try (Decoder decoder = decoder(2)) {
      Sequence sequence = decoder.start();
      decoder.extend(sequence, new int[100]);
      assertThatThrownBy(() -> decoder.extend(sequence, new int[29]))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("tokens: expected at most 128 in a sequence, got 129");
    }
  }
}
