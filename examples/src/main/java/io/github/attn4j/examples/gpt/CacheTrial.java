package io.github.attn4j.examples.gpt;

import io.github.attn4j.KvCacheStorage;
import io.github.attn4j.examples.gpt.CachedAttention.Sequence;
import java.util.Arrays;

/** What a model says, and how exactly, when keys and values are stored in one way or another. */
final class CacheTrial {
  private final Gpt model;
  private final KvCacheStorage storage;
  private final int threads;

  CacheTrial(Gpt model, KvCacheStorage storage, int threads) {
    this.model = model;
    this.storage = storage;
    this.threads = threads;
  }

  /**
   * Text that was generated.
   *
   * @param tokens the prompt and what followed
   * @param cacheBytes of all layers
   * @param tokensPerSecond without the prompt
   */
  record Sample(int[] tokens, long cacheBytes, double tokensPerSecond) {}

  /** Reads the prompt at once, then draws one token after the other. */
  Sample sample(int[] prompt, int count, Sampler sampler) {
    try (Decoder decoder = new Decoder(model, storage, 1, prompt.length + count, threads)) {
      Sequence sequence = decoder.start();
      int[] tokens = Arrays.copyOf(prompt, prompt.length + count);
      float[] logits = decoder.extend(sequence, prompt);
      int row = prompt.length - 1;
      long start = System.nanoTime();
      for (int n = prompt.length; n < tokens.length; n++) {
        tokens[n] = sampler.next(logits, row);
        logits = decoder.extend(sequence, tokens[n]);
        row = 0;
      }
      double seconds = (System.nanoTime() - start) * 1e-9;
      return new Sample(tokens, decoder.cacheBytes(), count / seconds);
    }
  }

  /** The logits behind every token, all read at once. */
  float[] prefill(int[] tokens) {
    try (Decoder decoder = new Decoder(model, storage, 1, tokens.length, threads)) {
      float[] logits = decoder.extend(decoder.start(), tokens);
      return Arrays.copyOf(logits, tokens.length * GptConfig.VOCABULARY);
    }
  }

  /** The logits behind every token, read one by one. */
  float[] steps(int[] tokens) {
    float[] all = new float[tokens.length * GptConfig.VOCABULARY];
    try (Decoder decoder = new Decoder(model, storage, 1, tokens.length, threads)) {
      Sequence sequence = decoder.start();
      for (int n = 0; n < tokens.length; n++) {
        float[] logits = decoder.extend(sequence, tokens[n]);
        System.arraycopy(logits, 0, all, n * GptConfig.VOCABULARY, GptConfig.VOCABULARY);
      }
    }
    return all;
  }

  /** The largest distance of two numbers at the same place; NaN if one is NaN. */
  static double largestDifference(float[] a, float[] b) {
    double largest = 0;
    for (int i = 0; i < a.length; i++) {
      largest = Math.max(largest, Math.abs((double) a[i] - b[i]));
    }
    return largest;
  }

  /** The largest share of its bound that a logit behind the last token has moved by. */
  static double largestShare(float[] exact, float[] rounded, double[] bounds) {
    double largest = 0;
    int last = exact.length - bounds.length;
    for (int token = 0; token < bounds.length; token++) {
      double moved = Math.abs((double) rounded[last + token] - exact[last + token]);
      largest = Math.max(largest, moved / bounds[token]);
    }
    return largest;
  }
}
