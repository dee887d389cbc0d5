package io.github.attn4j.examples.gpt;

import io.github.attn4j.Dropout;
import io.github.attn4j.examples.math.Workers;
import java.util.List;

/** Takes the steps of a training. */
final class Trainer {
  private static final double LARGEST_GRADIENT = 1;

  private final Gpt model;
  private final Training training;
  private final Workers workers;
  private final Packer packer;
  private final List<Batch> heldOut;
  private final AdamW optimizer;
  private int step;
  private long stepNanos;
  private long attentionNanos;

  /** The model must have room for the rows of a step. */
  Trainer(Gpt model, Corpus corpus, Training training, Workers workers) {
    this.model = model;
    this.training = training;
    this.workers = workers;
    int context = model.config().context();
    this.packer = new Packer(corpus.train(), context, training.rows(), training.seed());
    this.heldOut = Packer.inOrder(corpus.heldOut(), context, training.rows());
    this.optimizer = new AdamW(model.parameters().all(), workers);
  }

  /** Whether all steps are taken, or the time is over. */
  boolean finished() {
    return training.progress(step, stepNanos) >= 1;
  }

  /**
   * One batch, one change of the weights.
   *
   * @return the loss before it, in nats per token
   */
  double step() {
    long start = System.nanoTime();
    double rate = training.rate(training.progress(step, stepNanos));
    model.parameters().clearGradients();
    double loss = lossAndGradients(packer.next());
    double norm = model.parameters().gradientNorm();
    if (!(norm < Double.POSITIVE_INFINITY)) {
      throw new ArithmeticException("the gradients of step %d are not finite".formatted(step));
    }
    optimizer.step(rate, Math.min(1, LARGEST_GRADIENT / norm));
    step++;
    stepNanos += System.nanoTime() - start;
    return loss;
  }

  private double lossAndGradients(Batch batch) {
    double p = model.config().dropout();
    // A stream of its own for every step and layer.
    long stream = (long) step * model.config().layers();
    Dropout dropout = p > 0 ? Dropout.of(p, training.seed(), stream) : null;
    PackedAttention attention =
        new PackedAttention(model.config(), batch.lengths(), dropout, workers.threads());
    double loss =
        Loss.withGradients(
            model, batch, attention, new ResidualDropout(p, training.seed(), step), workers);
    attentionNanos += attention.nanos();
    return loss;
  }

  /** The loss over all documents that were held out, in nats per token, without dropout. */
  double heldOutLoss() {
    double sum = 0;
    long tokens = 0;
    for (Batch batch : heldOut) {
      PackedAttention attention =
          new PackedAttention(model.config(), batch.lengths(), null, workers.threads());
      double mean = Loss.of(model, batch, attention, ResidualDropout.NONE, workers);
      sum += mean * batch.rows();
      tokens += batch.rows();
    }
    return sum / tokens;
  }

  int steps() {
    return step;
  }

  long tokens() {
    return (long) step * training.rows();
  }

  /** Tokens per second of training, evaluations not counted. */
  double tokensPerSecond() {
    return tokens() / (stepNanos * 1e-9);
  }

  /** The share of the steps' time that attention takes, forward and backward. */
  double attentionShare() {
    return (double) attentionNanos / stepNanos;
  }
}
