package io.github.attn4j.testkit;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;

/**
 * A tensor somewhere in a larger piece of memory.
 *
 * @param view the tensor
 * @param backing all of the memory around it, flat
 */
record Storage(Tensor view, Tensor backing) {
  /** A number that every floating dtype holds exactly and no computation is likely to give. */
  private static final double CANARY = -7.25;

  private enum Kind {
    WHOLE_ARRAY,
    PART_OF_ARRAY,
    NATIVE,
    GAPS,
    COLUMN_STEP,
    TRANSPOSED
  }

  /**
   * Memory of a kind drawn at random, or with strided false a part of an array; full of canaries.
   */
  static Storage allocate(Draw draw, boolean strided, DType dtype, long... shape) {
    Kind kind = strided ? draw.pick(List.of(Kind.values())) : Kind.PART_OF_ARRAY;
    Storage storage =
        switch (kind) {
          case WHOLE_ARRAY -> whole(Tensor.zeros(dtype, shape));
          case PART_OF_ARRAY -> inside(Tensor.zeros(dtype, count(shape) + 40), 20, shape);
          case NATIVE -> inside(nativeMemory(draw, dtype, count(shape) + 20), 10, shape);
          case GAPS -> gaps(draw, dtype, shape);
          case COLUMN_STEP -> columnStep(dtype, shape);
          case TRANSPOSED -> transposed(draw, dtype, shape);
        };
    if (dtype.isFloating()) {
      fill(storage.backing, CANARY);
    }
    return storage;
  }

  private static long count(long... shape) {
    return Arrays.stream(shape).reduce(1, Math::multiplyExact);
  }

  private static Storage whole(Tensor tensor) {
    return new Storage(tensor, tensor.reshape(tensor.elements()));
  }

  private static Storage inside(Tensor flat, long from, long... shape) {
    return new Storage(flat.slice(0, from, from + count(shape)).reshape(shape), flat);
  }

  /** Native memory at any byte, as a mapped file may give it. */
  private static Tensor nativeMemory(Draw draw, DType dtype, long elements) {
    int shift = draw.pick(0, dtype.bytes(), 1);
    MemorySegment segment = Arena.ofAuto().allocate(elements * dtype.bytes() + shift, 64);
    return Tensor.of(segment.asSlice(shift), dtype, elements);
  }

  private static Storage gaps(Draw draw, DType dtype, long... shape) {
    long[] outer = Arrays.stream(shape).map(n -> n + draw.between(0, 3)).toArray();
    Tensor flat = nativeMemory(draw, dtype, count(outer));
    Tensor view = flat.reshape(outer);
    for (int d = 0; d < shape.length; d++) {
      long from = Math.min(outer[d] - shape[d], draw.between(0, 1));
      view = view.slice(d, from, from + shape[d]);
    }
    return new Storage(view, flat);
  }

  private static Storage columnStep(DType dtype, long... shape) {
    long[] outer = Arrays.copyOf(shape, shape.length + 1);
    outer[shape.length] = 3;
    Tensor dense = Tensor.zeros(dtype, outer);
    return new Storage(dense.select(shape.length, 1), dense.reshape(dense.elements()));
  }

  private static Storage transposed(Draw draw, DType dtype, long... shape) {
    int[] order = new int[shape.length];
    for (int d = 0; d < order.length; d++) {
      int other = draw.between(0, d);
      order[d] = order[other];
      order[other] = d;
    }
    long[] stored = new long[shape.length];
    int[] back = new int[shape.length];
    for (int d = 0; d < order.length; d++) {
      stored[d] = shape[order[d]];
      back[order[d]] = d;
    }
    Tensor dense = Tensor.zeros(dtype, stored);
    return new Storage(dense.permute(back), dense.reshape(dense.elements()));
  }

  /** Writes one number everywhere. */
  static void fill(Tensor tensor, double value) {
    long[] ones = new long[tensor.rank()];
    Arrays.fill(ones, 1);
    Tensor constant = Tensor.zeros(tensor.dtype(), ones);
    constant.set(value, new long[tensor.rank()]);
    tensor.assign(constant.expand(tensor.shape()));
  }

  /** Fails if anything outside the view was written to; destroys the view's content. */
  void checkCanary(String what) {
    fill(view, CANARY);
    for (long at = 0; at < backing.elements(); at++) {
      if (backing.get(at) != CANARY) {
        throw new AssertionError(
            "%s: memory outside the tensor was written, element %d of %d around %s is %s"
                .formatted(what, at, backing.elements(), view, backing.get(at)));
      }
    }
  }
}
