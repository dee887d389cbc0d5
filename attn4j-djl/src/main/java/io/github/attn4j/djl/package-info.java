/**
 * attn4j on DJL's NDArrays: {@link io.github.attn4j.djl.DjlAttention} computes forward and
 * backward, {@link io.github.attn4j.djl.DjlKvCache} decodes, {@link
 * io.github.attn4j.djl.AttentionTape} joins the gradients to DJL's own.
 *
 * <p><b>Shapes</b> are those of the core: masks, plans, layouts, biases and options are the core's
 * own classes, and {@link io.github.attn4j.RefusedException} names what does not fit.
 *
 * <p><b>Arrays</b> are dense ones on the CPU, float32 or float16; bfloat16 where the engine has it,
 * which DJL's PyTorch engine has not. Nothing is moved from a device or converted silently: such an
 * array is refused by its argument's name, and so is one of 2 GiB or more.
 *
 * <p><b>Memory.</b> With the PyTorch engine contiguous arrays are read where they lie; of others,
 * transposes say, a contiguous copy is made and released within the call. Outputs are written into
 * the new arrays themselves; gradients and the outputs of a cache are copied into them once. Other
 * engines copy what they hand out and take in. Arrays that a call reads, and the manager that its
 * results are attached to, must stay open until it returns: another thread that closes them takes
 * away memory that kernels are using.
 *
 * <p><b>Ownership.</b> New arrays are attached to the query's NDManager, or to one that is given,
 * and live until they or it are closed, like the results of DJL's own operators. Whatever else a
 * call makes is closed when it returns, or throws.
 */
@NullMarked
package io.github.attn4j.djl;

import org.jspecify.annotations.NullMarked;
