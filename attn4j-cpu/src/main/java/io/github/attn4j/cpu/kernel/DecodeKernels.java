package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Lanes.TILE_N;
import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.github.attn4j.cpu.emit.DecodeTable;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * Calls of the kernels of a decode. They read a cache in place, be it in native memory or in Java
 * arrays: which stay where they are during a call, since no garbage is collected meanwhile. So a
 * call does no more than a tile, some microseconds.
 */
final class DecodeKernels {
  static final DecodeTable TABLE = new DecodeTable(TILE_N);

  private static final MethodHandle READER =
      handle(
          FunctionDescriptor.ofVoid(
              ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG,
              JAVA_LONG),
          Linker.Option.critical(true));

  private static final MethodHandle SOFTMAX =
      handle(
          FunctionDescriptor.ofVoid(
              JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG));

  private DecodeKernels() {}

  @SuppressWarnings("restricted") // The code was emitted here, for this processor.
  private static MethodHandle handle(FunctionDescriptor descriptor, Linker.Option... options) {
    return Linker.nativeLinker().downcallHandle(descriptor, options);
  }

  /**
   * Scores, or outputs.
   *
   * @param kernel of {@link #TABLE}
   * @param base memory of the cache
   * @param offset of the first key in it, in bytes
   * @param stride between keys, in bytes
   * @param operand queries, or weights
   * @param result scores, or outputs
   * @param next where in the memory the keys after these stand, in bytes
   * @param factors of integers
   */
  static void read(
      MemorySegment kernel,
      MemorySegment base,
      long offset,
      long stride,
      long keys,
      long columns,
      long operand,
      long result,
      long next,
      long factors) {
    try {
      READER.invokeExact(
          kernel, base, offset, stride, keys, columns, operand, result, next, factors);
    } catch (Throwable thrown) {
      throw Calls.unexpected(thrown);
    }
  }

  static void softmax(
      MemorySegment kernel,
      long scores,
      long keys,
      long rowMax,
      long rowSum,
      long out,
      long columns) {
    try {
      SOFTMAX.invokeExact(kernel, scores, keys, rowMax, rowSum, out, columns);
    } catch (Throwable thrown) {
      throw Calls.unexpected(thrown);
    }
  }
}
