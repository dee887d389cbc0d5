package io.github.attn4j;

/**
 * The two numbers behind an lse: {@code lse = rowMax + ln(rowSum)}. Both have the shape of the lse.
 *
 * @param rowMax largest visible score of the row (and the sink, if there is one), natural units,
 *     float32; negative infinity where a row sees nothing
 * @param rowSum sum of {@code exp(score - rowMax)} (and of the sink), before dropout, float32; 0
 *     where a row sees nothing
 */
public record SoftmaxStats(Tensor rowMax, Tensor rowSum) {}
