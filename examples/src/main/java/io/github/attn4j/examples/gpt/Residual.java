package io.github.attn4j.examples.gpt;

import io.github.attn4j.examples.math.Workers;

/** {@code x += drop(branch(norm(x)))}. */
final class Residual {
  private final int number;
  private final int width;
  private final LayerNorm norm;
  private final Branch branch;
  private final float[] normed;
  private final Scratch scratch;
  private final Workers workers;

  Residual(
      GptConfig config,
      int number,
      LayerNorm norm,
      Branch branch,
      int capacity,
      Scratch scratch,
      Workers workers) {
    this.number = number;
    this.width = config.width();
    this.norm = norm;
    this.branch = branch;
    this.normed = new float[capacity * width];
    this.scratch = scratch;
    this.workers = workers;
  }

  /** Changes x (rows, width) in place. */
  void forward(float[] x, Pass<?> pass) {
    norm.forward(x, pass.rows(), normed);
    branch.forward(normed, pass, scratch.branch);
    Rows.forEach(
        workers,
        pass.rows(),
        (from, to) -> pass.noise().add(number, scratch.branch, x, from * width, to * width));
  }

  /** Turns the gradient of what x became into that of what it was, in place. */
  void backward(float[] dx, Pass<PackedAttention> pass) {
    Rows.forEach(
        workers,
        pass.rows(),
        (from, to) -> pass.noise().copy(number, dx, scratch.branch, from * width, to * width));
    branch.backward(normed, scratch.branch, pass, scratch.input);
    norm.backward(scratch.input, pass.rows(), dx);
  }
}
