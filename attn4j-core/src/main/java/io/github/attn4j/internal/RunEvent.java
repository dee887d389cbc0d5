package io.github.attn4j.internal;

import io.github.attn4j.AttentionPlan;
import io.github.attn4j.AttentionSpec;
import jdk.jfr.Category;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** A forward or backward call ran; its duration is the event's. */
@Name("io.github.attn4j.Run")
@Label("Attention run")
@Category("attn4j")
@StackTrace(false)
public final class RunEvent extends Event {
  @Label("Pass")
  String pass = "";

  @Label("Shape")
  String shape = "";

  @Label("Backend")
  String backend = "";

  @Label("Share of tiles skipped")
  double skippedShare;

  /** Ends and records the event. */
  public void commit(AttentionPlan plan, String passName) {
    end();
    if (shouldCommit()) {
      pass = passName;
      shape = shape(plan);
      backend = plan.backend();
      skippedShare = 1 - plan.tiles().density();
      commit();
    }
  }

  static String shape(AttentionPlan plan) {
    AttentionSpec spec = plan.spec();
    return "%d sequences, %s rows on %s, %d heads on %d, dims %d and %d, %s"
        .formatted(
            spec.sequences().count(),
            spec.sequences().extentQ(),
            spec.sequences().extentK(),
            spec.heads(),
            spec.kvHeads(),
            spec.headDim(),
            spec.valueDim(),
            spec.dtype());
  }
}
