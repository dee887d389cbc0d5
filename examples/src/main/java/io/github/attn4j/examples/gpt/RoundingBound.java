package io.github.attn4j.examples.gpt;

import io.github.attn4j.AttentionGradients;
import io.github.attn4j.KvCacheStorage;
import io.github.attn4j.Tensor;
import io.github.attn4j.examples.math.Workers;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * How far a cache's rounding may move a logit, to first order: the sum over all keys and values, in
 * all layers, of the most that each is rounded by times the logit's derivative. The derivative is
 * what the model's own backward hands each layer's keys and values.
 */
final class RoundingBound extends PackedAttention {
  private final GptConfig config;
  private final List<KvCacheStorage> storages;
  private final int rows;
  private final double[] bounds;

  private RoundingBound(GptConfig config, List<KvCacheStorage> storages, int rows, int threads) {
    super(config, new int[] {rows}, null, threads);
    this.config = config;
    this.storages = storages;
    this.rows = rows;
    this.bounds = new double[storages.size()];
  }

  /**
   * The bounds of the logits behind the last token. Clears the gradients of the parameters.
   *
   * @param tokens of one sequence
   * @return (storages, bytes)
   */
  static double[][] ofLast(
      Gpt model, int[] tokens, List<KvCacheStorage> storages, Workers workers) {
    int rows = tokens.length;
    RoundingBound attention = new RoundingBound(model.config(), storages, rows, workers.threads());
    int[] positions = IntStream.range(0, rows).toArray();
    Pass<PackedAttention> pass = new Pass<>(rows, positions, attention, ResidualDropout.NONE);
    model.forward(tokens, pass);
    double[][] all = new double[storages.size()][GptConfig.VOCABULARY];
    float[] dlogits = new float[rows * GptConfig.VOCABULARY];
    int last = dlogits.length - GptConfig.VOCABULARY;
    for (int token = 0; token < GptConfig.VOCABULARY; token++) {
      Arrays.fill(attention.bounds, 0);
      dlogits[last + token] = 1;
      model.backward(tokens, dlogits, pass);
      dlogits[last + token] = 0;
      for (int s = 0; s < all.length; s++) {
        all[s][token] = attention.bounds[s];
      }
    }
    model.parameters().clearGradients();
    return all;
  }

  @Override
  AttentionGradients backward(int layer, float[] qkv, float[] out, float[] dout) {
    AttentionGradients gradients = super.backward(layer, qkv, out, dout);
    add(gradients.key(), 1, qkv);
    add(gradients.value(), 2, qkv);
    return gradients;
  }

  /**
   * One of the three parts of qkv (rows, 3, heads, dim), and its gradient (1, rows, heads, dim).
   */
  private void add(Tensor gradient, int part, float[] qkv) {
    float[] derivatives = gradient.toFloatArray();
    int dim = config.headDim();
    for (int row = 0; row < rows; row++) {
      for (int head = 0; head < config.heads(); head++) {
        int at = ((row * 3 + part) * config.heads() + head) * dim;
        int from = (row * config.heads() + head) * dim;
        float largest = 0;
        for (int c = 0; c < dim; c++) {
          largest = Math.max(largest, Math.abs(qkv[at + c]));
        }
        for (int c = 0; c < dim; c++) {
          float value = Math.abs(qkv[at + c]);
          float derivative = Math.abs(derivatives[from + c]);
          for (int s = 0; s < bounds.length; s++) {
            bounds[s] += derivative * mostRounded(storages.get(s), value, largest);
          }
        }
      }
    }
  }

  /** What {@link KvCacheStorage} says of its rounding. */
  private static double mostRounded(KvCacheStorage storage, float value, float largestOfRow) {
    return switch (storage) {
      case FLOAT32 -> 0;
      // Half a unit in the last of 11, and of 8, binary digits.
      case FLOAT16 -> Math.max(value * 0x1p-11, 0x1p-25);
      case BFLOAT16 -> value * 0x1p-8;
      case INT8 -> largestOfRow / 127.0 / 2;
      case INT4 -> largestOfRow / 7.0 / 2;
    };
  }
}
