package io.github.attn4j.testkit;

import io.github.attn4j.Attention;
import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionPlan;
import io.github.attn4j.AttentionSpec;
import io.github.attn4j.DType;
import io.github.attn4j.Dropout;
import io.github.attn4j.Mask;
import io.github.attn4j.Sequences;
import io.github.attn4j.Tensor;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The tensors and the mask of a case. Whatever no computation may read is NaN: padding, gaps,
 * unused bias.
 *
 * @param choices the case
 * @param mask its mask
 * @param inputs its inputs, in its dtype
 * @param dout gradient of the output
 */
record Materials(AttentionCase choices, Mask mask, AttentionInputs inputs, Tensor dout) {
  static Materials of(AttentionCase c) {
    Draw draw = new Draw(c.seed).child("tensors");
    Mask mask = Mask.full();
    for (int n = 0; n < c.masks.size(); n++) {
      mask = mask.and(c.masks.get(n).make(draw.child("mask " + n), c));
    }
    Tensor query = rows(draw.child("query"), c, true, c.heads, c.headDim, c.dtype, 'q');
    Tensor key = rows(draw.child("key"), c, false, c.kvHeads, c.headDim, c.dtype, 'k');
    Tensor value = rows(draw.child("value"), c, false, c.kvHeads, c.valueDim, c.dtype, 'v');
    Tensor dout = rows(draw.child("dout"), c, true, c.heads, c.valueDim, c.outDtype(), 'd');
    AttentionInputs inputs =
        AttentionInputs.of(query, key, value)
            .withBias(bias(draw.child("bias"), c))
            .withSink(sink(draw.child("sink"), c));
    Materials plain = new Materials(c, mask, inputs, dout);
    return c.dropout == 0
        ? plain
        : new Materials(c, mask, inputs.withDropout(plain.dropout(draw.child("dropout"))), dout);
  }

  private static Tensor rows(
      Draw draw, AttentionCase c, boolean query, int heads, int columns, DType dtype, char role) {
    Sequences sequences = c.sequences();
    long rows = query ? sequences.extentQ() : sequences.extentK();
    long[] shape = Views.shape(c.layout, sequences.entries(), rows, heads, columns);
    Storage storage = Storage.allocate(draw, c.strided, dtype, shape);
    Storage.fill(storage.backing(), Double.NaN);
    Tensor lines = Views.canonical(c.layout, storage.view(), heads);
    for (int b = 0; b < sequences.count(); b++) {
      long start = query ? sequences.startQ(b) : sequences.startK(b);
      int length = query ? sequences.lengthQ(b) : sequences.lengthK(b);
      for (int h = 0; h < heads; h++) {
        for (long i = start; i < start + length; i++) {
          for (int d = 0; d < columns; d++) {
            lines.set(number(draw, c.spread, role), sequences.entry(b), h, i, d);
          }
        }
      }
    }
    return storage.view();
  }

  private static double number(Draw draw, AttentionCase.Spread spread, char role) {
    double x = draw.gaussian();
    return switch (spread) {
      case NORMAL -> x;
      case NEGATIVE -> role == 'q' ? Math.abs(x) : role == 'k' ? -Math.abs(x) : x;
      case LARGE -> role == 'q' ? 20 * x : x;
      case SHIFTED -> role == 'k' ? x + 3 : x;
    };
  }

  private static @Nullable Tensor bias(Draw draw, AttentionCase c) {
    boolean[] broadcast = c.biasBroadcast;
    if (broadcast == null) {
      return null;
    }
    int longestQ = Arrays.stream(c.lengthsQ).max().orElse(0);
    int longestK = Arrays.stream(c.lengthsK).max().orElse(0);
    long[] shape = {
      broadcast[0] ? 1 : c.batch(),
      broadcast[1] ? 1 : c.heads,
      broadcast[2] ? 1 : c.ragged() ? longestQ : c.extentQ,
      broadcast[3] ? 1 : c.ragged() ? longestK : c.extentK
    };
    Tensor bias = Storage.allocate(draw, c.strided, c.biasDtype, shape).view();
    Storage.fill(bias, Double.NaN);
    for (int b = 0; b < c.batch(); b++) {
      long entry = Math.min(b, shape[0] - 1);
      for (long h = 0; h < shape[1]; h++) {
        for (long i = 0; i < (broadcast[2] ? 1 : c.lengthsQ[b]); i++) {
          for (long j = 0; j < (broadcast[3] ? 1 : c.lengthsK[b]); j++) {
            bias.set(draw.gaussian(), entry, h, i, j);
          }
        }
      }
    }
    return bias;
  }

  private static @Nullable Tensor sink(Draw draw, AttentionCase c) {
    if (!c.sink) {
      return null;
    }
    Tensor sink = Storage.allocate(draw, c.strided, DType.FLOAT32, c.heads).view();
    for (long h = 0; h < c.heads; h++) {
      sink.set(2 * draw.gaussian(), h);
    }
    return sink;
  }

  private Dropout dropout(Draw draw) {
    Dropout generated = Dropout.of(choices.dropout, draw.bits(), draw.bits());
    return choices.callerBits
        ? Dropout.masked(choices.dropout, referencePlan().dropoutMask(generated))
        : generated;
  }

  /** The case on a backend, as the case says. */
  AttentionPlan plan(String backend) {
    return Attention.plan(spec(backend, choices.dtype, choices.outDtype()).build());
  }

  /**
   * The case in float32 on the float64 reference: its results are exact but for one rounding to
   * float32.
   */
  AttentionPlan referencePlan() {
    return Attention.plan(spec("reference", DType.FLOAT32, DType.FLOAT32).build());
  }

  AttentionSpec.Builder spec(String backend, DType dtype, DType outDtype) {
    AttentionSpec.Builder builder =
        AttentionSpec.builder()
            .layout(choices.layout)
            .sequences(choices.sequences())
            .heads(choices.heads, choices.kvHeads)
            .dims(choices.headDim, choices.valueDim)
            .dtype(dtype)
            .outDtype(outDtype)
            .mask(mask)
            .softcap(choices.softcap)
            .biasStage(choices.biasStage)
            .maxLogit(choices.maxLogit)
            .threads(choices.threads)
            .backend(backend);
    Double scale = choices.scale;
    return scale == null ? builder : builder.scale(scale);
  }

  /** The same problem under another mask. */
  Materials withMask(Mask other) {
    return new Materials(choices, other, inputs, dout);
  }

  /** The same problem with other inputs. */
  Materials withInputs(AttentionInputs other) {
    return new Materials(choices, mask, other, dout);
  }

  /** The inputs widened to float32, which loses nothing. */
  AttentionInputs wideInputs() {
    return new AttentionInputs(
        inputs.query().to(DType.FLOAT32),
        inputs.key().to(DType.FLOAT32),
        inputs.value().to(DType.FLOAT32),
        inputs.bias(),
        inputs.sink(),
        inputs.dropout(),
        inputs.storage());
  }
}
