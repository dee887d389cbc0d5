package io.github.attn4j.internal;

import io.github.attn4j.AttentionPlan;
import jdk.jfr.Category;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** A plan was made; its duration is the event's. */
@Name("io.github.attn4j.Plan")
@Label("Attention plan")
@Category("attn4j")
@StackTrace(false)
public final class PlanEvent extends Event {
  @Label("Shape")
  String shape = "";

  @Label("Backend")
  String backend = "";

  @Label("Share of tiles skipped")
  double skippedShare;

  /** Ends and records the event. */
  public void commit(AttentionPlan plan) {
    end();
    if (shouldCommit()) {
      shape = RunEvent.shape(plan);
      backend = plan.backend();
      skippedShare = 1 - plan.tiles().density();
      commit();
    }
  }
}
