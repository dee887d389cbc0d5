package io.github.attn4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Objects;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Pages, sharing, storage and refusals of a cache by hand; closing it; several threads. */
final class KvCacheTest {
  private static KvCacheBuilder small() {
    return KvCache.builder().pages(4).pageSize(2).heads(1).dims(2, 1);
  }

  /** Tokens that hold their own number. */
  private static Tensor tokens(int dim, int... numbers) {
    Tensor rows = Tensor.zeros(DType.FLOAT32, numbers.length, 1, dim);
    for (int t = 0; t < numbers.length; t++) {
      for (int c = 0; c < dim; c++) {
        rows.set(numbers[t], t, 0, c);
      }
    }
    return rows;
  }

  private static void append(KvCache cache, long sequence, int... numbers) {
    cache.append(sequence, tokens(2, numbers), tokens(1, numbers));
  }

  private static void holds(KvCache cache, long sequence, int... numbers) {
    assertThat(cache.key(sequence).toFloatArray())
        .containsExactly(tokens(2, numbers).toFloatArray());
    assertThat(cache.value(sequence).toFloatArray())
        .containsExactly(tokens(1, numbers).toFloatArray());
  }

  private static int[] table(KvCache cache, long... sequences) {
    Tensor table = cache.blockTable(sequences);
    assertThat(table.dtype()).isEqualTo(DType.INT32);
    return IntStream.range(0, (int) table.elements())
        .map(n -> (int) table.getLong(n / table.dim(1), n % table.dim(1)))
        .toArray();
  }

  @Test
  void pagesAreTakenAsTokensCome() {
    try (KvCache cache = small().build()) {
      long first = cache.newSequence();
      long second = cache.newSequence();
      assertThat(cache.length(first)).isZero();
      assertThat(cache.blockTable(first, second).shape()).containsExactly(2, 0);
      assertThat(cache.usedPages()).isZero();
      append(cache, first, 1, 2, 3);
      append(cache, second, 4);
      append(cache, first);
      assertThat(table(cache, second, first)).containsExactly(2, -1, 0, 1);
      append(cache, first, 5);
      assertThat(cache.usedPages()).isEqualTo(3);
      assertThat(cache.freePages()).isEqualTo(1);
      assertThat(cache.totalPages()).isEqualTo(4);
      holds(cache, first, 1, 2, 3, 5);
      holds(cache, second, 4);
      cache.free(first);
      assertThat(cache.freePages()).isEqualTo(3);
      holds(cache, second, 4);
    }
  }

  /** Full pages are never copied; the last one is, when one of those that share it appends. */
  @Test
  void aForkCopiesTheLastPageOnly() {
    try (KvCache cache = small().build()) {
      long mother = cache.newSequence();
      append(cache, mother, 1, 2, 3);
      long fork = cache.fork(mother);
      assertThat(cache.usedPages()).isEqualTo(2);
      assertThat(table(cache, mother, fork)).containsExactly(0, 1, 0, 1);
      append(cache, fork, 4);
      assertThat(table(cache, mother, fork)).containsExactly(0, 1, 0, 2);
      append(cache, mother, 5);
      assertThat(table(cache, mother, fork)).containsExactly(0, 1, 0, 2);
      holds(cache, mother, 1, 2, 3, 5);
      holds(cache, fork, 1, 2, 3, 4);
      append(cache, fork, 6);
      assertThat(table(cache, mother, fork)).containsExactly(0, 1, -1, 0, 2, 3);
      cache.free(mother);
      assertThat(cache.usedPages()).isEqualTo(3);
      holds(cache, fork, 1, 2, 3, 4, 6);
    }
  }

  /** A sequence cut back into a page that others have filled must not write there. */
  @Test
  void truncationIntoASharedPageCopiesItToo() {
    try (KvCache cache = small().build()) {
      long mother = cache.newSequence();
      append(cache, mother, 1, 2, 3, 4);
      long fork = cache.fork(mother);
      cache.truncate(fork, 3);
      assertThat(table(cache, fork)).containsExactly(0);
      append(cache, fork, 9);
      assertThat(table(cache, mother, fork)).containsExactly(0, 1, 2, -1);
      holds(cache, mother, 1, 2, 3, 4);
      holds(cache, fork, 1, 9);
      cache.truncate(mother, 4);
      assertThat(cache.usedPages()).isEqualTo(1);
      holds(cache, mother);
    }
  }

  @Test
  void anAppendThatDoesNotFitChangesNothing() {
    try (KvCache cache = small().build()) {
      long first = cache.newSequence();
      long second = cache.newSequence();
      append(cache, first, 1, 2, 3);
      append(cache, second, 4);
      assertThatThrownBy(() -> append(cache, first, 5, 6, 7, 8))
          .isInstanceOf(RefusedException.class)
          .hasMessage(
              "pages: expected 2 free pages of 2 tokens to append 4 behind the 3 of sequence 1, "
                  + "got 1 of 4");
      holds(cache, first, 1, 2, 3);
      holds(cache, second, 4);
      assertThat(cache.freePages()).isEqualTo(1);
      append(cache, first, 5, 6, 7);
      holds(cache, first, 1, 2, 3, 5, 6, 7);
      long fork = cache.fork(second);
      assertThatThrownBy(() -> append(cache, fork, 8))
          .hasMessageContaining("expected 1 free pages of 2 tokens to append 1 behind the 1");
      holds(cache, second, 4);
    }
  }

  /** Rows of a source that fails halfway leave nothing behind. */
  @Test
  void anAppendThatFailsChangesNothing() {
    try (KvCache cache = small().build()) {
      long sequence = cache.newSequence();
      append(cache, sequence, 1);
      Tensor gone;
      try (var arena = java.lang.foreign.Arena.ofConfined()) {
        gone = Tensor.of(arena.allocate(64), DType.FLOAT32, 3, 1, 1);
      }
      assertThatThrownBy(() -> cache.append(sequence, tokens(2, 2, 3, 4), gone))
          .isInstanceOf(IllegalStateException.class);
      assertThat(cache.usedPages()).isEqualTo(1);
      holds(cache, sequence, 1);
      append(cache, sequence, 5);
      holds(cache, sequence, 1, 5);
    }
  }

  @Test
  void sequencesThatAreNotThereAreRefused() {
    try (KvCache cache = small().build()) {
      long sequence = cache.newSequence();
      long freed = cache.fork(sequence);
      cache.free(freed);
      assertThatThrownBy(() -> cache.length(freed))
          .isInstanceOf(RefusedException.class)
          .hasMessage("sequence: expected a sequence of this cache, got 2, which was freed");
      assertThatThrownBy(() -> cache.free(freed)).hasMessageContaining("got 2, which was freed");
      assertThatThrownBy(() -> append(cache, 7, 1))
          .hasMessage("sequence: expected a sequence of this cache, got 7, which it never made");
      assertThatThrownBy(() -> cache.fork(0)).hasMessageContaining("0, which it never made");
      assertThatThrownBy(() -> cache.attend(tokens(2, 1, 1), sequence, freed))
          .hasMessageContaining("got 2, which was freed");
      assertThatThrownBy(() -> cache.truncate(sequence, 1))
          .hasMessage("tokens: expected between 0 and the 0 of sequence 1, got 1");
      assertThatThrownBy(() -> cache.truncate(sequence, -1)).hasMessageContaining("got -1");
      assertThat(cache.newSequence()).isEqualTo(3);
    }
  }

  @Test
  void rowsThatDoNotFitAreRefused() {
    try (KvCache cache = small().build()) {
      long sequence = cache.newSequence();
      Tensor value = tokens(1, 1, 2);
      assertThatThrownBy(() -> cache.append(sequence, tokens(3, 1, 2), value))
          .hasMessageStartingWith("key: expected (tokens, 1, 2), got FLOAT32[2, 1, 3]");
      assertThatThrownBy(() -> cache.append(sequence, tokens(2, 1), value))
          .hasMessage(
              "value: expected (tokens, 1, 1), got FLOAT32[2, 1, 1] (key FLOAT32[1, 1, 2])");
      assertThatThrownBy(() -> cache.append(sequence, Tensor.zeros(DType.FLOAT32), value))
          .hasMessageStartingWith("key: expected (tokens, 1, 2), got FLOAT32[]");
      assertThatThrownBy(() -> cache.append(sequence, tokens(2, 1, 2).to(DType.INT8), value))
          .hasMessageStartingWith("key: expected a floating dtype, got INT8[2, 1, 2]");
      assertThat(cache.length(sequence)).isZero();
      append(cache, sequence, 1);
      DecodeRequest wide =
          DecodeRequest.of(tokens(3, 1), sequence).withOptions(spec -> spec.backend("reference"));
      assertThatThrownBy(() -> cache.attend(wide))
          .hasMessageContaining("query: expected shape [1, 1, 2], got FLOAT32[1, 1, 3]");
      assertThatThrownBy(() -> cache.attend(tokens(2, 1).reshape(1, 2), sequence))
          .hasMessage("query: expected (tokens, heads, headDim), got FLOAT32[1, 2]");
      assertThatThrownBy(() -> cache.attend(tokens(2, 1).to(DType.INT32), sequence))
          .hasMessage("query: expected a floating dtype, got INT32[1, 1, 2]");
      assertThatThrownBy(() -> cache.attend(tokens(2, 1, 2, 3), sequence, sequence))
          .hasMessage(
              "query: expected as many tokens for each of 2 sequences, got FLOAT32[3, 1, 2]");
      assertThatThrownBy(() -> DecodeRequest.ragged(tokens(2, 1, 2), new long[] {1}, new int[] {1}))
          .hasMessageStartingWith("rows: expected a number for each of 1 sequences, 2 together");
      assertThatThrownBy(
              () -> DecodeRequest.ragged(tokens(2, 1), new long[] {1, 1}, new int[] {2, -1}))
          .hasMessageContaining("got [2, -1] (query FLOAT32[1, 1, 2])");
      assertThatThrownBy(() -> DecodeRequest.ragged(tokens(2, 1), new long[] {1, 1}, new int[] {1}))
          .hasMessageContaining("a number for each of 2 sequences");
    }
  }

  @Test
  void sizesMustBePositive() {
    assertThatThrownBy(() -> KvCache.builder().heads(1).dims(1, 1).build())
        .hasMessage("pages: expected at least 1, got 0");
    assertThatThrownBy(() -> small().pageSize(0).build())
        .hasMessage("pageSize: expected at least 1, got 0");
    assertThatThrownBy(() -> small().heads(-1).build())
        .hasMessage("kvHeads: expected at least 1, got -1");
    assertThatThrownBy(() -> small().dims(0, 1).build())
        .hasMessage("headDim: expected at least 1, got 0");
    assertThatThrownBy(() -> small().dims(1, 0).build())
        .hasMessage("valueDim: expected at least 1, got 0");
  }

  /** Keys and values, and for integers one scale a row, each part a multiple of 64 bytes. */
  @Test
  void bytesAreWhatIsAllocated() {
    KvCacheBuilder sizes = KvCache.builder().pages(3).pageSize(8).heads(2).dims(5, 3);
    long[] expected = {
      960 + 576, 512 + 320, 512 + 320, 256 + 192 + 192 + 192, 192 + 192 + 128 + 192
    };
    for (KvCacheStorage storage : KvCacheStorage.values()) {
      try (KvCache cache = sizes.storage(storage).build()) {
        assertThat(cache.bytes()).isEqualTo(expected[storage.compareTo(KvCacheStorage.FLOAT32)]);
        DecodeRequest none = DecodeRequest.of(Tensor.zeros(DType.FLOAT32, 0, 2, 5));
        AttentionInputs inputs = cache.inputs(none);
        for (Tensor pages : new Tensor[] {inputs.key(), inputs.value()}) {
          assertThat(pages.segment().isNative()).isTrue();
          assertThat(pages.segment().address() % 64).isZero();
        }
      }
    }
  }

  /**
   * q = (2, 0) over keys (0, 0) and (1, 0) at scale ln(3) / 2: probabilities 1/4 and 3/4 of values
   * 8 and 4.
   */
  @Test
  void attendByHand() {
    try (KvCache cache = small().build()) {
      long sequence = cache.newSequence();
      long empty = cache.newSequence();
      cache.append(
          sequence,
          Tensor.of(new float[] {0, 0, 1, 0}, 2, 1, 2),
          Tensor.of(new float[] {8, 4}, 2, 1, 1));
      Tensor query = Tensor.of(new float[] {2, 0, 2, 0, 2, 0}, 3, 1, 2);
      DecodeRequest request =
          DecodeRequest.ragged(query, new long[] {empty, sequence}, new int[] {1, 2})
              .withOptions(spec -> spec.scale(Math.log(3) / 2).backend("reference"));
      AttentionResult result = cache.attend(request);
      assertThat(result.out().toFloatArray()).containsExactly(0, 8, 5);
      assertThat(result.lse().toFloatArray())
          .containsExactly(Float.NEGATIVE_INFINITY, 0, (float) Math.log(4));
      AttentionPlan plan = Attention.plan(cache.spec(request).build());
      assertThat(cache.attend(plan, request).out().toFloatArray()).containsExactly(0, 8, 5);
      assertThat(plan.forward(cache.inputs(request)).out().toFloatArray()).containsExactly(0, 8, 5);
      append(cache, empty, 1);
      assertThatThrownBy(() -> cache.attend(plan, request))
          .isInstanceOf(RefusedException.class)
          .hasMessage(
              "plan: expected one for ragged, query [1, 2], key [1, 2], "
                  + "got one for ragged, query [1, 2], key [0, 2]");
    }
  }

  /** A scheduler with nothing to do, and sequences that have no row this time. */
  @Test
  void batchesMayBeEmpty() {
    try (KvCache cache = small().build()) {
      long sequence = cache.newSequence();
      append(cache, sequence, 1, 2, 3);
      Tensor none = Tensor.zeros(DType.FLOAT32, 0, 3, 2);
      for (DecodeRequest request :
          new DecodeRequest[] {
            DecodeRequest.of(none),
            DecodeRequest.of(none, sequence),
            DecodeRequest.ragged(none, new long[] {sequence, sequence}, new int[2])
          }) {
        AttentionResult result =
            cache.attend(request.withOptions(spec -> spec.backend("reference")));
        assertThat(result.out().shape()).containsExactly(0, 3, 1);
        assertThat(result.lse().shape()).containsExactly(3, 0);
      }
    }
  }

  @Test
  void nothingWorksAfterClosing() {
    KvCache cache = small().build();
    long sequence = cache.newSequence();
    append(cache, sequence, 1);
    Tensor pages = cache.inputs(DecodeRequest.of(tokens(2, 1), sequence)).key();
    cache.close();
    cache.close();
    for (Callable<?> use :
        new Callable<?>[] {
          cache::newSequence,
          cache::freePages,
          () -> cache.fork(sequence),
          () -> cache.length(sequence),
          () -> cache.key(sequence),
          () -> cache.blockTable(sequence),
          () -> cache.attend(tokens(2, 1), sequence)
        }) {
      assertThatThrownBy(use::call)
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("expected an open cache, got one that was closed");
    }
    assertThatThrownBy(() -> append(cache, sequence, 1)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> cache.free(sequence)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> cache.truncate(sequence, 1)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> pages.get(0, 0, 0, 0)).isInstanceOf(IllegalStateException.class);
    assertThat(cache).hasToString("KvCache of 4 pages of 2 tokens, FLOAT32, 1 heads, dims 2 and 1");
  }

  /**
   * One thread appends, forks, cuts back and frees while others attend over sequences of their own:
   * they see the same bits every time, until the cache closes under them, which they are told.
   */
  @Test
  void readersAndWritersDoNotMeet() throws Exception {
    KvCache cache = KvCache.builder().pages(16).pageSize(4).heads(2).dims(8, 8).build();
    SplittableRandom random = new SplittableRandom(32);
    Tensor rows = Tensor.zeros(DType.FLOAT32, 11, 2, 8);
    for (long at = 0; at < rows.elements(); at++) {
      rows.reshape(rows.elements()).set(random.nextGaussian(), at);
    }
    long still = cache.newSequence();
    cache.append(still, rows, rows);
    DecodeRequest request =
        DecodeRequest.of(rows.slice(0, 0, 2), still)
            .withOptions(spec -> spec.backend("reference").threads(1));
    float[] expected = cache.attend(request).out().toFloatArray();
    AtomicBoolean closing = new AtomicBoolean();
    Callable<Integer> reader =
        () -> {
          for (int calls = 0; ; calls++) {
            try {
              assertThat(cache.attend(request).out().toFloatArray()).containsExactly(expected);
            } catch (IllegalStateException closed) {
              assertThat(closing.get()).as("closed too early").isTrue();
              assertThat(closed).hasMessage("expected an open cache, got one that was closed");
              return calls;
            }
          }
        };
    try (ExecutorService threads = Executors.newFixedThreadPool(3)) {
      Future<Integer> first = threads.submit(reader);
      Future<Integer> second = threads.submit(reader);
      for (int round = 0; round < 300; round++) {
        long fork = cache.fork(still);
        cache.append(fork, rows.slice(0, 0, 3), rows.slice(0, 0, 3));
        cache.truncate(fork, 5);
        cache.append(fork, rows, rows);
        cache.free(fork);
      }
      assertThat(cache.usedPages()).isEqualTo(3);
      closing.set(true);
      cache.close();
      assertThat(Objects.requireNonNull(first.get()) + Objects.requireNonNull(second.get()))
          .as("calls that ran")
          .isPositive();
    }
  }
}
