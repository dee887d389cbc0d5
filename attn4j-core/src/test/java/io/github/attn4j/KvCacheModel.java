package io.github.attn4j;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** A cache as plain lists: for every sequence the rows it should hold, one array per token. */
final class KvCacheModel {
  private final KvCache cache;
  private final int kvHeads;
  private final int headDim;
  private final int valueDim;
  private final Map<Long, List<Token>> sequences = new LinkedHashMap<>();

  /** What one token left in the cache, all heads. */
  static final class Token {
    final float[] key;
    final float[] value;

    Token(float[] key, float[] value) {
      this.key = key;
      this.value = value;
    }
  }

  KvCacheModel(KvCache cache, int kvHeads, int headDim, int valueDim) {
    this.cache = cache;
    this.kvHeads = kvHeads;
    this.headDim = headDim;
    this.valueDim = valueDim;
  }

  List<Long> numbers() {
    return new ArrayList<>(sequences.keySet());
  }

  List<Token> tokens(long sequence) {
    return sequences.getOrDefault(sequence, List.of());
  }

  void put(long sequence, List<Token> tokens) {
    assertThat(sequences.put(sequence, new ArrayList<>(tokens))).as("number used twice").isNull();
  }

  void add(long sequence, List<Token> tokens) {
    List<Token> all = new ArrayList<>(tokens(sequence));
    all.addAll(tokens);
    sequences.put(sequence, all);
  }

  void keep(long sequence, int tokens) {
    sequences.put(sequence, new ArrayList<>(tokens(sequence).subList(0, tokens)));
  }

  void remove(long sequence) {
    sequences.remove(sequence);
  }

  /** The pages of a sequence as its block table shows them. */
  List<Long> pages(long sequence) {
    Tensor table = cache.blockTable(sequence);
    List<Long> pages = new ArrayList<>();
    for (long n = 0; n < table.dim(1); n++) {
      pages.add(table.getLong(0, n));
    }
    return pages;
  }

  /** Pages that appending takes: for what does not fit behind the end, and for a shared end. */
  int needed(long sequence, int tokens) {
    int size = cache.pageSize();
    int length = tokens(sequence).size();
    int needed = Math.ceilDiv(length + tokens, size) - Math.ceilDiv(length, size);
    if (tokens > 0 && length % size != 0) {
      long last = pages(sequence).getLast();
      boolean shared =
          numbers().stream().anyMatch(other -> other != sequence && pages(other).contains(last));
      needed += shared ? 1 : 0;
    }
    return needed;
  }

  /** Every row of every sequence bit for bit, and every page accounted for. */
  void check() {
    Set<Long> used = new HashSet<>();
    for (Map.Entry<Long, List<Token>> entry : sequences.entrySet()) {
      long sequence = entry.getKey();
      List<Token> tokens = entry.getValue();
      assertThat(cache.length(sequence)).isEqualTo(tokens.size());
      List<Long> pages = pages(sequence);
      assertThat(pages).hasSize(Math.ceilDiv(tokens.size(), cache.pageSize()));
      assertThat(pages).doesNotHaveDuplicates();
      assertThat(pages).allMatch(page -> page >= 0 && page < cache.totalPages());
      used.addAll(pages);
      Tensor key = cache.key(sequence);
      Tensor value = cache.value(sequence);
      assertThat(key.shape()).containsExactly(tokens.size(), kvHeads, headDim);
      assertThat(value.shape()).containsExactly(tokens.size(), kvHeads, valueDim);
      for (int t = 0; t < tokens.size(); t++) {
        assertThat(key.select(0, t).toFloatArray()).containsExactly(tokens.get(t).key);
        assertThat(value.select(0, t).toFloatArray()).containsExactly(tokens.get(t).value);
      }
    }
    assertThat(cache.usedPages()).isEqualTo(used.size());
    assertThat(cache.freePages()).isEqualTo(cache.totalPages() - used.size());
  }
}
