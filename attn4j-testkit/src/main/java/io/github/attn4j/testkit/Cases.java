package io.github.attn4j.testkit;

import io.github.attn4j.BiasStage;
import io.github.attn4j.DType;
import io.github.attn4j.Layout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Draws problems over the whole product of features. */
public final class Cases {
  /** Replays one case: {@code -Dattn4j.seed=}. */
  public static final String SEED = "attn4j.seed";

  /** How many cases a normal run tries: {@code -Dattn4j.cases=}. */
  public static final String COUNT = "attn4j.cases";

  /** Multiply-adds of a dense forward; the float64 reference takes about 0.1 s for as many. */
  private static final long MOST_WORK = 3_000_000;

  /** Around lane counts, register tiles and cache tiles, and the same times 4/3. */
  private static final int[] LENGTHS = {
    1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 21, 31, 32, 33, 42, 47, 48, 49, 63, 64, 65, 85, 95, 96, 97,
    127, 128, 129, 171, 191, 192, 193, 255, 256, 257
  };

  private static final int[] DIMS = {
    1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 24, 31, 32, 33, 40, 63, 64, 65, 80, 96, 127, 128, 129,
    192, 255, 256, 257, 512
  };

  private Cases() {}

  /** The case of a seed. */
  public static AttentionCase draw(long seed) {
    Draw draw = new Draw(seed);
    AttentionCase c = new AttentionCase(draw.pick(1, 1, 1, 2, 2, 3), 0, 0);
    c.seed = seed;
    c.layout = draw.pick(List.of(Layout.values()));
    lengths(draw, c);
    heads(draw, c);
    c.headDim = draw.pick(Arrays.copyOf(DIMS, draw.chance(0.85) ? 19 : DIMS.length));
    c.valueDim =
        draw.chance(0.6)
            ? c.headDim
            : draw.pick(Arrays.copyOf(DIMS, draw.chance(0.85) ? 19 : DIMS.length));
    c.dtype = draw.pick(List.of(DType.FLOAT32, DType.FLOAT32, DType.BFLOAT16, DType.FLOAT16));
    c.float32Out = draw.chance(0.2);
    masks(draw, c);
    scores(draw, c);
    c.strided = draw.chance(0.5);
    c.maxLogit = draw.chance(0.3);
    c.threads = draw.pick(1, 1, 2, 3);
    c.displaced = draw.chance(0.25);
    c.stats = draw.chance(0.3);
    c.splitKeys = draw.chance(0.25) ? draw.pick(1, 96, 97, 150, 192, 1000) : 0;
    storage(draw, c);
    fit(draw, c);
    return c;
  }

  private static void lengths(Draw draw, AttentionCase c) {
    boolean equal = draw.chance(0.6);
    boolean square = draw.chance(0.5);
    c.extentQ = length(draw);
    c.extentK = square ? c.extentQ : length(draw);
    for (int b = 0; b < c.batch(); b++) {
      c.lengthsQ[b] = equal ? c.extentQ : shorter(draw, c.extentQ);
      c.lengthsK[b] = equal ? c.extentK : square ? c.lengthsQ[b] : shorter(draw, c.extentK);
    }
  }

  private static int length(Draw draw) {
    return draw.chance(0.03) ? 0 : draw.pick(LENGTHS);
  }

  private static int shorter(Draw draw, int extent) {
    return draw.chance(0.1) ? 0 : draw.between(0, extent);
  }

  private static void heads(Draw draw, AttentionCase c) {
    c.kvHeads = draw.pick(1, 1, 2, 2, 3);
    c.heads = c.kvHeads * draw.pick(1, 1, 2, 3, 4);
  }

  private static void masks(Draw draw, AttentionCase c) {
    List<MaskKind> kinds = new ArrayList<>();
    for (int n = draw.pick(0, 1, 1, 1, 1, 2, 2, 3); n > 0; n--) {
      kinds.add(draw.pick(List.of(MaskKind.values())));
    }
    c.masks = List.copyOf(kinds);
    c.maskHeads = draw.pick(1, c.kvHeads, c.heads);
    c.maskPerBatch = draw.chance(0.4);
  }

  private static void scores(Draw draw, AttentionCase c) {
    if (draw.chance(0.4)) {
      boolean[] broadcast = new boolean[4];
      for (int d = 0; d < 4; d++) {
        broadcast[d] = draw.chance(0.5);
      }
      c.biasBroadcast = broadcast;
      c.biasKind = draw.pick(List.of(BiasKind.values()));
      if (c.biasKind == BiasKind.TOEPLITZ) {
        c.extentK = c.extentQ;
        if (!c.ragged()) {
          Arrays.fill(c.lengthsQ, c.extentQ);
        }
        c.lengthsK = c.lengthsQ.clone();
      }
    }
    c.biasStage = draw.pick(List.of(BiasStage.values()));
    c.biasDtype = draw.pick(List.of(DType.FLOAT32, c.dtype));
    c.softcap = draw.chance(0.2) ? draw.pick(List.of(0.5, 2.0, 30.0)) : 0;
    c.sink = draw.chance(0.2);
    c.dropout = draw.chance(0.2) ? draw.pick(List.of(0.1, 0.5, 0.9)) : 0;
    c.callerBits = draw.chance(0.3);
    c.scale = draw.chance(0.3) ? draw.pick(List.of(0.0, -0.3, 0.05, 1.0, 1.7)) : null;
    c.spread =
        draw.chance(0.6)
            ? AttentionCase.Spread.NORMAL
            : draw.pick(List.of(AttentionCase.Spread.values()));
  }

  private static void storage(Draw draw, AttentionCase c) {
    if (draw.chance(0.1)) {
      c.keyDtype = draw.pick(List.of(DType.FLOAT32, DType.BFLOAT16, DType.FLOAT16));
    }
    if (draw.chance(0.25)) {
      boolean integers = draw.chance(0.7);
      int pageSize = draw.chance(integers ? 0.5 : 1) ? draw.pick(1, 3, 16, 16, 64, 100, 128) : 0;
      c.stored =
          new StoredAs(
              pageSize,
              integers ? integers(draw, c.dtype) : null,
              integers ? integers(draw, c.dtype) : null);
    }
  }

  private static StoredAs.Integers integers(Draw draw, DType dtype) {
    return new StoredAs.Integers(
        draw.pick(8, 8, 4),
        draw.pick(List.of(StoredAs.Grain.values())),
        draw.chance(0.5),
        draw.pick(List.of(DType.FLOAT32, dtype)));
  }

  /** Makes a case smaller until the reference is quick with it. */
  private static void fit(Draw draw, AttentionCase c) {
    while (c.work() > MOST_WORK) {
      switch (draw.between(0, 4)) {
        case 0 -> c.heads = c.kvHeads;
        case 1 -> {
          c.lengthsQ = Arrays.copyOf(c.lengthsQ, 1);
          c.lengthsK = Arrays.copyOf(c.lengthsK, 1);
        }
        case 2 -> c.headDim = Math.max(1, c.headDim / 2);
        case 3 -> c.valueDim = Math.max(1, c.valueDim / 2);
        default -> {
          c.heads = c.heads / c.kvHeads;
          c.kvHeads = 1;
        }
      }
      c.maskHeads = c.heads % c.maskHeads == 0 ? c.maskHeads : 1;
    }
  }
}
