package io.github.attn4j.operators;

import io.github.attn4j.DType;
import io.github.attn4j.Quantization;
import io.github.attn4j.Tensor;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;

/** The arguments of one call of incre_flash_attention, as the operator and the oracle read them. */
@NullMarked
final class IncreCase {
  String layout = "BSH";
  int batch = 1;
  int seqlenQ = 1;
  int heads = 1;
  int kvHeads = 1;
  int headDim = 16;

  /** Rows of the cache, or of pages that a table row names. */
  int rows = 1;

  double scale = 1;
  Tensor query = Tensor.zeros(DType.FLOAT32, 1, 1, 16);
  List<Tensor> key = List.of();
  List<Tensor> value = List.of();
  @Nullable Tensor mask;
  @Nullable Tensor pse;
  long @Nullable [] lengths;
  boolean lengthsAsTensor;
  @Nullable Long padding;
  @Nullable Tensor antiquantScale;
  @Nullable Tensor antiquantOffset;
  @Nullable Quantization keyRule;
  @Nullable Quantization valueRule;
  @Nullable Tensor table;
  int blockSize;
  @Nullable Tensor quantScale;
  @Nullable Tensor quantOffset;
  boolean causal;
  @Nullable Tensor prefixKey;
  @Nullable Tensor prefixValue;
  int prefix;
  int threads = 1;

  IncreFlashAttention call(String backend) {
    IncreFlashAttention call =
        key.size() == 1
            ? IncreFlashAttention.of(query, key.get(0), value.get(0))
            : IncreFlashAttention.of(query, key, value);
    call.inputLayout(layout)
        .numHeads(heads)
        .numKeyValueHeads(kvHeads == heads && blockSize % 64 == 0 ? 0 : kvHeads)
        .scaleValue(scale)
        .attnMask(mask)
        .pseShift(pse)
        .antiquantScale(antiquantScale)
        .antiquantOffset(antiquantOffset)
        .keyAntiquant(keyRule)
        .valueAntiquant(valueRule)
        .blockTable(table)
        .blockSize(blockSize)
        .quantScale2(quantScale)
        .quantOffset2(quantOffset)
        .causal(causal)
        .sharedPrefix(prefixKey, prefixValue)
        .returnSoftmaxLse(true)
        .backend(backend)
        .threads(threads);
    if (padding != null) {
      call.kvPaddingSize(Tensor.of(new long[] {padding}, 1));
    }
    if (lengths != null && lengthsAsTensor) {
      call.actualSeqLengths(Tensor.of(lengths, lengths.length));
    } else if (lengths != null) {
      call.actualSeqLengths(Arrays.stream(lengths).mapToInt(Math::toIntExact).toArray());
    }
    return call;
  }

  @Override
  public String toString() {
    return ("%s B %d Sq %d N %d kvN %d D %d S %d prefix %d, query %s, key %s, mask %s, pse %s,"
            + " lengths %s, padding %s, antiquant %s %s, rules %s %s, table %s of %d,"
            + " quant %s %s, causal %s")
        .formatted(
            layout,
            batch,
            seqlenQ,
            heads,
            kvHeads,
            headDim,
            rows,
            prefix,
            query,
            key,
            mask,
            pse,
            Arrays.toString(lengths),
            padding,
            antiquantScale,
            antiquantOffset,
            keyRule,
            valueRule,
            table,
            blockSize,
            quantScale,
            quantOffset,
            causal);
  }
}
