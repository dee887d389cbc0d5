package io.github.attn4j.examples.gpt;

import io.github.attn4j.examples.math.Workers;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The model: embedding, branches beside a residual stream, norm, and the embedding again. Forward
 * and backward are written out by hand; activations lie in memory that is allocated once.
 */
final class Gpt {
  private static final double DEVIATION = 0.02;

  private final GptConfig config;
  private final int capacity;
  private final Parameters parameters;
  private final Embedding embedding;
  private final List<Residual> residuals = new ArrayList<>();
  private final LayerNorm norm;

  /** The residual stream (rows, width); in a backward, its gradient. */
  private final float[] stream;

  private final float[] normed;
  private final float[] logits;
  private final Scratch scratch;

  /**
   * A model with random weights.
   *
   * @param capacity the most tokens of a pass, and of a sequence
   * @param seed of the weights
   */
  Gpt(GptConfig config, int capacity, long seed, Workers workers) {
    int width = config.width();
    this.config = config;
    this.capacity = capacity;
    this.parameters = new Parameters(seed);
    this.scratch = new Scratch(config, capacity);
    this.stream = new float[capacity * width];
    this.normed = new float[capacity * width];
    this.logits = new float[capacity * GptConfig.VOCABULARY];
    this.embedding =
        new Embedding(
            parameters.matrix("embedding", GptConfig.VOCABULARY, width, DEVIATION), workers);
    Rotary rotary = new Rotary(config, capacity, workers);
    for (int layer = 0; layer < config.layers(); layer++) {
      Branch attention = attention(layer, rotary, workers);
      residuals.add(residual("layer %d attention norm".formatted(layer), attention, workers));
      Branch mlp = mlp(layer, workers);
      residuals.add(residual("layer %d feed-forward norm".formatted(layer), mlp, workers));
    }
    this.norm = norm("norm", workers);
  }

  private Branch attention(int layer, Rotary rotary, Workers workers) {
    int width = config.width();
    String name = "layer %d attention ".formatted(layer);
    return new SelfAttention(
        config,
        layer,
        new Linear(parameters.matrix(name + "in", 3 * width, width, DEVIATION), workers),
        new Linear(parameters.matrix(name + "out", width, width, branchDeviation()), workers),
        rotary,
        capacity,
        scratch,
        workers);
  }

  private Branch mlp(int layer, Workers workers) {
    int width = config.width();
    int hidden = Mlp.EXPANSION * width;
    String name = "layer %d feed-forward ".formatted(layer);
    return new Mlp(
        config,
        new Linear(parameters.matrix(name + "in", hidden, width, DEVIATION), workers),
        new Linear(parameters.matrix(name + "out", width, hidden, branchDeviation()), workers),
        capacity,
        scratch,
        workers);
  }

  /** Branches add up: each starts small enough for the sum to have the size of one. */
  private double branchDeviation() {
    return DEVIATION / Math.sqrt(2.0 * config.layers());
  }

  private Residual residual(String normName, Branch branch, Workers workers) {
    return new Residual(
        config, residuals.size(), norm(normName, workers), branch, capacity, scratch, workers);
  }

  private LayerNorm norm(String name, Workers workers) {
    Parameter gain = parameters.vector(name + " gain", config.width(), 1);
    Parameter offset = parameters.vector(name + " offset", config.width(), 0);
    return new LayerNorm(gain, offset, capacity, workers);
  }

  GptConfig config() {
    return config;
  }

  int capacity() {
    return capacity;
  }

  Parameters parameters() {
    return parameters;
  }

  /**
   * Computes what may follow each token.
   *
   * @param tokens bytes as 0 to 255
   * @return logits (rows, vocabulary), the model's own memory, overwritten by the next pass
   */
  float[] forward(int[] tokens, Pass<?> pass) {
    int rows = pass.rows();
    if (rows > capacity) {
      throw new IllegalArgumentException(
          "rows: expected at most %d, got %d".formatted(capacity, rows));
    }
    embedding.forward(tokens, rows, stream);
    for (Residual residual : residuals) {
      residual.forward(stream, pass);
    }
    norm.forward(stream, rows, normed);
    embedding.logits(normed, rows, logits);
    return logits;
  }

  /**
   * Adds the gradients of the last forward to those of the parameters.
   *
   * @param tokens of the forward
   * @param dlogits (rows, vocabulary)
   * @param pass of the forward
   */
  void backward(int[] tokens, float[] dlogits, Pass<PackedAttention> pass) {
    int rows = pass.rows();
    embedding.logitsBackward(normed, dlogits, rows, scratch.input);
    Arrays.fill(stream, 0, rows * config.width(), 0);
    norm.backward(scratch.input, rows, stream);
    for (Residual residual : residuals.reversed()) {
      residual.backward(stream, pass);
    }
    embedding.backward(tokens, rows, stream);
  }
}
