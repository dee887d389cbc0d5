package io.github.attn4j.bench.ladder;

import io.github.attn4j.Attention;
import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionPlan;
import io.github.attn4j.AttentionResult;
import io.github.attn4j.AttentionSpec;
import io.github.attn4j.Tensor;

/** The forward of attn4j as users call it. */
final class Product implements Rung {
  private static final int SEQ = 1536;
  private static final int DIM = 128;

  private final float[] query = Tile.uniform(3, SEQ * DIM);
  private final float[] key = Tile.uniform(4, SEQ * DIM);
  private final float[] value = Tile.uniform(5, SEQ * DIM);
  private final AttentionPlan plan =
      Attention.plan(
          AttentionSpec.builder()
              .padded(1, SEQ, SEQ)
              .heads(1, 1)
              .dims(DIM, DIM)
              .threads(1)
              .build());
  private final AttentionInputs inputs =
      AttentionInputs.of(tensor(query), tensor(key), tensor(value));
  private final AttentionResult result = plan.forward(inputs);

  private static Tensor tensor(float[] values) {
    return Tensor.of(values, 1, 1, SEQ, DIM);
  }

  @Override
  public String name() {
    return "attn4j";
  }

  @Override
  public String change() {
    return "The same head through the library: its own exponential and packing, and masks, dtypes,"
        + " lengths and layouts of all kinds around them.";
  }

  @Override
  public double gflop() {
    return 4e-9 * SEQ * SEQ * DIM;
  }

  @Override
  public void run() {
    plan.forward(inputs, result);
  }

  @Override
  public double error() {
    return HeadCheck.error(query, key, value, result.out().toFloatArray(), SEQ, DIM);
  }
}
