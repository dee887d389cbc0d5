package io.github.attn4j.examples.gpt;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.examples.math.Workers;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Whole trainings, small ones. */
class TrainerTest {
  private static final Corpus CORPUS = Corpus.ofProject();
  private static final int ROWS = 512;

  /** Without looking at the bytes before, nobody gets below the entropy of single bytes. */
  @Test
  void learnsMoreThanHowOftenBytesCome() {
    try (Workers workers = new Workers(2)) {
      Gpt model = new Gpt(new GptConfig(64, 2, 4, 64, 0.05), ROWS, 1, workers);
      Training training = new Training(200, ROWS, 1e-2, 1, null);
      Trainer trainer = new Trainer(model, CORPUS, training, workers);
      double before = trainer.heldOutLoss();
      assertThat(before).as("knows nothing").isBetween(5.4, 5.7);
      while (!trainer.finished()) {
        trainer.step();
      }
      assertThat(trainer.steps()).isEqualTo(200);
      assertThat(trainer.heldOutLoss()).isLessThan(CORPUS.unigramEntropy());
    }
  }

  @Test
  void lossesAreTheSameForAnyNumberOfThreads() {
    List<Double> one = losses(1, 3);
    assertThat(losses(2, 3)).isEqualTo(one);
    assertThat(losses(5, 3)).isEqualTo(one);
    assertThat(losses(1, 4)).as("another seed").isNotEqualTo(one);
  }

  /** Of some steps, and then what was learnt, with all weights in it. */
  private static List<Double> losses(int threads, long seed) {
    try (Workers workers = new Workers(threads)) {
      Gpt model = new Gpt(new GptConfig(64, 2, 2, 32, 0.1), ROWS, seed, workers);
      Trainer trainer =
          new Trainer(model, CORPUS, new Training(6, ROWS, 1e-2, seed, null), workers);
      List<Double> losses = new ArrayList<>();
      while (!trainer.finished()) {
        losses.add(trainer.step());
      }
      losses.add(trainer.heldOutLoss());
      for (Parameter parameter : model.parameters().all()) {
        for (float value : parameter.value) {
          losses.add((double) value);
        }
      }
      return losses;
    }
  }

  /** What is dropped in the forward is dropped in the backward, about as much as was asked for. */
  @Test
  void residualDropoutDropsItsShare() {
    int count = 1 << 16;
    float[] ones = new float[count];
    Arrays.fill(ones, 1);
    float[] forward = new float[count];
    float[] backward = new float[count];
    ResidualDropout dropout = new ResidualDropout(0.25, 9, 4);
    dropout.add(1, ones, forward, 0, count);
    dropout.copy(1, ones, backward, 0, count);
    assertThat(backward).isEqualTo(forward);
    float[] other = new float[count];
    dropout.copy(2, ones, other, 0, count);
    assertThat(other).as("another branch").isNotEqualTo(forward);
    int kept = 0;
    for (float value : forward) {
      if (value != 0) {
        assertThat(value).isEqualTo(1 / 0.75f);
        kept++;
      }
    }
    // Five standard deviations of a binomial distribution.
    double deviation = Math.sqrt(count * 0.25 * 0.75);
    assertThat(kept - 0.75 * count).isBetween(-5 * deviation, 5 * deviation);
  }
}
