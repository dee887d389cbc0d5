package io.github.attn4j.cpu;

import io.github.attn4j.Execution;
import io.github.attn4j.cpu.kernel.CpuAttention;
import io.github.attn4j.cpu.kernel.Lanes;
import io.github.attn4j.spi.AttentionBackend;
import io.github.attn4j.spi.PreparedAttention;
import io.github.attn4j.spi.Problem;
import io.github.attn4j.spi.TilePlan;
import io.github.attn4j.spi.TileShape;
import java.util.List;

/** Vector API kernels on every core. */
public final class CpuBackend implements AttentionBackend {
  /** Used by the service loader. */
  public CpuBackend() {}

  @Override
  public String name() {
    return "cpu";
  }

  @Override
  public int preference() {
    return 0;
  }

  @Override
  public String description() {
    return "Vector API, float32 in "
        + Lanes.bits()
        + "-bit vectors; float16 and bfloat16 widened on load";
  }

  @Override
  public List<String> refusals(Problem problem) {
    return List.of();
  }

  @Override
  public TileShape tileShape(Problem problem) {
    return Lanes.tileShape();
  }

  @Override
  public PreparedAttention prepare(Problem problem, TilePlan plan, Execution execution) {
    return new CpuAttention(problem, plan, execution);
  }
}
