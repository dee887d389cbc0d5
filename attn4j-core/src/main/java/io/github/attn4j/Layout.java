package io.github.attn4j;

/**
 * The order of a tensor's dimensions: B batch, N heads, S rows of a sequence, D columns of a head,
 * H = N × D, T tokens of all sequences. A layout is only a way to find strides; nothing is copied
 * because of it.
 */
public enum Layout {
  /** (batch, heads, rows, columns): PyTorch's scaled_dot_product_attention, ONNX. */
  BNSD,
  /** (batch, rows, heads, columns): PaddlePaddle, FlashAttention. */
  BSND,
  /** (batch, rows, heads × columns). */
  BSH,
  /** (rows, batch, heads × columns). */
  SBH,
  /** (tokens, heads, columns): ragged sequences. */
  TND
}
