package io.github.attn4j.operators;

import io.github.attn4j.AttentionPlan;

/** A step made ready: checked, and planned in the core. */
interface IncrePlan {
  /** Checks and plans. */
  static IncrePlan of(IncreFlashAttention call) {
    return call.key.size() == 1 && call.value.size() == 1 ? IncreStep.of(call) : IncreList.of(call);
  }

  /** The core's plan over the cache. */
  AttentionPlan cache();

  /** Runs the step on the call's tensors of now. */
  IncreFlashAttention.Result forward(IncreFlashAttention call);
}
