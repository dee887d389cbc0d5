package io.github.attn4j.testkit;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import java.util.LinkedHashMap;
import java.util.Map;

/** Result tensors full of NaN, so that what is not written shows, with canaries around them. */
final class Canaries {
  private final Draw draw;
  private final boolean strided;
  private final Map<String, Storage> results = new LinkedHashMap<>();

  Canaries(Draw draw, boolean strided) {
    this.draw = draw;
    this.strided = strided;
  }

  Tensor tensor(String what, DType dtype, Tensor shape) {
    Storage storage = Storage.allocate(draw, strided, dtype, shape.shape());
    Storage.fill(storage.view(), Double.NaN);
    results.put(what, storage);
    return storage.view();
  }

  /** Fails if anything around a result was written to; destroys the results. */
  void check() {
    results.forEach((what, storage) -> storage.checkCanary(what));
  }
}
