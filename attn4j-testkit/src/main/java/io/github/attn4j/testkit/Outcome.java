package io.github.attn4j.testkit;

import io.github.attn4j.AttentionGradients;
import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionPlan;
import io.github.attn4j.AttentionResult;
import io.github.attn4j.Tensor;

/**
 * A forward and its backward.
 *
 * @param result of the forward
 * @param gradients of the backward
 */
record Outcome(AttentionResult result, AttentionGradients gradients) {
  static Outcome of(AttentionPlan plan, AttentionInputs inputs, Tensor dout) {
    AttentionResult result = plan.forward(inputs);
    return new Outcome(result, plan.backward(inputs, result, dout));
  }

  static Outcome of(String backend, Materials materials) {
    return of(materials.plan(backend), materials.inputs(), materials.dout());
  }
}
