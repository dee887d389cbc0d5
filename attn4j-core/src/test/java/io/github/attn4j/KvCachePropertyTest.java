package io.github.attn4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

/**
 * A cache against plain lists, over random appends, forks, truncations and frees in pools so small
 * that they are often full: contents bit for bit, no page lost or given out twice, no sequence
 * touched by another; and attention over it against attention over tensors in one piece.
 */
final class KvCachePropertyTest {
  private static final List<DType> FLOATING = List.of(DType.FLOAT32, DType.FLOAT16, DType.BFLOAT16);

  private static final List<KvCacheStorage> STORAGES = List.of(KvCacheStorage.values());

  private static final class Run {
    final SplittableRandom random;
    final KvCacheStorage storage;
    final int kvHeads;
    final int headDim;
    final int valueDim;
    final KvCache cache;
    final KvCacheModel model;

    Run(SplittableRandom random) {
      this.random = random;
      storage = STORAGES.get(random.nextInt(STORAGES.size()));
      kvHeads = 1 + random.nextInt(3);
      headDim = 1 + random.nextInt(5);
      valueDim = 1 + random.nextInt(5);
      cache =
          KvCache.builder()
              .pages(1 + random.nextInt(12))
              .pageSize(1 + random.nextInt(5))
              .heads(kvHeads)
              .dims(headDim, valueDim)
              .storage(storage)
              .build();
      model = new KvCacheModel(cache, kvHeads, headDim, valueDim);
    }

    void step() {
      List<Long> numbers = model.numbers();
      int choice = random.nextInt(10);
      if (numbers.isEmpty() || choice == 0) {
        model.put(cache.newSequence(), List.of());
        return;
      }
      long sequence = numbers.get(random.nextInt(numbers.size()));
      int length = model.tokens(sequence).size();
      switch (choice) {
        case 1, 2 -> model.put(cache.fork(sequence), model.tokens(sequence));
        case 3 -> {
          cache.free(sequence);
          model.remove(sequence);
        }
        case 4 -> {
          int drop = random.nextInt(length + 1);
          cache.truncate(sequence, drop);
          model.keep(sequence, length - drop);
        }
        case 5 -> attend(numbers);
        default -> append(sequence, random.nextInt(2 * cache.pageSize() + 2));
      }
    }

    /** Rows of any floating dtype and any order in memory, of magnitudes far apart. */
    Tensor rows(int tokens, int dim) {
      DType dtype = FLOATING.get(random.nextInt(3));
      Tensor rows =
          random.nextBoolean()
              ? Tensor.zeros(dtype, tokens, kvHeads, dim)
              : Tensor.zeros(dtype, dim, tokens + 2, kvHeads)
                  .permute(1, 2, 0)
                  .slice(0, 1, tokens + 1);
      for (int t = 0; t < tokens; t++) {
        double magnitude = random.nextInt(6) == 0 ? 0 : Math.exp(random.nextDouble(-3, 1));
        for (int h = 0; h < kvHeads; h++) {
          for (int c = 0; c < dim; c++) {
            rows.set(magnitude * random.nextGaussian(), t, h, c);
          }
        }
      }
      return rows;
    }

    void append(long sequence, int tokens) {
      Tensor key = rows(tokens, headDim);
      Tensor value = rows(tokens, valueDim);
      if (model.needed(sequence, tokens) > cache.freePages()) {
        assertThatThrownBy(() -> cache.append(sequence, key, value))
            .isInstanceOfSatisfying(
                RefusedException.class,
                e -> {
                  assertThat(e.kind()).isEqualTo(RefusedException.Kind.RUNTIME_ERROR);
                  assertThat(e.argument()).isEqualTo("pages");
                });
        return;
      }
      int length = cache.length(sequence);
      cache.append(sequence, key, value);
      Tensor storedKey = cache.key(sequence);
      Tensor storedValue = cache.value(sequence);
      List<KvCacheModel.Token> stored = new ArrayList<>();
      for (int t = 0; t < tokens; t++) {
        Tensor keyRow = storedKey.select(0, length + t);
        Tensor valueRow = storedValue.select(0, length + t);
        checkStored(key.select(0, t), keyRow);
        checkStored(value.select(0, t), valueRow);
        stored.add(new KvCacheModel.Token(keyRow.toFloatArray(), valueRow.toFloatArray()));
      }
      model.add(sequence, stored);
    }

    /** Floating storage rounds to nearest even; integers are off by at most half a scale. */
    void checkStored(Tensor given, Tensor stored) {
      if (storage.bits() == 0) {
        assertThat(stored.toFloatArray()).containsExactly(given.to(storage.dtype()).toFloatArray());
        return;
      }
      int levels = storage.bits() == 8 ? 127 : 7;
      for (int h = 0; h < kvHeads; h++) {
        double most = 0;
        for (int c = 0; c < given.dim(1); c++) {
          most = Math.max(most, Math.abs(given.get(h, c)));
        }
        // The scale itself and the copy read back are float32.
        double bound = most / levels / 2 + most * Math.ulp(1f);
        for (int c = 0; c < given.dim(1); c++) {
          assertThat(stored.get(h, c)).isCloseTo(given.get(h, c), within(bound));
        }
      }
    }

    void attend(List<Long> numbers) {
      long[] sequences = new long[1 + random.nextInt(3)];
      int[] rows = new int[sequences.length];
      int tokens = 0;
      int most = random.nextBoolean() ? 1 : 4;
      for (int b = 0; b < sequences.length; b++) {
        sequences[b] = numbers.get(random.nextInt(numbers.size()));
        rows[b] = random.nextInt(most + 1);
        tokens += rows[b];
      }
      int heads = kvHeads * (1 + random.nextInt(3));
      Tensor query = Tensor.zeros(FLOATING.get(random.nextInt(3)), tokens, heads, headDim);
      Tensor flat = query.reshape(query.elements());
      for (long at = 0; at < flat.elements(); at++) {
        flat.set(random.nextGaussian(), at);
      }
      UnaryOperator<AttentionSpec.Builder> options = options();
      Tensor sink = random.nextBoolean() ? null : Tensor.of(new float[heads], heads);
      Tensor slopes = Tensor.of(new float[heads], heads);
      slopes.set(0.25, heads - 1);
      Bias bias = random.nextBoolean() ? null : Bias.alibi(slopes, Alignment.BOTTOM_RIGHT);
      AttentionResult got =
          cache.attend(
              DecodeRequest.ragged(query, sequences, rows)
                  .withOptions(options)
                  .withSink(sink)
                  .withBias(bias));
      for (int b = 0, first = 0; b < rows.length; first += rows[b++]) {
        Tensor part = query.slice(0, first, first + rows[b]);
        AttentionSpec.Builder spec =
            AttentionSpec.builder()
                .layout(Layout.BSND)
                .padded(1, rows[b], model.tokens(sequences[b]).size())
                .heads(heads, kvHeads)
                .dims(headDim, valueDim)
                .dtype(query.dtype())
                .kvDtype(storage.bits() == 0 ? storage.dtype() : DType.FLOAT32)
                .mask(Mask.causal());
        AttentionResult expected =
            Attention.plan(options.apply(spec).build())
                .forward(
                    AttentionInputs.of(
                            part.copy().reshape(1, rows[b], heads, headDim),
                            inOnePiece(sequences[b], true),
                            inOnePiece(sequences[b], false))
                        .withSink(sink)
                        .withBias(bias));
        same(got.out().slice(0, first, first + rows[b]), expected.out());
        same(got.lse().slice(1, first, first + rows[b]), expected.lse());
      }
    }

    private UnaryOperator<AttentionSpec.Builder> options() {
      double scale = random.nextDouble();
      double softcap = random.nextBoolean() ? 0 : 2;
      int left = random.nextInt(8);
      boolean windowed = random.nextBoolean();
      return spec -> {
        spec.backend("reference").scale(scale).softcap(softcap).outDtype(DType.FLOAT32);
        return windowed ? spec.mask(Mask.window(left, 0)) : spec;
      };
    }

    private Tensor inOnePiece(long sequence, boolean keys) {
      List<KvCacheModel.Token> tokens = model.tokens(sequence);
      int dim = keys ? headDim : valueDim;
      Tensor piece = Tensor.zeros(DType.FLOAT32, 1, tokens.size(), kvHeads, dim);
      for (int t = 0; t < tokens.size(); t++) {
        float[] row = keys ? tokens.get(t).key : tokens.get(t).value;
        piece.select(0, 0).select(0, t).assign(Tensor.of(row, kvHeads, dim));
      }
      return storage.bits() == 0 ? piece.to(storage.dtype()) : piece;
    }

    /**
     * Bit for bit. Integers are numbers of float64 in the reference but of float32 in the copy that
     * the model keeps: off by 6e-8 of scores below 50.
     */
    private void same(Tensor got, Tensor expected) {
      float[] a = got.toFloatArray();
      float[] b = expected.toFloatArray();
      if (storage.bits() == 0) {
        assertThat(a).containsExactly(b);
        return;
      }
      assertThat(a).hasSameSizeAs(b);
      for (int at = 0; at < a.length; at++) {
        if (a[at] != b[at]) {
          assertThat(a[at]).isCloseTo(b[at], within(2e-5f));
        }
      }
    }
  }

  @Test
  void aCacheIsListsOfRows() {
    Seeds.each(
        60,
        random -> {
          Run run = new Run(random);
          try (KvCache cache = run.cache) {
            for (int n = 0; n < 60; n++) {
              run.step();
              run.model.check();
            }
            for (long sequence : run.model.numbers()) {
              cache.free(sequence);
            }
            assertThat(cache.freePages()).isEqualTo(cache.totalPages());
          }
        });
  }
}
