package io.github.attn4j.cli.check;

import io.github.attn4j.AlibiBias;
import io.github.attn4j.AttentionSpec;
import io.github.attn4j.Bias;
import io.github.attn4j.DenseBias;
import io.github.attn4j.PackedBias;
import io.github.attn4j.Sequences;
import io.github.attn4j.Tensor;
import io.github.attn4j.ToeplitzBias;

/** Which number of a bias joins which score, element by element. */
abstract class ScalarBias {
  final AttentionSpec spec;
  private final float[] numbers;

  private ScalarBias(AttentionSpec spec, Tensor parameter) {
    this.spec = spec;
    numbers = parameter.toFloatArray();
  }

  static ScalarBias of(Bias bias, AttentionSpec spec) {
    return switch (bias) {
      case DenseBias(Tensor parameter) -> new Dense(spec, parameter);
      case PackedBias(Tensor parameter, boolean perKey) -> new Packed(spec, parameter, perKey);
      case AlibiBias alibi -> new Alibi(spec, alibi);
      case ToeplitzBias(Tensor parameter) -> new Toeplitz(spec, parameter);
    };
  }

  /** Row-major place in the parameter, or -1 where nothing joins. */
  abstract int place(int b, int h, int i, int j);

  /** What the number is multiplied by. */
  double weight(int b, int i, int j) {
    return 1;
  }

  final double value(int b, int h, int i, int j) {
    int place = place(b, h, i, j);
    return place < 0 ? 0 : weight(b, i, j) * numbers[place];
  }

  final int size() {
    return numbers.length;
  }

  private static final class Dense extends ScalarBias {
    private final Tensor parameter;

    Dense(AttentionSpec spec, Tensor parameter) {
      super(spec, parameter);
      this.parameter = parameter;
    }

    @Override
    int place(int b, int h, int i, int j) {
      long[] index = {b, h, i, j};
      long place = 0;
      for (int d = 0; d < index.length; d++) {
        // An extent of one stands for any.
        place = place * parameter.dim(d) + (parameter.dim(d) == 1 ? 0 : index[d]);
      }
      return Math.toIntExact(place);
    }
  }

  private static final class Packed extends ScalarBias {
    private final boolean perKey;
    private final int[] starts;

    Packed(AttentionSpec spec, Tensor parameter, boolean perKey) {
      super(spec, parameter);
      this.perKey = perKey;
      Sequences sequences = spec.sequences();
      starts = new int[sequences.count()];
      for (int b = 1; b < starts.length; b++) {
        int rows = perKey ? 1 : sequences.lengthQ(b - 1);
        starts[b] = starts[b - 1] + spec.heads() * rows * sequences.lengthK(b - 1);
      }
    }

    @Override
    int place(int b, int h, int i, int j) {
      Sequences sequences = spec.sequences();
      int line = perKey ? h : h * sequences.lengthQ(b) + i;
      return starts[b] + line * sequences.lengthK(b) + j;
    }
  }

  private static final class Alibi extends ScalarBias {
    private final AlibiBias bias;

    Alibi(AttentionSpec spec, AlibiBias bias) {
      super(spec, bias.parameter());
      this.bias = bias;
    }

    @Override
    int place(int b, int h, int i, int j) {
      return bias.parameter().rank() == 1 ? h : b * spec.heads() + h;
    }

    @Override
    double weight(int b, int i, int j) {
      Sequences sequences = spec.sequences();
      long zero =
          switch (bias.alignment()) {
            case TOP_LEFT -> 0;
            case BOTTOM_RIGHT -> sequences.lengthK(b) - sequences.lengthQ(b);
          };
      double distance = Math.abs(j + bias.shift() - i - zero);
      return switch (bias.curve()) {
        case LINEAR -> -distance;
        case SQRT -> -Math.sqrt(distance);
      };
    }
  }

  private static final class Toeplitz extends ScalarBias {
    private final Tensor parameter;

    Toeplitz(AttentionSpec spec, Tensor parameter) {
      super(spec, parameter);
      this.parameter = parameter;
    }

    @Override
    int place(int b, int h, int i, int j) {
      if (j > i) {
        return -1;
      }
      long rows = parameter.dim(2);
      long all = parameter.dim(3);
      if (spec.sequences().isRagged()) {
        long below = i - j - (all - rows);
        return place(b, h, Math.max(below, 0), Math.max(-below, 0));
      }
      if (i >= all - rows) {
        return place(b, h, i - (all - rows), j);
      }
      long row = i % rows;
      return place(b, h, row, all - (i - j) - (rows - row));
    }

    private int place(int b, int h, long row, long column) {
      long entry = parameter.dim(0) == 1 ? 0 : b;
      long head = entry * parameter.dim(1) + (parameter.dim(1) == 1 ? 0 : h);
      return Math.toIntExact((head * parameter.dim(2) + row) * parameter.dim(3) + column);
    }
  }
}
