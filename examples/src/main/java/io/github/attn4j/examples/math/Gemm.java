package io.github.attn4j.examples.math;

import static io.github.attn4j.examples.math.RegisterTile.COLUMNS;
import static io.github.attn4j.examples.math.RegisterTile.ROWS;
import static io.github.attn4j.examples.math.RegisterTile.ROW_STEP;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Products of float32 matrices, for the linear layers that stand around attention in a model:
 * {@code y = x W}, and in a backward {@code dx = dy Wᵀ} and {@code dW = xᵀ dy}.
 *
 * <p>Operands are packed into panels that stay in the caches, and multiplied in {@link
 * RegisterTile}s. Threads share the rows and columns of the result and never a sum, and an element
 * is summed in an order that depends on the depth alone: its bits are the same for any number of
 * threads and whatever the other rows and columns hold.
 */
public final class Gemm {
  /** Rows of a task: with a block of the depth, a part of the second-level cache. */
  private static final int TASK_ROWS = 16 * ROWS;

  /** Products below this many multiplications are not worth waking a thread for. */
  private static final long ALONE = 1 << 16;

  private static final ThreadLocal<float[]> ROW_PANELS =
      ThreadLocal.withInitial(() -> new float[0]);
  private static final ThreadLocal<float[]> COLUMN_PANELS =
      ThreadLocal.withInitial(() -> new float[0]);

  private Gemm() {}

  /** Something done to the results of a task while they are in the cache. */
  @FunctionalInterface
  public interface Finish {
    /** Changes {@code c[from .. to)}, a part of one row, in place. */
    void apply(float[] c, int from, int to);
  }

  /**
   * {@code c = op(a) op(b)}, or {@code c += op(a) op(b)}.
   *
   * @param transposeA whether a is k by m; else m by k
   * @param transposeB whether b is n by k; else k by n
   * @param m rows of c
   * @param n columns of c
   * @param k the depth of the sums
   * @param a row-major
   * @param b row-major
   * @param c m by n, row-major
   * @param accumulate whether to add to what c holds
   * @throws IllegalArgumentException if an array is too short; it is named
   */
  public static void multiply(
      boolean transposeA,
      boolean transposeB,
      int m,
      int n,
      int k,
      float[] a,
      float[] b,
      float[] c,
      boolean accumulate,
      Workers workers) {
    checkLength("b", b, k, n);
    float[] panels = scratch(COLUMN_PANELS, PackedMatrix.length(k, n));
    PackedMatrix packed = PackedMatrix.into(panels, transposeB, k, n, b, workers);
    multiply(transposeA, m, a, packed, c, accumulate, workers);
  }

  /**
   * {@code c = op(a) b}, or {@code c += op(a) b}.
   *
   * @param transposeA whether a is depth by m; else m by depth
   * @param m rows of c
   * @param a row-major
   * @param b the right operand
   * @param c m by b's columns, row-major
   * @param accumulate whether to add to what c holds
   * @throws IllegalArgumentException if an array is too short; it is named
   */
  public static void multiply(
      boolean transposeA,
      int m,
      float[] a,
      PackedMatrix b,
      float[] c,
      boolean accumulate,
      Workers workers) {
    run(new Product(transposeA, m, a, b, c, accumulate, null, null), workers);
  }

  /**
   * {@code y = finish(x w + bias)}.
   *
   * @param rows rows of x and y
   * @param x rows by w's depth
   * @param w the weights
   * @param bias one number for each of w's columns
   * @param y rows by w's columns
   * @param finish applied to every row, or null
   * @throws IllegalArgumentException if an array is too short; it is named
   */
  public static void linear(
      int rows,
      float[] x,
      PackedMatrix w,
      float[] bias,
      float[] y,
      @Nullable Finish finish,
      Workers workers) {
    checkLength("bias", bias, 1, w.columns);
    run(new Product(false, rows, x, w, y, false, bias, finish), workers);
  }

  static void checkLength(String name, float[] array, int rows, int columns) {
    long expected = (long) rows * columns;
    if (array.length < expected) {
      throw new IllegalArgumentException(
          "%s: expected %d x %d = %d numbers, got %d"
              .formatted(name, rows, columns, expected, array.length));
    }
  }

  private static float[] scratch(ThreadLocal<float[]> holder, int length) {
    float[] array = holder.get();
    if (array.length < length) {
      array = new float[length];
      holder.set(array);
    }
    return array;
  }

  private static void run(Product product, Workers workers) {
    checkLength("a", product.a, product.m, product.b.depth);
    checkLength("c", product.c, product.m, product.b.columns);
    int rowTasks = Math.ceilDiv(product.m, TASK_ROWS);
    if (rowTasks == 0 || product.b.columns == 0) {
      return;
    }
    long work = (long) product.m * product.b.columns * product.b.depth;
    if (workers.threads() == 1 || work < ALONE) {
      for (int task = 0; task < rowTasks; task++) {
        product.compute(task * TASK_ROWS, 0, product.b.panelCount());
      }
      return;
    }
    // Few rows: columns are shared out as well.
    int wanted = Math.ceilDiv(2 * workers.threads(), rowTasks);
    int width = Math.ceilDiv(product.b.panelCount(), Math.min(wanted, product.b.panelCount()));
    int columnTasks = Math.ceilDiv(product.b.panelCount(), width);
    workers.forEach(
        rowTasks * columnTasks,
        task -> {
          int from = task % columnTasks * width;
          int to = Math.min(from + width, product.b.panelCount());
          product.compute(task / columnTasks * TASK_ROWS, from, to);
        });
  }

  /** One call: {@code c = finish(bias or c or 0, + op(a) b)}. */
  private record Product(
      boolean transposeA,
      int m,
      float[] a,
      PackedMatrix b,
      float[] c,
      boolean accumulate,
      float @Nullable [] bias,
      @Nullable Finish finish) {

    /** Rows {@code first .. first + TASK_ROWS} of c, in the columns of some panels. */
    void compute(int first, int fromPanel, int toPanel) {
      int rows = Math.min(TASK_ROWS, m - first);
      int from = fromPanel * COLUMNS;
      int to = Math.min(toPanel * COLUMNS, b.columns);
      start(first, rows, from, to);
      float[] rowPanels =
          scratch(ROW_PANELS, TASK_ROWS / ROWS * b.block * ROW_STEP + ROWS * COLUMNS);
      float[] tile = new float[ROWS * COLUMNS];
      for (int k = 0; k < b.depth; k += b.block) {
        int depth = Math.min(b.block, b.depth - k);
        for (int r = 0; r < rows; r += ROWS) {
          pack(
              first + r,
              Math.min(ROWS, rows - r),
              k,
              depth,
              rowPanels,
              r / ROWS * depth * ROW_STEP);
        }
        for (int panel = fromPanel; panel < toPanel; panel++) {
          int column = panel * COLUMNS;
          int width = Math.min(COLUMNS, b.columns - column);
          int right = b.offset(k, depth, panel);
          for (int r = 0; r < rows; r += ROWS) {
            RegisterTile.multiply(
                depth, rowPanels, r / ROWS * depth * ROW_STEP, b.panels, right, tile);
            int height = Math.min(ROWS, rows - r);
            for (int row = 0; row < height; row++) {
              int at = (first + r + row) * b.columns + column;
              RegisterTile.add(tile, row * COLUMNS, c, at, width);
            }
          }
        }
      }
      if (finish != null) {
        for (int row = first; row < first + rows; row++) {
          finish.apply(c, row * b.columns + from, row * b.columns + to);
        }
      }
    }

    private void start(int first, int rows, int from, int to) {
      for (int row = first; row < first + rows; row++) {
        int at = row * b.columns;
        if (bias != null) {
          System.arraycopy(bias, from, c, at + from, to - from);
        } else if (!accumulate) {
          Arrays.fill(c, at + from, at + to, 0);
        }
      }
    }

    /** Rows of a lie side by side in a panel; the missing ones of the last are zeros. */
    private void pack(int row, int count, int k, int depth, float[] panels, int at) {
      if (count < ROWS) {
        Arrays.fill(panels, at, at + depth * ROW_STEP, 0);
      }
      if (transposeA) {
        for (int d = 0; d < depth; d++) {
          int source = (k + d) * m + row;
          for (int r = 0; r < count; r++) {
            panels[at + d * ROW_STEP + r] = a[source + r];
          }
        }
      } else {
        for (int r = 0; r < count; r++) {
          int source = (row + r) * b.depth + k;
          for (int d = 0; d < depth; d++) {
            panels[at + d * ROW_STEP + r] = a[source + d];
          }
        }
      }
    }
  }
}
