package io.github.attn4j.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.attn4j.Attention;
import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionResult;
import io.github.attn4j.AttentionSpec;
import io.github.attn4j.DType;
import io.github.attn4j.DecodeRequest;
import io.github.attn4j.KvCache;
import io.github.attn4j.KvCacheStorage;
import io.github.attn4j.Mask;
import io.github.attn4j.Tensor;
import java.util.SplittableRandom;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

/**
 * Pages change where the kernels read, not what they compute: over floating pages the same bits as
 * over tensors in one piece, at lengths around pages and tiles.
 */
final class KvCacheOnCpuTest {
  private static final int[] LENGTHS = {0, 1, 15, 16, 17, 64, 65, 300};

  private static Tensor numbers(SplittableRandom random, DType dtype, long... shape) {
    Tensor tensor = Tensor.zeros(dtype, shape);
    Tensor flat = tensor.reshape(tensor.elements());
    for (long at = 0; at < flat.elements(); at++) {
      flat.set(random.nextGaussian(), at);
    }
    return tensor;
  }

  private static void check(KvCacheStorage storage, int most) {
    SplittableRandom random = new SplittableRandom(41 + most);
    try (KvCache cache =
        KvCache.builder().pages(40).pageSize(16).heads(2).dims(40, 24).storage(storage).build()) {
      long[] sequences = new long[LENGTHS.length];
      int[] rows = new int[LENGTHS.length];
      long keys = 0;
      long tokens = 0;
      for (int b = 0; b < sequences.length; b++) {
        sequences[b] = cache.newSequence();
        // In two halves taken in turn, so that pages of different sequences mingle.
        append(cache, random, sequences[b], LENGTHS[b] / 2);
        rows[b] = most == 1 ? 1 : random.nextInt(most + 1);
        keys += LENGTHS[b];
        tokens += rows[b];
      }
      for (int b = 0; b < sequences.length; b++) {
        append(cache, random, sequences[b], LENGTHS[b] - LENGTHS[b] / 2);
      }
      DType dtype = storage.bits() == 0 ? storage.dtype() : DType.FLOAT32;
      Tensor query = numbers(random, dtype, tokens, 6, 40);
      UnaryOperator<AttentionSpec.Builder> options =
          spec -> spec.mask(Mask.window(150, 0)).softcap(20).threads(2).outDtype(DType.FLOAT32);
      DecodeRequest request =
          DecodeRequest.ragged(query, sequences, rows)
              .withOptions(options)
              .withSink(numbers(random, DType.FLOAT32, 6));
      Tensor key = Tensor.zeros(dtype, keys, 2, 40);
      Tensor value = Tensor.zeros(dtype, keys, 2, 24);
      long at = 0;
      for (long sequence : sequences) {
        long end = at + cache.length(sequence);
        key.slice(0, at, end).assign(cache.key(sequence));
        value.slice(0, at, end).assign(cache.value(sequence));
        at = end;
      }
      AttentionResult expected =
          Attention.plan(cache.spec(request).kvDtype(dtype).build())
              .forward(AttentionInputs.of(query, key, value).withSink(request.sink()));
      AttentionResult got = cache.attend(request);
      if (storage.bits() == 0) {
        assertThat(got.out().toFloatArray()).containsExactly(expected.out().toFloatArray());
        assertThat(got.lse().toFloatArray()).containsExactly(expected.lse().toFloatArray());
      } else {
        close(got.out().toFloatArray(), expected.out().toFloatArray());
        close(got.lse().toFloatArray(), expected.lse().toFloatArray());
      }
    }
  }

  private static void append(KvCache cache, SplittableRandom random, long sequence, int tokens) {
    cache.append(
        sequence,
        numbers(random, DType.FLOAT32, tokens, 2, 40),
        numbers(random, DType.FLOAT32, tokens, 2, 24));
  }

  /** The numbers are the same but for the order in which a scale joins: some units of float32. */
  private static void close(float[] got, float[] expected) {
    assertThat(got).hasSameSizeAs(expected);
    for (int n = 0; n < got.length; n++) {
      if (got[n] != expected[n]) {
        assertThat(got[n]).isCloseTo(expected[n], within(2e-5f));
      }
    }
  }

  @Test
  void onePieceAndPagesAgree() {
    for (KvCacheStorage storage : KvCacheStorage.values()) {
      check(storage, 1);
      check(storage, 5);
    }
  }
}
