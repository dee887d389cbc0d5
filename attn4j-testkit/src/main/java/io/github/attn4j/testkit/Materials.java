package io.github.attn4j.testkit;

import io.github.attn4j.Attention;
import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionPlan;
import io.github.attn4j.AttentionSpec;
import io.github.attn4j.Bias;
import io.github.attn4j.DType;
import io.github.attn4j.Dropout;
import io.github.attn4j.Mask;
import io.github.attn4j.Sequences;
import io.github.attn4j.Tensor;
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
    Tensor table = StoredKeys.blockTable(draw.child("pages"), c);
    StoredKeys.Made key = keys(draw.child("key"), c, c.headDim, 'k', table);
    StoredKeys.Made value = keys(draw.child("value"), c, c.valueDim, 'v', table);
    Tensor dout = rows(draw.child("dout"), c, true, c.heads, c.valueDim, c.outDtype(), 'd');
    AttentionInputs inputs =
        AttentionInputs.of(query, key.tensor(), value.tensor())
            .withBias(bias(draw.child("bias"), c))
            .withSink(sink(draw.child("sink"), c));
    if (c.stored != null) {
      inputs =
          inputs.withStorage(
              new AttentionInputs.Storage(table, key.quantization(), value.quantization()));
    }
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

  private static StoredKeys.Made keys(
      Draw draw, AttentionCase c, int columns, char role, @Nullable Tensor table) {
    StoredAs stored = c.stored;
    StoredAs.Integers integers =
        stored == null ? null : role == 'k' ? stored.key() : stored.value();
    if (integers != null) {
      return StoredKeys.integers(draw, c, columns, integers, table);
    }
    if (table != null) {
      return StoredKeys.pages(draw, c, columns, role, table);
    }
    Tensor tensor = rows(draw, c, false, c.kvHeads, columns, c.kvDtype(), role);
    return new StoredKeys.Made(tensor, null);
  }

  static double number(Draw draw, AttentionCase.Spread spread, char role) {
    double x = draw.gaussian();
    return switch (spread) {
      case NORMAL -> x;
      case NEGATIVE -> role == 'q' ? Math.abs(x) : role == 'k' ? -Math.abs(x) : x;
      case LARGE -> role == 'q' ? 20 * x : x;
      case SHIFTED -> role == 'k' ? x + 3 : x;
    };
  }

  private static @Nullable Bias bias(Draw draw, AttentionCase c) {
    boolean[] broadcast = c.biasBroadcast;
    return broadcast == null ? null : c.biasKind().make(draw, c, broadcast);
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
    DType keys = choices.kvDtype() == DType.INT8 ? DType.INT8 : DType.FLOAT32;
    return Attention.plan(spec("reference", DType.FLOAT32, DType.FLOAT32).kvDtype(keys).build());
  }

  AttentionSpec.Builder spec(String backend, DType dtype, DType outDtype) {
    AttentionSpec.Builder builder =
        AttentionSpec.builder()
            .layout(choices.layout)
            .sequences(choices.sequences())
            .heads(choices.heads, choices.kvHeads)
            .dims(choices.headDim, choices.valueDim)
            .dtype(dtype)
            .kvDtype(choices.kvDtype() == choices.dtype ? dtype : choices.kvDtype())
            .outDtype(outDtype)
            .mask(mask)
            .softcap(choices.softcap)
            .biasStage(choices.biasStage)
            .maxLogit(choices.maxLogit)
            .softmaxStats(choices.stats)
            .splitKeys(choices.splitKeys)
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

  /** The inputs widened to float32, which loses nothing; integers stay what they are. */
  AttentionInputs wideInputs() {
    return new AttentionInputs(
        inputs.query().to(DType.FLOAT32),
        wide(inputs.key()),
        wide(inputs.value()),
        inputs.bias(),
        inputs.sink(),
        inputs.dropout(),
        inputs.storage());
  }

  private static Tensor wide(Tensor tensor) {
    return tensor.dtype() == DType.INT8 ? tensor : tensor.to(DType.FLOAT32);
  }

  /** The same problem with the same keys and values as plain rows: float32 instead of integers. */
  Materials unstored() {
    AttentionCase c = choices.copy();
    c.stored = null;
    c.keyDtype = choices.kvDtype() == DType.INT8 ? DType.FLOAT32 : choices.keyDtype;
    return new Materials(c, mask, StoredKeys.plain(choices, inputs), dout);
  }
}
