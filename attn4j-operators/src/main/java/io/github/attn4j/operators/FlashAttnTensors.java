package io.github.attn4j.operators;

import io.github.attn4j.AttentionSpec;
import io.github.attn4j.Layout;
import io.github.attn4j.Mask;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Sequences;
import io.github.attn4j.Tensor;

/**
 * The tensors of a variable-length call as the core takes them, checked: (rows, heads, columns).
 *
 * @param source the argument that decides how many query rows there are
 * @param given what came under that name
 */
record FlashAttnTensors(Tensor query, Tensor key, Tensor value, String source, Tensor given) {
  static void floating(String name, Tensor tensor) {
    if (!tensor.dtype().isFloating()) {
      throw RefusedException.type(name, "expected float16, bfloat16 or float32, got " + tensor);
    }
  }

  AttentionSpec spec(FlashAttnVarlen<?> call, Sequences sequences, double scale) {
    return call.where(AttentionSpec.builder())
        .layout(Layout.TND)
        .sequences(sequences)
        .heads(size(query.dim(1)), size(key.dim(1)))
        .dims(size(query.dim(2)), size(value.dim(2)))
        .dtype(query.dtype())
        .mask(call.causal ? Mask.causal(call.causalAlignment) : Mask.full())
        .scale(scale)
        .build();
  }

  private int size(long extent) {
    if (extent > Integer.MAX_VALUE) {
      throw RefusedException.value(source, "expected extents below 2^31, got " + given);
    }
    return (int) extent;
  }
}
