package io.github.attn4j.internal;

import io.github.attn4j.AlibiBias;
import io.github.attn4j.Bias;
import io.github.attn4j.DenseBias;
import io.github.attn4j.Extent;
import io.github.attn4j.PackedBias;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Sequences;
import io.github.attn4j.Tensor;
import io.github.attn4j.ToeplitzBias;
import io.github.attn4j.spi.BiasSource;
import io.github.attn4j.spi.Problem;
import java.util.Arrays;

/**
 * A bias seen under a problem: the number of (b, h, i, j) is a weight times one element of the
 * parameter, or nothing.
 */
abstract class BoundBias implements BiasSource {
  /** Stands for no element. */
  static final long NONE = -1;

  final Problem problem;
  final Tensor parameter;

  BoundBias(Problem problem, Tensor parameter) {
    this.problem = problem;
    this.parameter = parameter;
  }

  /** Which element, counted row-major over the parameter, or {@link #NONE}. */
  abstract long element(int b, int h, int i, int j);

  /** Whether different keys have different elements; if not, the gradient sums over them. */
  abstract boolean perKey();

  /** The same for heads. */
  abstract boolean perHead();

  /** The same for sequences. */
  abstract boolean perSequence();

  /** Whether the gradient sums over neither rows nor keys. */
  boolean perScore() {
    return false;
  }

  /** Factor of the element. */
  double weight(int b, int i, int j) {
    return 1;
  }

  /** Where the element lies in the parameter's memory. */
  long position(int b, int h, int i, int j) {
    long element = element(b, h, i, j);
    return element == NONE ? NONE : parameter.offset() + element;
  }

  @Override
  public double get(int b, int h, int i, int j) {
    long position = position(b, h, i, j);
    return position == NONE
        ? 0
        : weight(b, i, j) * Elements.get(parameter.segment(), parameter.dtype(), position);
  }

  @Override
  public void read(int b, int h, int i, int key0, int keys, float[] to) {
    for (int j = 0; j < keys; j++) {
      to[j] = (float) get(b, h, i, key0 + j);
    }
  }

  /** Checks the parameter's extents against the problem. */
  static BoundBias of(Bias bias, Problem problem) {
    return switch (bias) {
      case DenseBias(Tensor parameter) -> new Dense(problem, parameter);
      case PackedBias(Tensor parameter, boolean perKey) -> new Packed(problem, parameter, perKey);
      case AlibiBias alibi -> new Alibi(problem, alibi);
      case ToeplitzBias(Tensor parameter) -> new Toeplitz(problem, parameter);
    };
  }

  private static Tensor dense(Tensor parameter) {
    return parameter.isContiguous() ? parameter : parameter.copy();
  }

  private static RefusedException misfit(String expected, Tensor parameter) {
    return RefusedException.value("bias", "expected %s, got %s".formatted(expected, parameter));
  }

  private static final class Dense extends BoundBias {
    /** Per dimension: distance in memory, and between elements counted row-major. */
    private final long[] strides = new long[4];

    private final long[] steps = new long[4];

    Dense(Problem problem, Tensor parameter) {
      super(problem, parameter);
      Extent widest = problem.widest();
      long[] full = {
        problem.sequences().count(), problem.heads(), widest.seqlenQ(), widest.seqlenK()
      };
      long[] dense = Elements.denseStrides(parameter.shape());
      for (int d = 0; d < 4; d++) {
        if (parameter.dim(d) != full[d] && parameter.dim(d) != 1) {
          throw misfit(
              "(sequences, heads, rows, keys) = %s, each or 1".formatted(Arrays.toString(full)),
              parameter);
        }
        strides[d] = parameter.dim(d) == 1 ? 0 : parameter.stride(d);
        steps[d] = parameter.dim(d) == 1 ? 0 : dense[d];
      }
    }

    @Override
    long element(int b, int h, int i, int j) {
      return b * steps[0] + h * steps[1] + i * steps[2] + j * steps[3];
    }

    @Override
    long position(int b, int h, int i, int j) {
      return parameter.offset() + b * strides[0] + h * strides[1] + i * strides[2] + j * strides[3];
    }

    @Override
    public void read(int b, int h, int i, int key0, int keys, float[] to) {
      Elements.read(
          parameter.segment(), parameter.dtype(), position(b, h, i, key0), strides[3], keys, to);
    }

    @Override
    boolean perScore() {
      return steps[2] != 0 && steps[3] != 0;
    }

    @Override
    boolean perKey() {
      return steps[3] != 0;
    }

    @Override
    boolean perHead() {
      return steps[1] != 0;
    }

    @Override
    boolean perSequence() {
      return steps[0] != 0;
    }
  }

  private static final class Packed extends BoundBias {
    private final boolean rowsShared;
    private final long[] first;

    Packed(Problem problem, Tensor given, boolean rowsShared) {
      super(problem, dense(given));
      this.rowsShared = rowsShared;
      Sequences sequences = problem.sequences();
      first = new long[sequences.count() + 1];
      for (int b = 0; b < sequences.count(); b++) {
        long rows = rowsShared ? 1 : sequences.lengthQ(b);
        first[b + 1] = first[b] + problem.heads() * rows * sequences.lengthK(b);
      }
      if (given.elements() != first[sequences.count()]) {
        throw misfit(
            "%d elements, heads %d times rows%s times keys of %s"
                .formatted(
                    first[sequences.count()],
                    problem.heads(),
                    rowsShared ? " (one)" : "",
                    sequences),
            given);
      }
    }

    @Override
    long element(int b, int h, int i, int j) {
      Sequences sequences = problem.sequences();
      long row = rowsShared ? h : (long) h * sequences.lengthQ(b) + i;
      return first[b] + row * sequences.lengthK(b) + j;
    }

    @Override
    boolean perScore() {
      return !rowsShared;
    }

    @Override
    boolean perKey() {
      return true;
    }

    @Override
    boolean perHead() {
      return true;
    }

    @Override
    boolean perSequence() {
      return true;
    }
  }

  private static final class Alibi extends BoundBias {
    private final AlibiBias bias;

    Alibi(Problem problem, AlibiBias bias) {
      super(problem, dense(bias.parameter()));
      this.bias = bias;
      Tensor slopes = bias.parameter();
      int count = problem.sequences().count();
      boolean fits =
          slopes.rank() == 1
              ? slopes.hasShape(problem.heads())
              : slopes.hasShape(count, problem.heads());
      if (!fits) {
        throw misfit(
            "slopes (heads) = [%d] or (sequences, heads) = [%d, %d]"
                .formatted(problem.heads(), count, problem.heads()),
            slopes);
      }
    }

    @Override
    long element(int b, int h, int i, int j) {
      return perSequence() ? (long) b * problem.heads() + h : h;
    }

    @Override
    double weight(int b, int i, int j) {
      long offset = bias.alignment().offset(problem.extent(b));
      double distance = Math.abs(j + bias.shift() - i - offset);
      return bias.curve() == AlibiBias.Curve.SQRT ? -Math.sqrt(distance) : -distance;
    }

    @Override
    boolean perKey() {
      return false;
    }

    @Override
    boolean perHead() {
      return true;
    }

    @Override
    boolean perSequence() {
      return parameter.rank() == 2;
    }
  }

  private static final class Toeplitz extends BoundBias {
    private final long rows;
    private final long columns;

    Toeplitz(Problem problem, Tensor given) {
      super(problem, dense(given));
      rows = given.dim(2);
      columns = given.dim(3);
      Sequences sequences = problem.sequences();
      boolean fits =
          (given.dim(0) == 1 || given.dim(0) == sequences.count())
              && (given.dim(1) == 1 || given.dim(1) == problem.heads());
      if (!fits) {
        throw misfit(
            "%d sequences and %d heads, each or 1".formatted(sequences.count(), problem.heads()),
            given);
      }
      for (int b = 0; b < sequences.count(); b++) {
        int length = sequences.lengthK(b);
        boolean square = sequences.lengthQ(b) == length;
        if (!square || (sequences.isRagged() ? length > columns : length != columns)) {
          throw misfit(
              "as many keys as sequence %d has rows and keys (%d and %d)"
                  .formatted(b, sequences.lengthQ(b), length),
              given);
        }
      }
    }

    @Override
    long element(int b, int h, int i, int j) {
      if (j > i) {
        return NONE;
      }
      long head = (perSequence() ? b * parameter.dim(1) : 0) + (perHead() ? h : 0);
      long row;
      long column;
      if (problem.sequences().isRagged()) {
        long down = i - j - (columns - rows);
        row = Math.max(down, 0);
        column = Math.max(-down, 0);
      } else if (i >= columns - rows) {
        row = i - (columns - rows);
        column = j;
      } else {
        row = i % rows;
        column = columns - rows + row - (i - j);
      }
      return (head * rows + row) * columns + column;
    }

    @Override
    boolean perKey() {
      return false;
    }

    @Override
    boolean perHead() {
      return parameter.dim(1) != 1;
    }

    @Override
    boolean perSequence() {
      return parameter.dim(0) != 1;
    }
  }
}
