package io.github.attn4j.operators;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.attn4j.DType;
import io.github.attn4j.testkit.Draw;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.Test;

/** The oracle's gradients are those of its output, by central differences in float64. */
@NullMarked
class FlashAttnHeadTest {
  private static final int ROWS = 4;
  private static final int KEYS = 5;

  private static double[][] normal(Draw draw, int rows, int columns) {
    double[][] matrix = new double[rows][columns];
    for (double[] row : matrix) {
      for (int c = 0; c < columns; c++) {
        row[c] = draw.gaussian();
      }
    }
    return matrix;
  }

  @Test
  void gradientsAreDifferencesOfTheOutput() {
    for (long seed = 0; seed < 20; seed++) {
      Draw draw = new Draw(seed);
      boolean[][] visible = new boolean[ROWS][KEYS];
      double[][] keep = FlashAttnHead.keepAll(ROWS, KEYS);
      for (int i = 1; i < ROWS; i++) {
        for (int j = 0; j < KEYS; j++) {
          visible[i][j] = draw.chance(0.7);
          keep[i][j] = draw.chance(0.3) ? 0 : 1 / 0.7;
        }
      }
      double[][] bias = normal(draw, ROWS, KEYS);
      FlashAttnHead.Inputs in =
          new FlashAttnHead.Inputs(
              normal(draw, ROWS, 3),
              normal(draw, KEYS, 3),
              normal(draw, KEYS, 2),
              visible,
              bias,
              keep,
              0.7,
              seed % 2 == 0 ? 0 : 1.5,
              DType.FLOAT32);
      double[][] dout = normal(draw, ROWS, 2);
      FlashAttnHead.Pass pass = new FlashAttnHead(in, dout).exact;
      assertGradient("dq", pass.dq, in.q(), in, dout);
      assertGradient("dk", pass.dk, in.k(), in, dout);
      assertGradient("dv", pass.dv, in.v(), in, dout);
      assertGradient("dbias", pass.dbias, bias, in, dout);
    }
  }

  private static void assertGradient(
      String what,
      double[][] gradient,
      double[][] parameter,
      FlashAttnHead.Inputs in,
      double[][] dout) {
    double step = 1e-5;
    for (int r = 0; r < parameter.length; r++) {
      for (int c = 0; c < parameter[r].length; c++) {
        double kept = parameter[r][c];
        parameter[r][c] = kept + step;
        double above = loss(in, dout);
        parameter[r][c] = kept - step;
        double below = loss(in, dout);
        parameter[r][c] = kept;
        assertThat(gradient[r][c])
            .as("%s %d %d", what, r, c)
            .isCloseTo((above - below) / (2 * step), within(1e-8));
      }
    }
  }

  private static double loss(FlashAttnHead.Inputs in, double[][] dout) {
    double loss = 0;
    double[][] out = new FlashAttnHead(in, dout).exact.out;
    for (int i = 0; i < ROWS; i++) {
      for (int d = 0; d < dout[i].length; d++) {
        loss += out[i][d] * dout[i][d];
      }
    }
    return loss;
  }
}
