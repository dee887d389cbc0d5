package io.github.attn4j.operators;

import io.github.attn4j.Attention;
import io.github.attn4j.AttentionPlan;
import io.github.attn4j.AttentionResult;
import io.github.attn4j.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * A step over one cache tensor: the call over the cache, joined with that over the shared prefix.
 *
 * @param sizes of the checked arguments
 * @param cache plan over the cache
 * @param prefix plan over the shared prefix, or null
 */
record IncreStep(IncreSizes sizes, AttentionPlan cache, @Nullable AttentionPlan prefix)
    implements IncrePlan {
  /** What the document's operator sets a hidden score to, and so the lse of hidden scores only. */
  private static final float HIDDEN = -1e12f;

  static IncreStep of(IncreFlashAttention call) {
    IncreSizes sizes = IncreChecks.sizes(call);
    IncreTranslation translation = new IncreTranslation(call, sizes);
    IncrePart prefix = translation.prefix();
    return new IncreStep(
        sizes,
        Attention.plan(translation.cache().spec(call)),
        prefix == null ? null : Attention.plan(prefix.spec(call)));
  }

  @Override
  public IncreFlashAttention.Result forward(IncreFlashAttention call) {
    IncreTranslation translation = new IncreTranslation(call, sizes);
    IncrePart cached = translation.cache();
    IncrePart shared = translation.prefix();
    boolean joined = translation.joinsBatch();
    AttentionResult core = cache.forward(cached.inputs());
    AttentionResult whole =
        shared == null || prefix == null
            ? core
            : core.merge(split(prefix.forward(shared.inputs()), joined));
    if (!cached.hidden().isEmpty()) {
      whole = withEvenRows(call, whole, cached, shared, joined);
    }
    return new IncreFlashAttention.Result(
        IncreOutput.of(call, sizes.shape(), whole.out()),
        call.returnSoftmaxLse ? whole.lse() : null,
        new CoreCall(cache, cached.inputs(), core));
  }

  /** Gives the prefix's rows, if they ran as those of one sequence, back to their sequences. */
  private AttentionResult split(AttentionResult result, boolean joined) {
    IncreShape shape = sizes.shape();
    return joined
        ? new AttentionResult(
            shape.splitBatch(result.out()), shape.splitLse(result.lse()), null, shape.layout())
        : result;
  }

  /** Rows that see nothing although there are keys: all are hidden, and share the row evenly. */
  private AttentionResult withEvenRows(
      IncreFlashAttention call,
      AttentionResult whole,
      IncrePart cached,
      @Nullable IncrePart shared,
      boolean joined) {
    float[] lse = whole.lse().toFloatArray();
    boolean[] wanted = new boolean[sizes.shape().batch()];
    int rowsPerSequence = lse.length / wanted.length;
    boolean any = false;
    for (int row = 0; row < lse.length; row++) {
      if (lse[row] == Float.NEGATIVE_INFINITY) {
        wanted[row / rowsPerSequence] = true;
        any = true;
      }
    }
    if (!any) {
      return whole;
    }
    AttentionResult even = even(call, cached, wanted);
    if (shared != null) {
      even = even.merge(split(even(call, shared, wanted), joined));
    }
    return replaced(whole, lse, even);
  }

  private static AttentionResult even(IncreFlashAttention call, IncrePart part, boolean[] wanted) {
    return Attention.plan(part.evenSpec(call, wanted)).forward(part.evenInputs());
  }

  private AttentionResult replaced(AttentionResult whole, float[] lse, AttentionResult even) {
    IncreShape shape = sizes.shape();
    Tensor out = whole.out().copy();
    Tensor target = shape.byHead(out);
    Tensor source = shape.byHead(even.out());
    float[] evenLse = even.lse().toFloatArray();
    for (int row = 0; row < lse.length; row++) {
      if (lse[row] == Float.NEGATIVE_INFINITY && evenLse[row] != Float.NEGATIVE_INFINITY) {
        lse[row] = HIDDEN;
        line(target, row).assign(line(source, row));
      }
    }
    return new AttentionResult(out, Tensor.of(lse, whole.lse().shape()), null, whole.layout());
  }

  /** The columns of a row, counted over sequences, heads and rows. */
  private Tensor line(Tensor byHead, int row) {
    int seqlenQ = sizes.shape().seqlenQ();
    int line = row / seqlenQ;
    int heads = sizes.shape().heads();
    return byHead.select(0, line / heads).select(0, line % heads).select(0, row % seqlenQ);
  }
}
