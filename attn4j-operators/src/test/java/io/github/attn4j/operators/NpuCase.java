package io.github.attn4j.operators;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import java.util.Arrays;
import java.util.Locale;
import java.util.SplittableRandom;
import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;

/** Arguments of {@code npu_fusion_attention}, drawn from the whole of what its document allows. */
@NullMarked
final class NpuCase {
  /** How the position encoding is given. */
  enum PseForm {
    NONE,
    DENSE,
    PACKED,
    PACKED_PER_KEY,
    LAST_ROWS,
    SLOPES
  }

  private static final Tensor COMPRESSED = Tensor.zeros(DType.BOOL, 2048, 2048);
  private static final Tensor COMPRESSED_PREFIX = Tensor.zeros(DType.INT8, 3072, 2048);

  final long seed;
  private final SplittableRandom random;
  String layout = "BNSD";
  DType dtype = DType.FLOAT32;
  int batch = 1;
  int heads = 1;
  int kvHeads = 1;
  int headDim = 4;
  int valueDim = 4;

  /** Per sequence; those that do not take part have none. */
  int[] rows = {};

  int[] keys = {};
  int tokensQ;
  int tokensK;
  double scale = 1;
  Tensor query = Tensor.zeros(DType.FLOAT32, 0);
  Tensor key = query;
  Tensor value = query;
  Tensor dout = query;
  int sparseMode;
  int pre = Integer.MAX_VALUE;
  int next = Integer.MAX_VALUE;
  @Nullable Tensor mask;

  /** Whether a TND mask has a row for each token, and not for each place in a sequence. */
  boolean overAllTokens;

  long @Nullable [] prefix;
  int pseType = 1;
  PseForm pseForm = PseForm.NONE;
  @Nullable Tensor pse;
  long @Nullable [] qStart;
  long @Nullable [] kvStart;
  @Nullable Tensor sink;
  double keepProb = 1;
  @Nullable Tensor dropoutMask;
  String softmaxLayout = "";

  private NpuCase(long seed) {
    this.seed = seed;
    this.random = new SplittableRandom(seed);
  }

  boolean ragged() {
    return layout.equals("TND");
  }

  static NpuCase random(long seed) {
    NpuCase c = new NpuCase(seed);
    c.sizes();
    c.maskAndBand();
    c.positions();
    c.rest();
    c.tensors();
    return c;
  }

  private int between(int low, int high) {
    return random.nextInt(low, high + 1);
  }

  private boolean chance(double probability) {
    return random.nextDouble() < probability;
  }

  private int pick(int... values) {
    return values[random.nextInt(values.length)];
  }

  private void sizes() {
    layout = new String[] {"BSH", "SBH", "BSND", "BNSD", "TND", "TND"}[between(0, 5)];
    dtype =
        new DType[] {DType.FLOAT32, DType.FLOAT32, DType.FLOAT16, DType.BFLOAT16}[between(0, 3)];
    batch = between(1, 4);
    kvHeads = between(1, 3);
    heads = kvHeads * between(1, 3);
    headDim = chance(0.01) ? pick(128, 768) : pick(1, 2, 5, 8, 16, 17, 33);
    valueDim = chance(0.5) ? headDim : between(1, headDim);
    scale = new double[] {1, 1 / Math.sqrt(headDim), 0.3, -0.4}[between(0, 3)];
    int longest = chance(0.1) ? 90 : 13;
    rows = new int[batch];
    keys = new int[batch];
    boolean square = chance(0.5);
    for (int b = 0; b < batch; b++) {
      boolean drawn = ragged() || b == 0;
      rows[b] = drawn ? length(longest) : rows[0];
      keys[b] = drawn ? (square ? rows[b] : length(longest)) : keys[0];
    }
    if (ragged()) {
      rows[0] = Math.max(rows[0], 1);
      keys[0] = square ? rows[0] : Math.max(keys[0], 1);
    }
  }

  private int length(int longest) {
    return chance(0.08) ? 0 : between(1, longest);
  }

  private void maskAndBand() {
    if (chance(0.15)) {
      // Without a mask none of these has an effect.
      sparseMode = between(0, ragged() ? 8 : 6);
      pre = between(-99, 99);
      next = between(-99, 99);
      return;
    }
    sparseMode = ragged() ? pick(0, 1, 2, 3, 4, 6, 7, 8) : between(0, 6);
    if (ragged() && (sparseMode == 3 || sparseMode == 7)) {
      for (int b = 0; b < batch; b++) {
        keys[b] = Math.max(rows[b], keys[b]);
      }
    }
    mask =
        switch (sparseMode) {
          case 0, 1, 5 -> dense();
          case 6 -> COMPRESSED_PREFIX;
          default -> COMPRESSED;
        };
    if (ragged()) {
      raggedBand();
    } else {
      band(sparseMode == 4 ? keys[0] - rows[0] : 0);
    }
    if (sparseMode >= 5 && sparseMode <= 6) {
      prefix = new long[batch];
      for (int b = 0; b < batch; b++) {
        prefix[b] = between(Math.max(0, keys[b] - rows[b]), keys[b]);
      }
      if (sparseMode == 5 && chance(0.3)) {
        prefix = chance(0.5) ? null : new long[] {-5, 999};
      }
    }
  }

  private Tensor dense() {
    int allRows = Arrays.stream(rows).max().orElse(0);
    int allKeys = Arrays.stream(keys).max().orElse(0);
    long[] shape = {
      sparseMode == 5 || chance(0.5) ? batch : 1,
      chance(0.5) ? heads : 1,
      chance(0.7) ? allRows : 1,
      chance(0.7) ? allKeys : 1
    };
    if (sparseMode != 5 && chance(0.4)) {
      shape = new long[] {allRows, allKeys};
      overAllTokens = ragged() && chance(0.4);
      if (overAllTokens) {
        shape = new long[] {Arrays.stream(rows).sum(), Arrays.stream(keys).sum()};
      }
    }
    Tensor mask = Tensor.zeros(chance(0.5) ? DType.BOOL : DType.INT8, shape);
    double masked = new double[] {0, 0.2, 0.6, 0.95}[between(0, 3)];
    for (long at = 0; at < mask.elements(); at++) {
      mask.segment()
          .set(java.lang.foreign.ValueLayout.JAVA_BYTE, at, (byte) (chance(masked) ? 1 : 0));
    }
    return mask;
  }

  /** Draws a band seen from the top-left corner that meets the scores, or open ends. */
  private void band(int ahead) {
    if (chance(0.3)) {
      next = chance(0.5) && ahead <= 0 ? -ahead : Integer.MAX_VALUE;
      return;
    }
    int back = between(0, rows[0] + 2);
    int forth = between(0, keys[0] + 2);
    if (rows[0] > 1 && chance(0.3)) {
      forth = -between(1, rows[0] - 1);
      back = between(-forth, rows[0] + 2);
    } else if (keys[0] > 1 && chance(0.4)) {
      back = -between(1, keys[0] - 1);
      forth = between(-back, keys[0] + 2);
    }
    pre = back + ahead;
    next = forth - ahead;
  }

  private void raggedBand() {
    int most = -99;
    for (int b = 0; b < batch; b++) {
      most = rows[b] > 0 && keys[b] > 0 ? Math.max(most, rows[b] - keys[b]) : most;
    }
    switch (sparseMode) {
      case 0 -> {
        pre = chance(0.3) ? Integer.MAX_VALUE : Math.max(most, -9) + between(0, 9);
        next = chance(0.3) && pre >= 0 ? 0 : Math.max(0, -pre) + between(0, 9);
      }
      case 4 -> {
        next = Math.max(most, -9) + between(0, 9);
        pre = Math.max(0, -next) + between(0, 9);
      }
      case 7 -> {
        int last = batch - 1;
        while (rows[last] == 0) {
          last--;
        }
        pre = keys[last] + between(0, 3);
        next = -between(0, keys[last] - rows[last]);
      }
      case 8 -> {
        pre = keys[0] + between(0, 3);
        next = rows[0] - keys[0] + between(0, 5);
      }
      default -> {
        pre = between(-9, 9);
        next = between(-9, 9);
      }
    }
  }

  private boolean masks(int mode) {
    return mask != null && sparseMode == mode;
  }

  private boolean square() {
    return Arrays.equals(rows, keys);
  }

  private void positions() {
    boolean shards = masks(7) || masks(8);
    int type = between(0, 3);
    if (chance(0.35)) {
      return;
    }
    if (type < 2) {
      boolean gap = ragged() && Arrays.stream(rows).anyMatch(n -> n == 0);
      if (!shards && !gap) {
        pseType = type;
        matrix();
      }
      return;
    }
    long shift = chance(0.5) ? 0 : between(-5, 5);
    if (masks(8)) {
      for (int b = 1; b < batch; b++) {
        keys[b] = rows[b];
      }
      shift = (long) rows[0] - keys[0];
    }
    if (masks(7) || (!ragged() && !square())) {
      return;
    }
    pseType = type;
    pseForm = PseForm.SLOPES;
    pse = chance(0.5) ? normal(DType.FLOAT32, heads) : normal(DType.FLOAT32, batch, heads);
    if (shift != 0) {
      qStart = new long[] {7};
      kvStart = new long[] {7 + shift};
    }
  }

  private void matrix() {
    long allKeys = Arrays.stream(keys).max().orElse(0);
    if (!ragged()) {
      pseForm = PseForm.DENSE;
      pse =
          normal(
              dtype,
              chance(0.5) ? batch : 1,
              chance(0.7) ? heads : 1,
              chance(0.6) ? rows[0] : 1,
              chance(0.8) ? keys[0] : 1);
      return;
    }
    if (square() && allKeys * heads <= 120 && chance(0.9)) {
      // This form wants a causal mask.
      mask = COMPRESSED;
      sparseMode = pick(2, 3);
      pseForm = PseForm.LAST_ROWS;
      pse = normal(dtype, chance(0.5) ? batch : 1, heads, 1024, allKeys);
    } else if (chance(0.5)) {
      pseForm = PseForm.PACKED;
      pse = normal(dtype, numels());
    } else {
      long all = (long) Arrays.stream(keys).sum() * heads;
      // Where both are as many, it is the other form.
      pseForm = all == numels() ? PseForm.PACKED : PseForm.PACKED_PER_KEY;
      pse = normal(dtype, all);
    }
  }

  long numels() {
    long sum = 0;
    for (int b = 0; b < batch; b++) {
      sum += (long) rows[b] * keys[b];
    }
    return sum * heads;
  }

  private void rest() {
    if (chance(0.3)) {
      sink = normal(DType.FLOAT32, heads);
    }
    if (chance(0.35)) {
      keepProb = 0.4 + 0.55 * random.nextDouble();
      if (chance(0.4)) {
        byte[] bits = new byte[(int) Math.ceilDiv(numels(), 8L) + between(0, 20)];
        random.nextBytes(bits);
        dropoutMask = Tensor.of(bits, DType.INT8, bits.length);
      }
    }
    if (ragged() && chance(0.5)) {
      softmaxLayout = "TND";
    }
  }

  private void tensors() {
    tokensQ = Arrays.stream(rows).sum() + pick(0, 0, 3);
    tokensK = Arrays.stream(keys).sum() + pick(0, 0, 2);
    query = normal(dtype, shape(true, heads, headDim));
    key = normal(dtype, shape(false, kvHeads, headDim));
    value = normal(dtype, shape(false, kvHeads, valueDim));
    dout = normal(dtype, shape(true, heads, valueDim));
  }

  private long[] shape(boolean ofQuery, int n, int d) {
    long s = ofQuery ? rows[0] : keys[0];
    return switch (layout) {
      case "BNSD" -> new long[] {batch, n, s, d};
      case "BSND" -> new long[] {batch, s, n, d};
      case "BSH" -> new long[] {batch, s, (long) n * d};
      case "SBH" -> new long[] {s, batch, (long) n * d};
      default -> new long[] {ofQuery ? tokensQ : tokensK, n, d};
    };
  }

  private Tensor normal(DType type, long... shape) {
    Tensor tensor = Tensor.zeros(DType.FLOAT32, shape);
    float[] numbers = new float[(int) tensor.elements()];
    for (int n = 0; n < numbers.length; n++) {
      numbers[n] = (float) random.nextGaussian();
    }
    return Tensor.of(numbers, shape).to(type);
  }

  /** Running sums, and zeros for as many more sequences that do not take part. */
  static long[] ends(int[] lengths, int more) {
    long[] ends = new long[lengths.length + more];
    long end = 0;
    for (int b = 0; b < lengths.length; b++) {
      end += lengths[b];
      ends[b] = end;
    }
    return ends;
  }

  NpuFusionAttention call(String backend) {
    NpuFusionAttention call =
        NpuFusionAttention.of(
                query,
                key,
                value,
                heads,
                (seed & 1) == 0 ? layout : layout.toLowerCase(Locale.ROOT))
            .pse(pse)
            .attenMask(mask)
            .scale(scale)
            .keepProb(keepProb)
            .preTockens(pre)
            .nextTockens(next)
            .innerPrecise(seed & 2)
            .prefix(prefix)
            .sparseMode(sparseMode)
            .softmaxLayout(softmaxLayout)
            .sink(sink)
            .dropoutMask(dropoutMask)
            .seed(seed)
            .pseType(pseType)
            .qStartIdx(qStart)
            .kvStartIdx(kvStart)
            .backend(backend);
    if (ragged()) {
      // Slopes and last rows per sequence count those that do not take part.
      boolean perSequence =
          pse != null && pse.rank() > 1 && (pse.dim(0) != 1 || pseForm == PseForm.SLOPES);
      boolean maskPerSequence = mask != null && mask.rank() == 4 && mask.dim(0) != 1;
      int more = perSequence || maskPerSequence ? 0 : (int) (seed >> 2 & 1) * 2;
      call.actualSeqQlen(ends(rows, more)).actualSeqKvlen(ends(keys, more));
    }
    return call;
  }

  @Override
  public String toString() {
    return ("seed %d: %s %s, query %s, key %s, value %s, rows %s, keys %s, sparse_mode %d mask %s"
            + " pre %d next %d prefix %s, pse %s %s type %d start %s %s, sink %s, keep_prob %s own"
            + " bits %s, scale %s, softmax_layout '%s'")
        .formatted(
            seed,
            layout,
            dtype,
            query,
            key,
            value,
            Arrays.toString(rows),
            Arrays.toString(keys),
            sparseMode,
            mask,
            pre,
            next,
            Arrays.toString(prefix),
            pseForm,
            pse,
            pseType,
            Arrays.toString(qStart),
            Arrays.toString(kvStart),
            sink,
            keepProb,
            dropoutMask,
            scale,
            softmaxLayout);
  }
}
