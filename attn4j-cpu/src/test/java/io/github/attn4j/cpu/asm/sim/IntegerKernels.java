package io.github.attn4j.cpu.asm.sim;

import java.util.Map;
import java.util.function.IntBinaryOperator;

/** Arithmetic on integers, and on bits. */
final class IntegerKernels {
  private IntegerKernels() {}

  static void define(Map<String, LaneOp> table) {
    for (String suffix : new String[] {"", "d"}) {
      table.put("vpand" + suffix, LaneOp.each(lanes((a, b) -> a & b)));
      table.put("vpandn" + suffix, LaneOp.each(lanes((a, b) -> ~a & b)));
      table.put("vpor" + suffix, LaneOp.each(lanes((a, b) -> a | b)));
      table.put("vpxor" + suffix, LaneOp.each(lanes((a, b) -> a ^ b)));
    }
    table.put("vorps", LaneOp.each(lanes((a, b) -> a | b)));
    table.put("vandnps", LaneOp.each(lanes((a, b) -> ~a & b)));
    table.put("vpaddd", LaneOp.each(lanes((a, b) -> a + b)));
    table.put("vpsubd", LaneOp.each(lanes((a, b) -> a - b)));
    table.put("vpmulld", LaneOp.each(lanes((a, b) -> a * b)));
    table.put("vpslld", shift((a, count) -> count > 31 ? 0 : a << count));
    table.put("vpsrld", shift((a, count) -> count > 31 ? 0 : a >>> count));
    table.put("vpsrad", shift((a, count) -> a >> Math.min(count, 31)));
    table.put("vpsllvd", LaneOp.each(lanes((a, b) -> (b & ~31) != 0 ? 0 : a << b)));
    table.put("vpdpbusd", LaneOp.each(IntegerKernels::dot));
  }

  /** Two operands, lane by lane. */
  static Kernel lanes(IntBinaryOperator operation) {
    return (v, to, old, a, b, words) -> {
      for (int i = 0; i < words; i++) {
        v[to + i] = operation.applyAsInt(v[a + i], v[b + i]);
      }
    };
  }

  /** By a constant of one byte. */
  private static LaneOp shift(IntBinaryOperator operation) {
    return LaneOp.each(immediate ->
        (v, to, old, a, b, words) -> {
          for (int i = 0; i < words; i++) {
            v[to + i] = operation.applyAsInt(v[a + i], immediate & 255);
          }
        });
  }

  /** Four products of an unsigned byte of a and a signed byte of b are added; sums wrap. */
  private static void dot(int[] v, int to, int old, int a, int b, int words) {
    for (int i = 0; i < words; i++) {
      int sum = v[old + i];
      for (int shift = 0; shift < 32; shift += 8) {
        sum += (v[a + i] >>> shift & 255) * (byte) (v[b + i] >>> shift);
      }
      v[to + i] = sum;
    }
  }
}
