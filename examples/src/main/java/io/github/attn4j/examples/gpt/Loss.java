package io.github.attn4j.examples.gpt;

import io.github.attn4j.examples.math.Workers;

/** The loss of a model on a batch, in nats per token. */
final class Loss {
  private Loss() {}

  /** With the dropout of attention and noise. */
  static double of(
      Gpt model, Batch batch, PackedAttention attention, ResidualDropout noise, Workers workers) {
    float[] logits = model.forward(batch.tokens(), pass(batch, attention, noise));
    return CrossEntropy.mean(logits, batch.targets(), batch.rows(), workers);
  }

  /** The same, and adds to the gradients of the model's parameters. */
  static double withGradients(
      Gpt model, Batch batch, PackedAttention attention, ResidualDropout noise, Workers workers) {
    Pass<PackedAttention> pass = pass(batch, attention, noise);
    float[] logits = model.forward(batch.tokens(), pass);
    double loss = CrossEntropy.mean(logits, batch.targets(), batch.rows(), workers);
    model.backward(batch.tokens(), logits, pass);
    return loss;
  }

  private static Pass<PackedAttention> pass(
      Batch batch, PackedAttention attention, ResidualDropout noise) {
    return new Pass<>(batch.rows(), batch.positions(), attention, noise);
  }
}
