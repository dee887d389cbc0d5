package io.github.attn4j.bench.peer;

import io.github.attn4j.Attention;
import io.github.attn4j.AttentionGradients;
import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionPlan;
import io.github.attn4j.AttentionResult;
import io.github.attn4j.Tensor;
import org.jspecify.annotations.Nullable;

/** attn4j, with a plan and tensors that are reused. */
public final class Attn4jPeer implements Peer {
  /** What tables call it. */
  public static final String NAME = "attn4j";

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public String version() {
    String version = AttentionPlan.class.getPackage().getImplementationVersion();
    return version == null ? "of this checkout" : version;
  }

  @Override
  public boolean can(Work work) {
    return true;
  }

  @Override
  public Call open(Work work, Inputs inputs) {
    return new PlannedCall(work, inputs);
  }

  private static final class PlannedCall implements Call {
    private final Work work;
    private final AttentionPlan plan;
    private final AttentionInputs inputs;
    private final AttentionResult result;
    private final Tensor dout;
    private @Nullable AttentionGradients gradients;

    PlannedCall(Work work, Inputs given) {
      this.work = work;
      plan = Attention.plan(work.spec());
      inputs =
          AttentionInputs.of(
              tensor(given.query(), work.heads(), work.seqQ()),
              tensor(given.key(), work.kvHeads(), work.seqK()),
              tensor(given.value(), work.kvHeads(), work.seqK()));
      result = plan.forward(inputs);
      dout =
          work.pass() == Pass.BACKWARD
              ? tensor(given.dout(), work.heads(), work.seqQ())
              : result.out();
    }

    private Tensor tensor(float[] values, int heads, int rows) {
      return Tensor.of(values, work.batch(), heads, rows, work.dim()).to(work.dtype());
    }

    @Override
    public void run() {
      if (work.pass() == Pass.BACKWARD) {
        gradients = plan.backward(inputs, result, dout);
      } else {
        plan.forward(inputs, result);
      }
    }

    @Override
    public float[] result() {
      AttentionGradients last = gradients;
      return last == null
          ? result.out().toFloatArray()
          : Floats.joined(
              last.query().toFloatArray(), last.key().toFloatArray(), last.value().toFloatArray());
    }
  }
}
