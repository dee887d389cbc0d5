package io.github.attn4j.cli.check;

import io.github.attn4j.cli.check.ScalarAttention.Values;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/** The gradients that every row of every head may add to: those of the bias and of the sinks. */
final class ScalarSums {
  /** Rows whose gradients are held at once. */
  private static final int CHUNK = 64;

  private final ScalarAttention call;
  private final double[] dbias;
  private final double[] dbiasTerms;
  private final double[] dsink;
  private final double[] dsinkTerms;

  ScalarSums(ScalarAttention call) {
    this.call = call;
    dbias = new double[call.bias == null ? 0 : call.bias.size()];
    dbiasTerms = new double[dbias.length];
    dsink = new double[call.spec.heads()];
    dsinkTerms = new double[dsink.length];
  }

  /** Gradients of the scores of one row, by key; none where the row sees nothing. */
  private record Row(ScalarRow.Summary summary, ScalarHead.Gradient[] gradients) {}

  /** Adds what one head says, row after row. */
  void add(int b, int h, ScalarHead head) {
    int rows = head.extent().seqlenQ();
    for (int first = 0; first < rows; first += CHUNK) {
      List<Row> chunk =
          IntStream.range(first, Math.min(rows, first + CHUNK))
              .parallel()
              .mapToObj(i -> row(head, i))
              .toList();
      for (Row row : chunk) {
        addSink(h, head, row.summary());
        for (int j = 0; j < row.gradients().length; j++) {
          if (head.visible(row.summary().i(), j)) {
            addBias(b, h, j, head, row);
          }
        }
      }
    }
  }

  private Row row(ScalarHead head, int i) {
    ScalarRow.Summary summary = new ScalarRow(head, i).summary();
    boolean empty = call.bias == null || summary.lse() == Double.NEGATIVE_INFINITY;
    ScalarHead.Gradient[] gradients = new ScalarHead.Gradient[empty ? 0 : head.extent().seqlenK()];
    Arrays.setAll(gradients, j -> head.gradient(summary, j));
    return new Row(summary, gradients);
  }

  private void addSink(int h, ScalarHead head, ScalarRow.Summary row) {
    // A sink of negative infinity takes no share, not even of a row that sees nothing.
    if (head.sink() != Double.NEGATIVE_INFINITY) {
      dsink[h] = call.arithmetic.accumulator(dsink[h] + head.sinkGradient(row));
      dsinkTerms[h] += head.sinkTerms(row);
    }
  }

  private void addBias(int b, int h, int j, ScalarHead head, Row row) {
    ScalarBias bias = call.bias;
    int i = row.summary().i();
    int place = bias == null ? -1 : bias.place(b, h, i, j);
    if (bias != null && place >= 0) {
      double weight = bias.weight(b, i, j);
      ScalarHead.Gradient of = row.gradients()[j];
      dbias[place] =
          call.arithmetic.accumulator(
              dbias[place] + call.arithmetic.accumulator(weight * of.bias()));
      dbiasTerms[place] += Math.abs(weight) * head.biasFactor() * of.terms();
    }
  }

  Map<Quantity, Values> values() {
    Map<Quantity, Values> values = new EnumMap<>(Quantity.class);
    values.put(Quantity.DBIAS, new Values(dbias, ScalarRow.largest(dbiasTerms)));
    values.put(Quantity.DSINK, new Values(dsink, ScalarRow.largest(dsinkTerms)));
    return values;
  }
}
