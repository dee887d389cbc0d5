package io.github.attn4j.cli.check;

import io.github.attn4j.DType;

/**
 * How the scalar computation rounds.
 *
 * <p>{@link #exact} is float64 throughout: the truth. {@link #plain} is what a straightforward
 * program in a dtype does, and so the yardstick for errors: products summed one after the other in
 * float32, every stored intermediate (scores, probabilities, results) rounded to the dtype.
 */
public abstract sealed class Arithmetic {
  private Arithmetic() {}

  /**
   * Float64 throughout.
   *
   * @return the arithmetic of the truth
   */
  public static Arithmetic exact() {
    return new Exact();
  }

  /**
   * The straightforward program.
   *
   * @param dtype of its stored values
   * @return the arithmetic of the yardstick
   */
  public static Arithmetic plain(DType dtype) {
    return new Plain(dtype);
  }

  /** Whether it is of any interest what rounding does. */
  abstract boolean rounds();

  /** The value as it would be stored. */
  abstract double store(double value);

  /** The value as it would stand in an accumulator. */
  abstract double accumulator(double value);

  /** The product of two rows. */
  abstract double dot(Lines a, int rowA, Lines b, int rowB);

  /** Adds a multiple of a row. */
  abstract void addScaled(double[] sum, double factor, Lines b, int rowB);

  private static final class Exact extends Arithmetic {
    @Override
    boolean rounds() {
      return false;
    }

    @Override
    double store(double value) {
      return value;
    }

    @Override
    double accumulator(double value) {
      return value;
    }

    @Override
    double dot(Lines a, int rowA, Lines b, int rowB) {
      double sum = 0;
      for (int c = 0; c < a.columns(); c++) {
        sum += a.at(rowA, c) * b.at(rowB, c);
      }
      return sum;
    }

    @Override
    void addScaled(double[] sum, double factor, Lines b, int rowB) {
      for (int c = 0; c < sum.length; c++) {
        sum[c] += factor * b.at(rowB, c);
      }
    }
  }

  private static final class Plain extends Arithmetic {
    private final DType dtype;

    Plain(DType dtype) {
      this.dtype = dtype;
    }

    @Override
    boolean rounds() {
      return true;
    }

    @Override
    double store(double value) {
      return round(dtype, value);
    }

    @Override
    double accumulator(double value) {
      return (float) value;
    }

    @Override
    double dot(Lines a, int rowA, Lines b, int rowB) {
      float sum = 0;
      for (int c = 0; c < a.columns(); c++) {
        sum += (float) a.at(rowA, c) * (float) b.at(rowB, c);
      }
      return sum;
    }

    @Override
    void addScaled(double[] sum, double factor, Lines b, int rowB) {
      for (int c = 0; c < sum.length; c++) {
        sum[c] = (float) sum[c] + (float) factor * (float) b.at(rowB, c);
      }
    }
  }

  /** The number nearest to a value in a dtype. */
  static double round(DType dtype, double value) {
    return switch (dtype) {
      case FLOAT32 -> (float) value;
      case FLOAT16 -> Float.float16ToFloat(Float.floatToFloat16((float) value));
      case BFLOAT16 -> DType.bfloat16ToFloat(DType.floatToBfloat16((float) value));
      case INT8, INT32, INT64, BOOL -> value;
    };
  }

  /** The distance between neighbouring numbers of a dtype. */
  static double ulp(DType dtype, double value) {
    float unit = Math.ulp((float) value);
    return switch (dtype) {
      case FLOAT32 -> unit;
      case FLOAT16 -> Math.max(0x1p-24, unit * 0x1p13);
      case BFLOAT16 -> unit * 0x1p16;
      case INT8, INT32, INT64, BOOL -> 0;
    };
  }
}
