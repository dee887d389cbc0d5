/**
 * Fused attention for the JVM: what users call.
 *
 * <p>Start at {@link io.github.attn4j.Attention}: one line for one call, or a {@linkplain
 * io.github.attn4j.AttentionPlan plan} made once from lengths and mask and reused by every layer.
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
