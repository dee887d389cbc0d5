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
  /** Asked before any class that needs the module is touched. */
  private static final boolean VECTOR_MODULE =
      ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent();

  private static final String NO_VECTOR_MODULE =
      "the module jdk.incubator.vector is not there; start java with"
          + " --add-modules jdk.incubator.vector";

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
    return VECTOR_MODULE ? Lanes.description() : NO_VECTOR_MODULE;
  }

  @Override
  public List<String> refusals(Problem problem) {
    return VECTOR_MODULE ? List.of() : List.of(NO_VECTOR_MODULE);
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
