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
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Kernels on every core: in machine code emitted at run time, else in the Vector API. */
public final class CpuBackend implements AttentionBackend {
  /** Held by a class of its own, since asking emits code that the backend may never need. */
  private static final class Trouble {
    /** Why no kernels can be had, or null if they can. */
    private static final @Nullable String REASON = find();

    private static @Nullable String find() {
      try {
        Lanes.bits();
        return null;
      } catch (ExceptionInInitializerError refused) {
        // What was asked for in vain, or is missing: a user shall read that, not the name of a
        // class.
        return "no kernels: " + Objects.requireNonNull(refused.getCause()).getMessage();
      }
    }
  }

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
    return Trouble.REASON == null ? Lanes.description() : Trouble.REASON;
  }

  @Override
  public List<String> refusals(Problem problem) {
    return Trouble.REASON == null ? List.of() : List.of(Trouble.REASON);
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
