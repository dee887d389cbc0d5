package io.github.attn4j.internal;

import io.github.attn4j.Execution;
import io.github.attn4j.spi.AttentionBackend;
import io.github.attn4j.spi.BackwardCall;
import io.github.attn4j.spi.ForwardCall;
import io.github.attn4j.spi.PreparedAttention;
import io.github.attn4j.spi.Problem;
import io.github.attn4j.spi.TilePlan;
import io.github.attn4j.spi.TileShape;
import java.util.List;

/** The scalar float64 reference as a backend: the truth for tests, and used by name only. */
final class ReferenceBackend implements AttentionBackend {
  @Override
  public String name() {
    return "reference";
  }

  @Override
  public int preference() {
    return -1;
  }

  @Override
  public String description() {
    return "scalar float64, one thread, every feature; for checking, by name only";
  }

  @Override
  public List<String> refusals(Problem problem) {
    return List.of();
  }

  @Override
  public TileShape tileShape(Problem problem) {
    return new TileShape(128, 128);
  }

  @Override
  public PreparedAttention prepare(Problem problem, TilePlan plan, Execution execution) {
    return new PreparedAttention() {
      @Override
      public void forward(ForwardCall call) {
        new ReferenceAttention(problem, call).forward();
      }

      @Override
      public void backward(BackwardCall call) {
        new ReferenceAttention(problem, call.forward()).backward(call);
      }
    };
  }
}
