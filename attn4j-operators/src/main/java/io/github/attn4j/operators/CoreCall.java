package io.github.attn4j.operators;

import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionPlan;
import io.github.attn4j.AttentionResult;

/**
 * What an operator's call became in the core.
 *
 * @param plan the plan it ran under, with the tiles it visited and skipped
 * @param inputs the tensors it ran on, as the core took them
 * @param result what the core returned
 */
public record CoreCall(AttentionPlan plan, AttentionInputs inputs, AttentionResult result) {}
