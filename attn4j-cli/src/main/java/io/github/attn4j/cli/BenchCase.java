package io.github.attn4j.cli;

import io.github.attn4j.AttentionSpec;
import io.github.attn4j.DType;
import io.github.attn4j.cli.pattern.Patterns;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * One line of a bench.
 *
 * @param pass forward, backward or decode
 * @param dtype of all tensors; when decoding, of the cache
 * @param mask a pattern's name
 * @param batch sequences
 * @param heads query heads
 * @param kvHeads key and value heads
 * @param seq query rows
 * @param seqK key rows
 * @param dim columns of a head
 * @param threads at work, 0 for one per processor
 * @param pageSize keys of a page of the cache, 0 for a cache in one piece
 */
record BenchCase(
    String pass,
    String dtype,
    String mask,
    int batch,
    int heads,
    int kvHeads,
    int seq,
    int seqK,
    int dim,
    int threads,
    int pageSize) {
  static final String DECODE = "decode";

  boolean decodes() {
    return pass.equals(DECODE);
  }

  /**
   * Refuses what cannot be measured.
   *
   * @throws IllegalArgumentException naming the option
   */
  void check() {
    switch (pass) {
      case "forward", "backward" -> checkPass();
      case DECODE -> checkDecode();
      default -> throw wrong("--pass: expected forward, backward or decode, got " + pass);
    }
    int least = IntStream.of(batch, heads, kvHeads, seq, seqK, dim).min().orElse(1);
    if (least < 1 || threads < 0 || pageSize < 0) {
      throw wrong("expected sizes of at least 1, threads and page size of at least 0, got " + this);
    }
    if (heads % kvHeads != 0) {
      throw wrong("--kv-heads: expected a divisor of %d heads, got %d".formatted(heads, kvHeads));
    }
  }

  private void checkPass() {
    if (pageSize != 0) {
      throw wrong("--page-size: expected with --pass decode only, got it for " + pass);
    }
    if (quantBits() != 0) {
      throw wrong(
          "--dtype %s: a dtype of caches, expected with --pass decode only, else f32, bf16 or f16"
              .formatted(dtype));
    }
    type();
  }

  private void checkDecode() {
    if (!mask.equals("full")) {
      throw wrong("--mask: decode reads all of the cache, expected full, got " + mask);
    }
    type();
  }

  private static IllegalArgumentException wrong(String message) {
    return new IllegalArgumentException(message);
  }

  /** Bits of a quantised cache's elements, 0 for a floating one. */
  int quantBits() {
    return switch (dtype) {
      case "int8" -> 8;
      case "int4" -> 4;
      default -> 0;
    };
  }

  /** The dtype of the query, and of key and value unless they are quantised. */
  private DType type() {
    return switch (dtype) {
      case "f32", "int8", "int4" -> DType.FLOAT32;
      case "bf16" -> DType.BFLOAT16;
      case "f16" -> DType.FLOAT16;
      default ->
          throw wrong(
              "--dtype: expected f32, bf16 or f16, or int8 or int4 with --pass decode, got "
                  + dtype);
    };
  }

  /**
   * What a plan of it is made from.
   *
   * @throws IllegalArgumentException if the mask does not exist for these lengths
   */
  AttentionSpec spec() {
    return AttentionSpec.builder()
        .padded(batch, seq, seqK)
        .heads(heads, kvHeads)
        .dims(dim, dim)
        .dtype(type())
        .kvDtype(quantBits() == 0 ? type() : DType.INT8)
        .mask(Patterns.named(mask, seq, seqK, heads, Map.of()).mask())
        .threads(threads)
        .build();
  }
}
