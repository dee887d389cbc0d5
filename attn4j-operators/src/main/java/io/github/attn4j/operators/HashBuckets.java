package io.github.attn4j.operators;

import io.github.attn4j.RefusedException;

/** Queries sorted by the bucket their hash fell into. */
final class HashBuckets {
  private final int[] buckets;

  /** The bucket of each query, ascending. */
  HashBuckets(int[] buckets) {
    for (int i = 1; i < buckets.length; i++) {
      if (buckets[i] < buckets[i - 1]) {
        throw RefusedException.value(
            "queryBuckets",
            "expected ascending buckets, got %d before %d".formatted(buckets[i - 1], buckets[i]));
      }
    }
    this.buckets = buckets;
  }

  /** The first query of a bucket, or where it would stand. */
  int firstRow(long bucket) {
    int low = 0;
    int high = buckets.length;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (buckets[middle] < bucket) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
}
