package io.github.attn4j.testkit;

import io.github.attn4j.BiasStage;
import io.github.attn4j.DType;
import io.github.attn4j.Layout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Makes a failing case smaller, one choice at a time, as long as it fails. */
final class Shrinker {
  /** Each try costs a run of the reference. */
  private static final int MOST_TRIES = 150;

  private Shrinker() {}

  /** The failure of the smallest case found. */
  static AssertionError shrink(
      AttentionCase failing, AssertionError failure, Consumer<AttentionCase> check) {
    AttentionCase smallest = failing;
    AssertionError best = failure;
    int tries = 0;
    boolean progress = true;
    while (progress && tries < MOST_TRIES) {
      progress = false;
      for (AttentionCase candidate : smaller(smallest)) {
        tries++;
        AssertionError again = fails(candidate, check);
        if (again != null) {
          smallest = candidate;
          best = again;
          progress = true;
          break;
        }
      }
    }
    return best;
  }

  private static @Nullable AssertionError fails(
      AttentionCase candidate, Consumer<AttentionCase> check) {
    try {
      check.accept(candidate);
      return null;
    } catch (AssertionError failure) {
      return failure;
    }
  }

  private static List<AttentionCase> smaller(AttentionCase c) {
    List<AttentionCase> candidates = new ArrayList<>();
    for (int b = 0; c.batch() > 1 && b < c.batch(); b++) {
      int only = b;
      add(
          candidates,
          c,
          s -> {
            s.lengthsQ = new int[] {c.lengthsQ[only]};
            s.lengthsK = new int[] {c.lengthsK[only]};
          });
    }
    for (int n = 0; n < c.masks.size(); n++) {
      List<MaskKind> fewer = new ArrayList<>(c.masks);
      fewer.remove(n);
      add(candidates, c, s -> s.masks = List.copyOf(fewer));
    }
    features(c, candidates);
    sizes(c, candidates);
    return candidates;
  }

  private static void features(AttentionCase c, List<AttentionCase> candidates) {
    if (c.biasBroadcast != null) {
      add(candidates, c, s -> s.biasBroadcast = null);
    }
    if (c.biasKind != BiasKind.DENSE) {
      add(candidates, c, s -> s.biasKind = BiasKind.DENSE);
    }
    storage(c, candidates);
    if (c.displaced) {
      add(candidates, c, s -> s.displaced = false);
    }
    if (c.stats) {
      add(candidates, c, s -> s.stats = false);
    }
    if (c.splitKeys > 0) {
      add(candidates, c, s -> s.splitKeys = 0);
    }
    if (c.softcap > 0) {
      add(candidates, c, s -> s.softcap = 0);
    }
    if (c.sink) {
      add(candidates, c, s -> s.sink = false);
    }
    if (c.dropout > 0) {
      add(candidates, c, s -> s.dropout = 0);
    }
    if (c.scale != null) {
      add(candidates, c, s -> s.scale = null);
    }
    if (c.spread != AttentionCase.Spread.NORMAL) {
      add(candidates, c, s -> s.spread = AttentionCase.Spread.NORMAL);
    }
    if (c.strided) {
      add(candidates, c, s -> s.strided = false);
    }
    if (c.maxLogit) {
      add(candidates, c, s -> s.maxLogit = false);
    }
    if (c.dtype != DType.FLOAT32 || c.float32Out) {
      add(
          candidates,
          c,
          s -> {
            s.dtype = DType.FLOAT32;
            s.biasDtype = DType.FLOAT32;
            s.float32Out = false;
          });
    }
    if (c.biasStage != BiasStage.AFTER_SCALE) {
      add(candidates, c, s -> s.biasStage = BiasStage.AFTER_SCALE);
    }
    if (c.layout != Layout.BNSD) {
      add(
          candidates,
          c,
          s -> {
            s.layout = Layout.BNSD;
            s.extentQ = Math.max(s.extentQ, Arrays.stream(s.lengthsQ).max().orElse(0));
            s.extentK = Math.max(s.extentK, Arrays.stream(s.lengthsK).max().orElse(0));
          });
    }
    if (c.threads > 1) {
      add(candidates, c, s -> s.threads = 1);
    }
  }

  private static void storage(AttentionCase c, List<AttentionCase> candidates) {
    StoredAs stored = c.stored;
    if (stored != null) {
      add(candidates, c, s -> s.stored = null);
      if (stored.pageSize() > 0 && stored.key() != null) {
        add(candidates, c, s -> s.stored = new StoredAs(0, stored.key(), stored.value()));
        add(candidates, c, s -> s.stored = new StoredAs(stored.pageSize(), null, null));
      }
    }
    if (c.keyDtype != null) {
      add(candidates, c, s -> s.keyDtype = null);
    }
  }

  private static void sizes(AttentionCase c, List<AttentionCase> candidates) {
    if (c.heads > 1) {
      add(
          candidates,
          c,
          s -> {
            s.heads = 1;
            s.kvHeads = 1;
            s.maskHeads = 1;
          });
    }
    for (int step : new int[] {2, 0}) {
      if (c.extentQ > 1) {
        add(
            candidates,
            c,
            s -> {
              s.extentQ = less(c.extentQ, step);
              s.lengthsQ = Arrays.stream(c.lengthsQ).map(n -> Math.min(n, s.extentQ)).toArray();
            });
      }
      if (c.extentK > 1) {
        add(
            candidates,
            c,
            s -> {
              s.extentK = less(c.extentK, step);
              s.lengthsK = Arrays.stream(c.lengthsK).map(n -> Math.min(n, s.extentK)).toArray();
            });
      }
      if (c.headDim > 1) {
        add(candidates, c, s -> s.headDim = less(c.headDim, step));
      }
      if (c.valueDim > 1) {
        add(candidates, c, s -> s.valueDim = less(c.valueDim, step));
      }
    }
  }

  private static int less(int size, int step) {
    return step == 0 ? size - 1 : size / step;
  }

  private static void add(
      List<AttentionCase> candidates, AttentionCase c, Consumer<AttentionCase> change) {
    AttentionCase candidate = c.copy();
    change.accept(candidate);
    candidates.add(candidate);
  }
}
