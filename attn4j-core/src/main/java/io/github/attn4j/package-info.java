/**
 * Fused attention for the JVM: what users call.
 *
 * <pre>{@code
 * Tensor query = Tensor.of(q, 2, 8, 1024, 64);   // float[] as (batch, heads, rows, columns)
 * Tensor key = Tensor.of(k, 2, 2, 1024, 64);     // eight query heads share two key/value heads
 * Tensor value = Tensor.of(v, 2, 2, 1024, 64);
 *
 * AttentionResult result = Attention.forward(query, key, value, Mask.causal());
 * Tensor out = result.out();                     // (2, 8, 1024, 64)
 * }</pre>
 *
 * <h2>Reading order</h2>
 *
 * <ol>
 *   <li>{@link io.github.attn4j.Attention}: one line for one call, forward or backward;
 *   <li>{@link io.github.attn4j.Tensor}: wrapping arrays and memory of one's own, and views;
 *   <li>{@link io.github.attn4j.Mask}: which keys a query sees;
 *   <li>{@link io.github.attn4j.AttentionSpec} and {@link io.github.attn4j.AttentionPlan}: what the
 *       one line leaves at its defaults (layout, scale, softcap, threads), planned once for all
 *       layers; {@link io.github.attn4j.Sequences} for lengths that differ;
 *   <li>{@link io.github.attn4j.AttentionInputs}: {@link io.github.attn4j.Bias}, sinks and {@link
 *       io.github.attn4j.Dropout} of a call; {@link io.github.attn4j.AttentionResult} and {@link
 *       io.github.attn4j.AttentionGradients}, what comes back;
 *   <li>{@link io.github.attn4j.KvCache}: decoding;
 *   <li>{@link io.github.attn4j.RefusedException}: how mistakes are told.
 * </ol>
 *
 * <p>A backend must be there, the module {@code io.github.attn4j.cpu}, and the JVM started with
 * {@code --add-modules jdk.incubator.vector}. The package {@link io.github.attn4j.spi} is for those
 * who write backends; {@link io.github.attn4j.AttentionPlan#tiles} is the one place where its types
 * meet a user.
 *
 * <h2>Glossary</h2>
 *
 * <dl>
 *   <dt>query, key, value
 *   <dd>the three inputs; a <em>head</em> is one independent attention over {@code headDim} columns
 *       of query and key and {@code valueDim} columns of value.
 *   <dt>seqlenQ, seqlenK
 *   <dd>rows of query and of key in one sequence. A batch is a list of sequences, padded to one
 *       length or ragged (packed one behind the other).
 *   <dt>kvHead, group
 *   <dd>grouped-query attention (GQA): query head {@code h} reads key/value head {@code h / group},
 *       where {@code group = heads / kvHeads}.
 *   <dt>scale, bias, softcap, sink
 *   <dd>the score is {@code scale * q.k}; a bias is added before or after the scale or after the
 *       softcap; softcap {@code c} maps a score {@code x} to {@code c * tanh(x / c)}; a sink is one
 *       extra logit per head that takes part in the softmax but has no value.
 *   <dt>mask
 *   <dd>which keys a query may see. A masked score is replaced by negative infinity (selection,
 *       never addition).
 *   <dt>causal
 *   <dd>a query sees keys up to its own place; <em>top-left</em>: {@code j <= i};
 *       <em>bottom-right</em>: {@code j <= i + seqlenK - seqlenQ}.
 *   <dt>window(left, right)
 *   <dd>a query sees {@code left} keys before its own place and {@code right} after it.
 *   <dt>tile (tileM × tileN)
 *   <dd>a block of tileM queries by tileN keys; EMPTY tiles are skipped, FULL ones need no mask,
 *       PARTIAL ones do.
 *   <dt>rowMax, rowSum, lse
 *   <dd>the running maximum and sum of the softmax of one row; {@code lse = ln(sum(exp(score)))},
 *       always the natural logarithm, negative infinity for a row that sees nothing.
 *   <dt>bias kinds
 *   <dd>{@linkplain io.github.attn4j.DenseBias dense}: a number for every score, or broadcast;
 *       {@linkplain io.github.attn4j.PackedBias packed}: the same for ragged sequences, without
 *       padding; {@linkplain io.github.attn4j.AlibiBias ALiBi}: a slope per head times the
 *       distance; {@linkplain io.github.attn4j.ToeplitzBias Toeplitz}: one number per distance.
 *   <dt>page, blockTable
 *   <dd>a key/value cache cut into pages of equal size, and the list of pages of each sequence;
 *       pages may be shared. {@link io.github.attn4j.KvCache} keeps one.
 *   <dt>quantisation, scale, offset
 *   <dd>keys and values as integers of 8 or 4 bits that stand for {@code (integer + offset) *
 *       scale}.
 *   <dt>prefill, decode
 *   <dd>attention of many new queries, and of one (or few) against a long cache.
 *   <dt>split, merge
 *   <dd>attention over disjoint parts of the keys, and {@linkplain
 *       io.github.attn4j.AttentionResult#merge joining} the parts exactly.
 * </dl>
 */
@NullMarked
package io.github.attn4j;

import org.jspecify.annotations.NullMarked;
