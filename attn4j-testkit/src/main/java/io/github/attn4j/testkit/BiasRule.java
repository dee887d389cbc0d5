package io.github.attn4j.testkit;

import io.github.attn4j.AlibiBias;
import io.github.attn4j.Alignment;
import io.github.attn4j.Bias;
import io.github.attn4j.DenseBias;
import io.github.attn4j.PackedBias;
import io.github.attn4j.Tensor;
import io.github.attn4j.ToeplitzBias;

/** Which element of a bias joins which score, and with what weight: read off its documentation. */
final class BiasRule {
  private final AttentionCase c;
  private final Bias bias;
  private final float[] elements;

  BiasRule(AttentionCase c, Bias bias) {
    this.c = c;
    this.bias = bias;
    elements = bias.parameter().toFloatArray();
  }

  int size() {
    return elements.length;
  }

  /** What joins a score. */
  float get(int b, int h, int i, int j) {
    int element = element(b, h, i, j);
    return element < 0 ? 0 : (float) (weight(b, i, j) * elements[element]);
  }

  /** The element, counted row-major, or −1 for none. */
  int element(int b, int h, int i, int j) {
    Tensor parameter = bias.parameter();
    return switch (bias) {
      case DenseBias dense -> flat(parameter, b, h, i, j);
      case PackedBias(Tensor packed, boolean perKey) -> packed(perKey, b, h, i, j);
      case AlibiBias alibi -> parameter.rank() == 1 ? h : b * c.heads + h;
      case ToeplitzBias toeplitz -> j > i ? -1 : toeplitz(parameter, b, h, i, j);
    };
  }

  /** Its factor. */
  double weight(int b, int i, int j) {
    if (!(bias instanceof AlibiBias alibi)) {
      return 1;
    }
    int ahead = alibi.alignment() == Alignment.BOTTOM_RIGHT ? c.lengthsK[b] - c.lengthsQ[b] : 0;
    double distance = Math.abs(j + alibi.shift() - (i + ahead));
    return alibi.curve() == AlibiBias.Curve.LINEAR ? -distance : -Math.sqrt(distance);
  }

  /** Position in a tensor of rank 4 whose dimensions of extent one repeat. */
  private static int flat(Tensor tensor, long... index) {
    long at = 0;
    for (int d = 0; d < 4; d++) {
      at = at * tensor.dim(d) + Math.min(index[d], tensor.dim(d) - 1);
    }
    return Math.toIntExact(at);
  }

  private int packed(boolean perKey, int b, int h, int i, int j) {
    int before = 0;
    for (int s = 0; s < b; s++) {
      before += c.heads * (perKey ? 1 : c.lengthsQ[s]) * c.lengthsK[s];
    }
    int row = perKey ? h : h * c.lengthsQ[b] + i;
    return before + row * c.lengthsK[b] + j;
  }

  /** Row r of R given rows stands for row S - R + r. */
  private int toeplitz(Tensor parameter, int b, int h, int i, int j) {
    int rows = (int) parameter.dim(2);
    int keys = (int) parameter.dim(3);
    int first = keys - rows;
    int row;
    if (c.ragged()) {
      // On column 0 if a row given is that far down, else on row 0.
      row = Math.max(0, i - j - first);
    } else {
      row = i >= first ? i - first : i % rows;
    }
    int column = first + row - (i - j);
    return flat(parameter, b, h, row, column);
  }
}
