package io.github.attn4j.examples.gpt;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import io.github.attn4j.AttentionGradients;
import io.github.attn4j.Tensor;
import io.github.attn4j.examples.math.Workers;
import java.lang.foreign.MemorySegment;

/** Attention with its projections; query, key and value come out of one product. */
final class SelfAttention implements Branch {
  private final int layer;
  private final int width;
  private final Linear in;
  private final Linear out;
  private final Rotary rotary;
  private final float[] qkv;
  private final float[] attended;
  private final Scratch scratch;
  private final Workers workers;

  SelfAttention(
      GptConfig config,
      int layer,
      Linear in,
      Linear out,
      Rotary rotary,
      int capacity,
      Scratch scratch,
      Workers workers) {
    this.layer = layer;
    this.width = config.width();
    this.in = in;
    this.out = out;
    this.rotary = rotary;
    this.qkv = new float[3 * capacity * width];
    this.attended = new float[capacity * width];
    this.scratch = scratch;
    this.workers = workers;
  }

  @Override
  public void forward(float[] x, Pass<?> pass, float[] y) {
    in.forward(x, pass.rows(), qkv);
    rotary.turn(qkv, pass.positions(), pass.rows());
    pass.attention().forward(layer, qkv, attended);
    out.forward(attended, pass.rows(), y);
  }

  @Override
  public void backward(float[] x, float[] dy, Pass<PackedAttention> pass, float[] dx) {
    out.backward(attended, dy, pass.rows(), scratch.attended);
    AttentionGradients gradients =
        pass.attention().backward(layer, qkv, attended, scratch.attended);
    interleave(gradients, pass.rows());
    rotary.turnBack(scratch.qkv, pass.positions(), pass.rows());
    in.backward(x, scratch.qkv, pass.rows(), dx);
  }

  /** Three tensors (1, rows, heads, dim) to one (rows, 3, heads, dim). */
  private void interleave(AttentionGradients gradients, int rows) {
    Tensor[] parts = {gradients.query(), gradients.key(), gradients.value()};
    Rows.forEach(
        workers,
        rows,
        (from, to) -> {
          for (int part = 0; part < 3; part++) {
            MemorySegment source = parts[part].segment();
            for (int row = from; row < to; row++) {
              long at = (long) row * width * Float.BYTES;
              MemorySegment.copy(
                  source, JAVA_FLOAT, at, scratch.qkv, (3 * row + part) * width, width);
            }
          }
        });
  }
}
