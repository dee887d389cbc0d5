package io.github.attn4j.cli.check;

import io.github.attn4j.AlibiBias;
import io.github.attn4j.Alignment;
import io.github.attn4j.Attention;
import io.github.attn4j.AttentionGradients;
import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionPlan;
import io.github.attn4j.AttentionResult;
import io.github.attn4j.AttentionSpec;
import io.github.attn4j.Bias;
import io.github.attn4j.BiasStage;
import io.github.attn4j.DType;
import io.github.attn4j.Dropout;
import io.github.attn4j.Layout;
import io.github.attn4j.Mask;
import io.github.attn4j.PackedBias;
import io.github.attn4j.Quantization;
import io.github.attn4j.ScoreStage;
import io.github.attn4j.Sequences;
import io.github.attn4j.SoftmaxStats;
import io.github.attn4j.Tensor;
import io.github.attn4j.ToeplitzBias;
import io.github.attn4j.testkit.Draw;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** A small call with a random choice of everything the core offers. */
final class RandomCall {
  final AttentionPlan plan;
  final AttentionInputs inputs;
  final @Nullable Tensor dout;
  private final Draw random;
  private final DType dtype;
  private final Layout layout;
  private final boolean square;
  private final Sequences sequences;
  private final int heads;
  private final int kvHeads;
  private final int headDim;
  private final int valueDim;

  RandomCall(long seed, DType dtype, String backend) {
    random = new Draw(seed);
    this.dtype = dtype;
    layout = random.pick(List.of(Layout.values()));
    square = chance(0.4);
    sequences = sequences(between(1, 3));
    kvHeads = between(1, 2);
    heads = kvHeads * between(1, 2);
    headDim = between(1, 9);
    valueDim = between(1, 9);
    int storage = chance(0.5) ? 0 : between(1, 3);
    boolean pages = storage == 1 || (storage > 1 && chance(0.5));
    int bits = storage == 2 ? 8 : storage == 3 ? 4 : 0;
    plan =
        Attention.plan(
            AttentionSpec.builder()
                .layout(layout)
                .sequences(sequences)
                .heads(heads, kvHeads)
                .dims(headDim, valueDim)
                .dtype(dtype)
                .kvDtype(bits == 0 ? dtype : DType.INT8)
                .mask(mask())
                .scale(chance(0.5) ? 0.7 : -0.4)
                .softcap(chance(0.3) ? 1.5 : 0)
                .biasStage(random.pick(List.of(BiasStage.values())))
                .softmaxStats(true)
                .backend(backend)
                .threads(1)
                .build());
    Tensor query = tokens(sequences.extentQ(), heads, headDim);
    int pageSize = between(1, 4);
    inputs =
        AttentionInputs.of(
                query,
                cache(bits, pages, pageSize, headDim),
                cache(bits, pages, pageSize, valueDim))
            .withBias(bias())
            .withSink(chance(0.3) ? numbers(DType.FLOAT32, heads) : null)
            .withDropout(chance(0.3) ? Dropout.of(0.3, between(0, 99), 5) : null)
            .withStorage(storage(bits, pages, pageSize));
    dout = storage == 0 ? tokens(sequences.extentQ(), heads, valueDim) : null;
  }

  private boolean chance(double probability) {
    return random.chance(probability);
  }

  private int between(int low, int high) {
    return random.between(low, high);
  }

  private Sequences sequences(int count) {
    int extentQ = between(1, 9);
    int extentK = square ? extentQ : between(1, 9);
    int[] q = new int[count];
    int[] k = new int[count];
    long[] startsQ = new long[count];
    long[] startsK = new long[count];
    boolean ragged = layout == Layout.TND;
    // A Toeplitz bias wants sequences that fill their tensors.
    boolean full = !ragged && square;
    for (int b = 0; b < count; b++) {
      q[b] = full ? extentQ : between(0, extentQ);
      k[b] = square ? q[b] : between(0, extentK);
      startsQ[b] = ragged ? (long) b * extentQ + between(0, extentQ - q[b]) : 0;
      startsK[b] = ragged ? (long) b * extentK + between(0, extentK - k[b]) : 0;
    }
    if (ragged) {
      return Sequences.ragged(
          (long) count * extentQ, (long) count * extentK, startsQ, q, startsK, k);
    }
    int[] leftQ = new int[count];
    int[] leftK = new int[count];
    for (int b = 0; b < count; b++) {
      leftQ[b] = between(0, extentQ - q[b]);
      leftK[b] = between(0, extentK - k[b]);
    }
    return Sequences.padded(extentQ, extentK, leftQ, q, leftK, k);
  }

  private Mask mask() {
    return switch (between(0, 3)) {
      case 0 -> Mask.full();
      case 1 -> Mask.causal();
      case 2 -> Mask.window(2, 1);
      default -> Mask.causal(Alignment.TOP_LEFT).and(Mask.prefix(between(0, 3)));
    };
  }

  private Tensor numbers(DType type, long... shape) {
    Tensor tensor = Tensor.zeros(DType.FLOAT32, shape);
    Tensor flat = tensor.reshape(tensor.elements());
    for (long n = 0; n < flat.elements(); n++) {
      flat.set(random.gaussian(), n);
    }
    return tensor.to(type);
  }

  private Tensor tokens(long rows, int of, int columns) {
    int batch = sequences.count();
    return numbers(
        dtype,
        switch (layout) {
          case BNSD -> new long[] {batch, of, rows, columns};
          case BSND -> new long[] {batch, rows, of, columns};
          case BSH -> new long[] {batch, rows, (long) of * columns};
          case SBH -> new long[] {rows, batch, (long) of * columns};
          case TND -> new long[] {rows, of, columns};
        });
  }

  /** Key or value, in whichever way they are stored. */
  private Tensor cache(int bits, boolean pages, int pageSize, int columns) {
    int stored = bits == 4 ? Math.ceilDiv(columns, 2) : columns;
    Tensor tensor =
        pages
            ? numbers(dtype, pageCount(pageSize), kvHeads, pageSize, stored)
            : tokens(sequences.extentK(), kvHeads, stored);
    if (bits == 0) {
      return tensor;
    }
    Tensor bytes = Tensor.zeros(DType.INT8, tensor.shape());
    Tensor flat = bytes.reshape(bytes.elements());
    for (long n = 0; n < flat.elements(); n++) {
      flat.set(between(-128, 127), n);
    }
    return bytes;
  }

  private int pageCount(int pageSize) {
    return sequences.count() * Math.ceilDiv((int) sequences.extentK(), pageSize);
  }

  private AttentionInputs.@Nullable Storage storage(int bits, boolean pages, int pageSize) {
    if (bits == 0 && !pages) {
      return null;
    }
    Tensor table = null;
    if (pages) {
      int each = Math.ceilDiv((int) sequences.extentK(), pageSize);
      table = Tensor.zeros(DType.INT32, sequences.count(), each);
      for (int b = 0; b < sequences.count(); b++) {
        for (int n = 0; n < each; n++) {
          table.set(between(0, pageCount(pageSize) - 1), b, n);
        }
      }
    }
    return new AttentionInputs.Storage(
        table,
        bits == 0 ? null : quantization(bits, headDim),
        bits == 0 ? null : quantization(bits, valueDim));
  }

  private Quantization quantization(int bits, int columns) {
    long width = chance(0.5) ? columns : 1;
    Tensor scale = numbers(DType.FLOAT32, 1, chance(0.5) ? kvHeads : 1, 1, width);
    Tensor flat = scale.reshape(scale.elements());
    for (long n = 0; n < flat.elements(); n++) {
      flat.set((1.5 + Math.tanh(flat.get(n))) / (1 << (bits - 2)), n);
    }
    Tensor offset = chance(0.5) ? numbers(DType.FLOAT32, 1, kvHeads, 1, 1) : null;
    return new Quantization(bits, scale, offset);
  }

  private @Nullable Bias bias() {
    boolean toeplitz = square;
    return switch (between(0, 5)) {
      case 0 -> null;
      case 1 -> new AlibiBias(numbers(DType.FLOAT32, heads), AlibiBias.Curve.SQRT, align(), -2);
      case 2 ->
          new AlibiBias(
              numbers(DType.FLOAT32, sequences.count(), heads), AlibiBias.Curve.LINEAR, align(), 1);
      case 3 -> layout == Layout.TND ? packed(chance(0.5)) : Bias.dense(dense());
      case 4 -> toeplitz ? toeplitz() : Bias.dense(dense());
      default -> Bias.dense(dense());
    };
  }

  private Alignment align() {
    return chance(0.5) ? Alignment.TOP_LEFT : Alignment.BOTTOM_RIGHT;
  }

  private Bias packed(boolean perKey) {
    long elements = 0;
    for (int b = 0; b < sequences.count(); b++) {
      elements += (long) heads * (perKey ? 1 : sequences.lengthQ(b)) * sequences.lengthK(b);
    }
    return new PackedBias(numbers(dtype, elements), perKey);
  }

  private Tensor dense() {
    long rows = sequences.extentQ();
    long keys = sequences.extentK();
    if (layout == Layout.TND) {
      rows = longest(true);
      keys = longest(false);
    }
    return numbers(
        dtype,
        chance(0.5) ? sequences.count() : 1,
        chance(0.5) ? heads : 1,
        chance(0.5) ? rows : 1,
        chance(0.7) ? keys : 1);
  }

  private int longest(boolean ofQuery) {
    int longest = 0;
    for (int b = 0; b < sequences.count(); b++) {
      longest = Math.max(longest, ofQuery ? sequences.lengthQ(b) : sequences.lengthK(b));
    }
    return longest;
  }

  private Bias toeplitz() {
    int all = layout == Layout.TND ? longest(false) + between(1, 3) : (int) sequences.extentK();
    return new ToeplitzBias(numbers(dtype, 1, chance(0.5) ? heads : 1, between(1, all), all));
  }

  /** What the core computes. */
  Map<Quantity, Tensor> results() {
    AttentionResult result = plan.forward(inputs);
    Map<Quantity, Tensor> tensors = new EnumMap<>(Quantity.class);
    tensors.put(Quantity.OUT, result.out());
    tensors.put(Quantity.LSE, result.lse());
    SoftmaxStats stats = Objects.requireNonNull(result.stats());
    tensors.put(Quantity.ROW_MAX, stats.rowMax());
    tensors.put(Quantity.ROW_SUM, stats.rowSum());
    tensors.put(Quantity.SCALED, plan.scores(inputs, ScoreStage.SCALED));
    tensors.put(Quantity.CAPPED, plan.scores(inputs, ScoreStage.CAPPED));
    tensors.put(Quantity.MASKED, plan.scores(inputs, ScoreStage.MASKED));
    tensors.put(Quantity.PROBABILITIES, plan.scores(inputs, ScoreStage.PROBABILITIES));
    if (dout != null) {
      AttentionGradients gradients = plan.backward(inputs, result, dout);
      tensors.put(Quantity.DQUERY, gradients.query());
      tensors.put(Quantity.DKEY, gradients.key());
      tensors.put(Quantity.DVALUE, gradients.value());
      put(tensors, Quantity.DBIAS, gradients.bias());
      put(tensors, Quantity.DSINK, gradients.sink());
    }
    return tensors;
  }

  private static void put(
      Map<Quantity, Tensor> tensors, Quantity quantity, @Nullable Tensor tensor) {
    if (tensor != null) {
      tensors.put(quantity, tensor);
    }
  }

  @Override
  public String toString() {
    return "%s, bias %s, storage %s".formatted(plan.spec(), inputs.bias(), inputs.storage());
  }
}
