/**
 * Operators as other frameworks document them.
 *
 * <ul>
 *   <li>{@link io.github.attn4j.operators.FlashmaskAttention}: PaddlePaddle's {@code
 *       paddle.nn.functional.flashmask_attention}, with ready masks in {@link
 *       io.github.attn4j.operators.FlashMaskPatterns} and the published benchmark's ones in {@link
 *       io.github.attn4j.operators.FlashMaskBenchmark}.
 *   <li>{@link io.github.attn4j.operators.NpuFusionAttention}: torch_npu's {@code
 *       npu_fusion_attention} and its gradient.
 *   <li>{@link io.github.attn4j.operators.IncreFlashAttention}: MindSpore's {@code
 *       mindspore.ops.incre_flash_attention}, a decoding step over a cache.
 *   <li>{@link io.github.attn4j.operators.FlashAttnVarlenQkvpacked} and {@link
 *       io.github.attn4j.operators.FlashAttnUnpadded}: PaddlePaddle's {@code
 *       flash_attn_varlen_qkvpacked} and {@code flash_attn_unpadded}.
 *   <li>{@link io.github.attn4j.operators.OnnxAttention}: ONNX's {@code Attention}.
 * </ul>
 *
 * <p>Arguments keep the names of the operator's document, in Java's spelling ({@code
 * startend_row_indices} becomes {@code startendRowIndices}); refusals name them in the document's
 * own spelling.
 */
@NullMarked
package io.github.attn4j.operators;

import org.jspecify.annotations.NullMarked;
