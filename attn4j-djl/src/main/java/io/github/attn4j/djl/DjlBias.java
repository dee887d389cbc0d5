package io.github.attn4j.djl;

import ai.djl.ndarray.NDArray;
import io.github.attn4j.Bias;
import io.github.attn4j.Tensor;
import java.util.function.Function;

/**
 * What is added to the scores: an array and a rule which of its elements joins which score.
 *
 * @param parameter floating, in the shape the kind asks for; the gradient has its shape
 * @param kind makes a bias of the parameter as a tensor, which lives as long as the call
 */
public record DjlBias(NDArray parameter, Function<Tensor, Bias> kind) {}
