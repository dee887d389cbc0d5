package io.github.attn4j;

/** The sizes of a cache, checked. */
record KvCacheSizes(
    int pages, int pageSize, int kvHeads, int headDim, int valueDim, KvCacheStorage storage) {
  KvCacheSizes {
    String[] names = {"pages", "pageSize", "kvHeads", "headDim", "valueDim"};
    int[] sizes = {pages, pageSize, kvHeads, headDim, valueDim};
    for (int n = 0; n < sizes.length; n++) {
      if (sizes[n] < 1) {
        throw RefusedException.value(names[n], "expected at least 1, got " + sizes[n]);
      }
    }
  }
}
