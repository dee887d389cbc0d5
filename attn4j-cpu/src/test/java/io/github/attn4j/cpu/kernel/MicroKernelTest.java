package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Lanes.LD;
import static io.github.attn4j.cpu.kernel.Lanes.MR;
import static io.github.attn4j.cpu.kernel.Lanes.NR;
import static io.github.attn4j.cpu.kernel.Lanes.PS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Every element is one chain of fused multiply-adds over ascending k, bit for bit: the ground under
 * the promise that results depend neither on tiles nor on vector widths.
 */
@Tag("contract")
final class MicroKernelTest {
  private final Random random = new Random(7);

  private float[] normal(int size) {
    float[] values = new float[size];
    for (int at = 0; at < size; at++) {
      values[at] = (float) random.nextGaussian();
    }
    return values;
  }

  /** The micro-kernels have the sizes of the kernels in use; emitted ones have others. */
  @BeforeEach
  void vectorKernelsAreInUse() {
    assumeTrue(TileKernels.active() instanceof VectorKernels, "kernels of the Vector API in use");
  }

  @Test
  void panelIsOneChainPerElement() {
    for (int depth : new int[] {0, 1, 2, 7, 64, 191}) {
      float[] a = normal(5 + depth * MR);
      float[] b = normal(3 + depth * PS + NR);
      float[] init = normal(2 + MR * PS);
      float[] c = new float[4 + MR * PS];
      MicroKernel.panel(depth, a, 5, b, 3, init, 2, c, 4);
      for (int r = 0; r < MR; r++) {
        for (int n = 0; n < NR; n++) {
          float sum = init[2 + r * PS + n];
          for (int k = 0; k < depth; k++) {
            sum = Math.fma(a[5 + k * MR + r], b[3 + k * PS + n], sum);
          }
          assertThat(c[4 + r * PS + n]).as("depth %d, %d, %d", depth, r, n).isEqualTo(sum);
        }
      }
    }
  }

  @Test
  void rowIsOneChainPerElement() {
    for (int depth : new int[] {0, 1, 2, 31, 128}) {
      float[] a = normal(5 + MR * LD);
      float[] b = normal(3 + depth * NR + NR);
      float[] before = normal(4 + MR * NR);
      float[] c = before.clone();
      MicroKernel.row(depth, a, 5, b, 3, c, 4);
      for (int r = 0; r < MR; r++) {
        for (int n = 0; n < NR; n++) {
          float sum = before[4 + r * NR + n];
          for (int k = 0; k < depth; k++) {
            sum = Math.fma(a[5 + r * LD + k], b[3 + k * NR + n], sum);
          }
          assertThat(c[4 + r * NR + n]).as("depth %d, %d, %d", depth, r, n).isEqualTo(sum);
        }
      }
    }
  }
}
