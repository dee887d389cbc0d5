package io.github.attn4j.operators;

import io.github.attn4j.DType;
import io.github.attn4j.Quantization;
import io.github.attn4j.Tensor;
import io.github.attn4j.testkit.Draw;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;

/** Draws calls of incre_flash_attention over the whole product of its options. */
@NullMarked
final class IncreDraws {
  private static final int[] LENGTHS = {1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 47, 48, 63, 65, 96, 130};

  private final Draw draw;
  private final IncreCase c = new IncreCase();
  private boolean paged;

  private IncreDraws(long seed) {
    draw = new Draw(seed);
  }

  static IncreCase of(long seed) {
    return new IncreDraws(seed).draw();
  }

  private IncreCase draw() {
    c.layout = draw.pick(List.of("BSH", "BNSD", "BSND"));
    c.batch = draw.pick(1, 1, 2, 3);
    c.kvHeads = draw.pick(1, 1, 2, 3);
    c.heads = c.kvHeads * draw.pick(1, 1, 2, 4);
    c.headDim = draw.pick(1, 2, 5, 8, 16, 16, 24, 33);
    c.seqlenQ = draw.chance(0.6) ? 1 : draw.between(2, 5);
    c.rows = draw.pick(LENGTHS);
    c.scale = draw.chance(0.2) ? draw.pick(List.of(1.0, 0.0, -0.4)) : 1 / Math.sqrt(c.headDim);
    c.causal = draw.chance(0.4);
    c.threads = draw.pick(1, 2);
    paged = draw.chance(0.35);
    DType dtype = floating();
    c.query = numbers(dtype, shape(c.batch, c.heads, c.seqlenQ, c.headDim));
    cache(dtype);
    if (draw.chance(0.7) || paged) {
      lengths();
    }
    if (draw.chance(0.3) && !paged) {
      c.padding = (long) draw.between(-2, c.rows / 2 + 1);
    }
    mask();
    if (draw.chance(0.4)) {
      int columns = c.prefix + c.rows + draw.pick(0, 0, 5);
      c.pse = numbers(dtype, draw.pick(1, c.batch), c.heads, draw.pick(1, c.seqlenQ), columns);
    }
    if (draw.chance(0.3)) {
      quantized();
    }
    return c;
  }

  private DType floating() {
    return draw.pick(List.of(DType.FLOAT32, DType.FLOAT16, DType.BFLOAT16));
  }

  private long[] shape(long entries, int heads, long rows, int columns) {
    return switch (c.layout) {
      case "BSH" -> new long[] {entries, rows, (long) heads * columns};
      case "BNSD" -> new long[] {entries, heads, rows, columns};
      default -> new long[] {entries, rows, heads, columns};
    };
  }

  /** Half of them inside of a larger tensor of NaN, which must not be touched. */
  private Tensor numbers(DType dtype, long... shape) {
    Tensor tensor = room(dtype, shape);
    float[] values = new float[Math.toIntExact(tensor.elements())];
    for (int n = 0; n < values.length; n++) {
      values[n] = dtype == DType.INT8 ? draw.between(-128, 127) : (float) draw.gaussian();
    }
    tensor.assign(Tensor.of(values, shape));
    return tensor;
  }

  private Tensor room(DType dtype, long... shape) {
    int wide = draw.between(0, 2 * shape.length);
    if (wide >= shape.length) {
      return Tensor.zeros(dtype, shape);
    }
    long[] outer = shape.clone();
    outer[wide] += 3;
    Tensor nothing = Tensor.zeros(DType.FLOAT32, 1);
    nothing.set(Double.NaN, 0);
    Tensor whole = Tensor.zeros(dtype, outer);
    whole.reshape(whole.elements()).assign(nothing.expand(whole.elements()));
    return whole.slice(wide, 2, 2 + shape[wide]);
  }

  private void cache(DType dtype) {
    int kind = draw.between(0, 9);
    DType kv = kind < 4 ? dtype : kind < 6 ? floating() : DType.INT8;
    boolean separate = kind >= 8;
    int bits = kind == 9 ? 4 : 8;
    int columns = bits == 4 ? (c.headDim + 1) / 2 : c.headDim;
    if (draw.chance(0.3)) {
      c.prefix = draw.pick(1, 5, 16, 40);
      c.prefixKey = numbers(kv, shape(1, c.kvHeads, c.prefix, columns));
      c.prefixValue = numbers(kv, shape(1, c.kvHeads, c.prefix, columns));
    }
    long entries = c.batch;
    if (paged) {
      entries = pages(kv, columns);
    } else if (c.batch > 1 && draw.chance(0.25)) {
      list(kv, columns);
    } else {
      c.key = List.of(numbers(kv, shape(c.batch, c.kvHeads, c.rows, columns)));
      c.value = List.of(numbers(kv, shape(c.batch, c.kvHeads, c.rows, columns)));
    }
    if (kv == DType.INT8 && separate) {
      long rows = paged ? c.blockSize : c.key.size() > 1 ? 1 : c.rows;
      c.keyRule = rule(bits, entries, rows);
      c.valueRule = rule(bits, entries, rows);
    } else if (kv == DType.INT8) {
      combined(dtype);
    }
  }

  private long pages(DType kv, int columns) {
    c.blockSize = kv == DType.INT8 ? draw.pick(32, 64) : draw.pick(16, 32, 48, 64);
    int perSequence = draw.between(1, Math.max(1, 130 / c.blockSize));
    c.rows = perSequence * c.blockSize;
    int blocks = c.batch * perSequence + draw.between(0, 2);
    List<Integer> order = new ArrayList<>();
    for (int n = 0; n < blocks; n++) {
      order.add(draw.between(0, order.size()), n);
    }
    Tensor table = Tensor.zeros(DType.INT32, c.batch + draw.pick(0, 0, 2), perSequence);
    for (int n = 0; n < c.batch * perSequence; n++) {
      table.setLong(order.get(n), n / perSequence, n % perSequence);
    }
    c.table = table;
    long[] shape =
        c.layout.equals("BSH") || draw.chance(0.5)
            ? new long[] {blocks, c.blockSize, (long) c.kvHeads * columns}
            : shape(blocks, c.kvHeads, c.blockSize, columns);
    c.key = List.of(numbers(kv, shape));
    c.value = List.of(numbers(kv, shape));
    return blocks;
  }

  private void list(DType kv, int columns) {
    List<Tensor> keys = new ArrayList<>();
    List<Tensor> values = new ArrayList<>();
    int longest = draw.between(0, c.batch - 1);
    for (int b = 0; b < c.batch; b++) {
      int rows = b == longest ? c.rows : draw.between(1, c.rows);
      keys.add(numbers(kv, shape(1, c.kvHeads, rows, columns)));
      values.add(numbers(kv, shape(1, c.kvHeads, rows, columns)));
    }
    c.key = List.copyOf(keys);
    c.value = List.copyOf(values);
  }

  /** Numbers near one hundredth: integers then stand for numbers of order one. */
  private Tensor scales(DType dtype, long... shape) {
    Tensor tensor = numbers(dtype, shape);
    float[] values = tensor.toFloatArray();
    for (int n = 0; n < values.length; n++) {
      values[n] = 0.01f + 0.004f * values[n];
    }
    tensor.assign(Tensor.of(values, shape));
    return tensor;
  }

  private void combined(DType dtype) {
    long n = c.kvHeads;
    long d = c.headDim;
    long[] shape =
        draw.pick(
            List.of(
                new long[] {2},
                new long[] {2, n, 1, d},
                new long[] {2, 1, n, d},
                new long[] {2, n, d},
                new long[] {2, n * d}));
    c.antiquantScale = scales(dtype, shape);
    c.antiquantOffset = draw.chance(0.5) ? numbers(dtype, shape) : null;
  }

  /** A prefix has no scales of its own, so that those of a cache beside one say nothing of rows. */
  private Quantization rule(int bits, long entries, long rows) {
    boolean free = c.prefix == 0 && (paged || c.key.size() == 1);
    long[] shape = {
      free ? draw.pick(1, (int) entries) : 1,
      draw.pick(1, c.kvHeads),
      free ? draw.pick(1, (int) rows) : 1,
      draw.pick(1, c.headDim)
    };
    DType dtype = floating();
    return new Quantization(
        bits, scales(dtype, shape), draw.chance(0.5) ? numbers(dtype, shape) : null);
  }

  private void lengths() {
    long[] lengths = new long[draw.pick(1, c.batch)];
    for (int b = 0; b < lengths.length; b++) {
      lengths[b] = draw.chance(0.1) ? 0 : draw.between(0, shortest(b, lengths.length));
    }
    c.lengths = lengths;
    c.lengthsAsTensor = draw.chance(0.5);
    Tensor table = c.table;
    for (int b = 0; table != null && b < table.dim(0); b++) {
      long length = b >= c.batch ? 0 : lengths[lengths.length == 1 ? 0 : b];
      for (long page = Math.ceilDiv(length, c.blockSize); page < table.dim(1); page++) {
        table.setLong(-1, b, page);
      }
    }
  }

  private int shortest(int b, int count) {
    if (c.key.size() == 1) {
      return c.rows;
    }
    int dimension = c.layout.equals("BNSD") ? 2 : 1;
    return count > 1
        ? (int) c.key.get(b).dim(dimension)
        : (int) c.key.stream().mapToLong(key -> key.dim(dimension)).min().orElse(0);
  }

  private void mask() {
    int columns = c.prefix + c.rows + (paged ? draw.pick(0, 0, 7) : 0);
    long[] shape =
        switch (draw.between(0, 6)) {
          case 0 -> new long[] {c.batch, columns};
          case 1 -> new long[] {c.batch, draw.pick(1, c.seqlenQ), columns};
          case 2, 3 ->
              new long[] {c.batch, draw.pick(1, c.heads), draw.pick(1, c.seqlenQ), columns};
          case 4 -> new long[] {0, 1, 1, columns};
          default -> null;
        };
    c.mask = shape == null ? null : mask(shape);
  }

  private Tensor mask(long... shape) {
    Tensor mask = room(draw.pick(List.of(DType.BOOL, DType.INT8)), shape);
    double share = draw.pick(List.of(0.0, 0.3, 0.9, 0.98));
    float[] values = new float[Math.toIntExact(mask.elements())];
    for (int n = 0; n < values.length; n++) {
      values[n] = draw.chance(share) ? draw.pick(1, 1, -3) : 0;
    }
    mask.assign(Tensor.of(values, shape));
    for (int b = 0; b < shape[0]; b++) {
      if (draw.chance(0.25)) {
        long[] ones = mask.select(0, b).shape();
        Tensor one = Tensor.of(new float[] {1}, ones.length == 1 ? new long[] {1} : ones(ones));
        mask.select(0, b).assign(one.expand(ones));
      }
    }
    return mask;
  }

  private static long[] ones(long[] like) {
    long[] ones = like.clone();
    java.util.Arrays.fill(ones, 1);
    return ones;
  }

  private void quantized() {
    long n = c.heads;
    long d = c.headDim;
    long[][] perChannel = {
      {1, n, 1, d}, {n, 1, d}, {n, d}, {1, 1, n, d}, {1, n, d}, {1, n * d}, {1, 1, n * d}, {n * d}
    };
    long @Nullable [] shape =
        paged || draw.chance(0.5) ? new long[] {1} : perChannel[draw.between(0, 7)];
    Tensor scale = numbers(DType.FLOAT32, shape);
    float[] values = scale.toFloatArray();
    for (int at = 0; at < values.length; at++) {
      values[at] *= draw.pick(20, 60, 300);
    }
    scale.assign(Tensor.of(values, shape));
    c.quantScale = scale;
    c.quantOffset = draw.chance(0.5) ? numbers(DType.FLOAT32, shape) : null;
  }
}
