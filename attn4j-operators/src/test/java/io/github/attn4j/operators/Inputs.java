package io.github.attn4j.operators;

import static io.github.attn4j.operators.Tensors.normal;

import io.github.attn4j.Tensor;
import org.jspecify.annotations.NullMarked;

/** The tensors of a call, and the same for the oracle. */
@NullMarked
record Inputs(Tensor query, Tensor key, Tensor value) {
  static Inputs of(int seqlenQ, int seqlenK) {
    return of(2, seqlenQ, seqlenK, 4, 2, 5, 7);
  }

  static Inputs of(int batch, int seqlenQ, int seqlenK, int heads, int kvHeads, int d, int dv) {
    return new Inputs(
        normal(1, batch, seqlenQ, heads, d),
        normal(2, batch, seqlenK, kvHeads, d),
        normal(3, batch, seqlenK, kvHeads, dv));
  }

  FlashmaskAttention call(String backend) {
    return FlashmaskAttention.of(query, key, value).backend(backend).returnSoftmaxLse(true);
  }

  Oracle oracle(Oracle.Rule rule) {
    return new Oracle(query, key, value, rule);
  }

  Oracle.Rule columns(Tensor indices, boolean causal) {
    return Oracle.columns(indices, causal, (int) query.dim(1), (int) query.dim(2));
  }

  Oracle.Rule causal() {
    return Oracle.causal((int) query.dim(1), (int) key.dim(1));
  }
}
