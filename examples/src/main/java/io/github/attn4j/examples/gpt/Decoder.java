package io.github.attn4j.examples.gpt;

import io.github.attn4j.KvCacheStorage;
import io.github.attn4j.examples.gpt.CachedAttention.Sequence;
import java.util.Arrays;
import java.util.List;

/** Runs a trained model over growing sequences; what was read before is not computed again. */
final class Decoder implements AutoCloseable {
  private final Gpt model;
  private final CachedAttention attention;

  /**
   * Allocates a cache.
   *
   * @param storage of keys and values
   * @param sequences there may be
   * @param longest tokens of one
   */
  Decoder(Gpt model, KvCacheStorage storage, int sequences, int longest, int threads) {
    this.model = model;
    this.attention = new CachedAttention(model.config(), storage, sequences, longest, threads);
  }

  /** A sequence without tokens. */
  Sequence start() {
    return attention.start();
  }

  /** A sequence that shares the tokens of another. */
  Sequence fork(Sequence other) {
    return attention.fork(other);
  }

  /** Appends tokens to one sequence; see {@link #extend(List, int[])}. */
  float[] extend(Sequence sequence, int... tokens) {
    return extend(List.of(sequence), tokens);
  }

  /**
   * Appends tokens to sequences and computes what may follow each.
   *
   * @param tokens as many for each sequence, those of one behind the other's
   * @return logits (tokens, vocabulary), the model's own memory, overwritten by the next call
   */
  float[] extend(List<Sequence> sequences, int[] tokens) {
    int each = tokens.length / sequences.size();
    int[] positions = new int[tokens.length];
    for (int s = 0; s < sequences.size(); s++) {
      int length = attention.length(sequences.get(s));
      for (int i = 0; i < each; i++) {
        positions[s * each + i] = length + i;
      }
    }
    int longest = Arrays.stream(positions).max().orElse(0);
    if (longest >= model.capacity()) {
      throw new IllegalArgumentException(
          "tokens: expected at most %d in a sequence, got %d"
              .formatted(model.capacity(), longest + 1));
    }
    attention.expect(sequences, each);
    return model.forward(
        tokens, new Pass<>(tokens.length, positions, attention, ResidualDropout.NONE));
  }

  /** The memory of the cache. */
  long cacheBytes() {
    return attention.bytes();
  }

  /** Pages in use, of all layers. */
  int usedPages() {
    return attention.usedPages();
  }

  @Override
  public void close() {
    attention.close();
  }
}
