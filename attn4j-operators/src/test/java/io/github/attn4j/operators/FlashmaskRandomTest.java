package io.github.attn4j.operators;

import io.github.attn4j.Alignment;
import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import io.github.attn4j.testkit.Draw;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * Random calls over the whole product of the operator's options: results against the document's
 * formula in float64, gradients against central differences of that formula.
 */
@NullMarked
class FlashmaskRandomTest {
  @Test
  void randomCallsAgreeWithTheFormula() {
    RandomCalls.run(seed -> new Case(new Draw(seed)).check());
  }

  /** One call and the formula's view of it. */
  private static final class Case {
    private final int batch;
    private final int seqlenQ;
    private final int seqlenK;
    private final int kvHeads;
    private final int heads;
    private final DType dtype;
    private final Inputs inputs;
    private final FlashmaskAttention call;
    private final Draw draw;
    private Oracle.Rule rule = Oracle.ALL;
    private final StringBuilder text = new StringBuilder();

    Case(Draw draw) {
      this.draw = draw;
      // Most calls are small, so that every gradient can be taken by differences.
      boolean small = draw.chance(0.85);
      batch = draw.pick(1, 1, 2);
      seqlenQ = small ? draw.between(1, 9) : draw.between(120, 140);
      seqlenK = draw.chance(0.5) ? seqlenQ : small ? draw.between(0, 9) : draw.between(120, 140);
      kvHeads = draw.pick(1, 1, 2);
      heads = kvHeads * draw.pick(1, 2, 3);
      dtype = draw.pick(List.of(DType.FLOAT32, DType.FLOAT32, DType.BFLOAT16, DType.FLOAT16));
      int dim = draw.between(1, 6);
      int valueDim = draw.chance(0.5) ? dim : draw.between(1, 6);
      inputs =
          new Inputs(
              numbers(batch, seqlenQ, heads, dim),
              numbers(batch, seqlenK, kvHeads, dim),
              numbers(batch, seqlenK, kvHeads, valueDim));
      call =
          FlashmaskAttention.of(inputs.query(), inputs.key(), inputs.value())
              .returnSoftmaxLse(true)
              .returnSeedOffset(true)
              .threads(draw.pick(1, 2));
      text.append("%s query %s key %s".formatted(dtype, inputs.query(), inputs.key()));
      masks();
    }

    private Tensor numbers(long... shape) {
      return Tensors.normal(draw.bits(), shape).to(dtype);
    }

    private int maskHeads() {
      return draw.pick(1, kvHeads, heads);
    }

    private void masks() {
      boolean causal = draw.chance(0.5);
      if (causal) {
        Alignment alignment = draw.pick(List.of(Alignment.values()));
        call.causal(true).causalAlignment(alignment);
        int offset = alignment == Alignment.TOP_LEFT ? 0 : seqlenK - seqlenQ;
        rule = (b, h, i, j) -> j <= i + offset;
        text.append(", causal ").append(alignment);
      }
      int indexHeads = maskHeads();
      boolean indices = draw.chance(0.6);
      if (indices) {
        int columns = causal ? draw.pick(1, 2) : draw.pick(2, 4);
        Tensor rows = Tensors.rows(draw.bits(), seqlenQ, batch, indexHeads, seqlenK, columns);
        call.startendRowIndices(rows);
        rule = rule.and(Oracle.columns(rows, causal, seqlenQ, heads));
        text.append(", indices ").append(rows);
      } else if (seqlenQ == seqlenK && draw.chance(0.5)) {
        int left = draw.between(-2, 6);
        int right = draw.between(-2, 6);
        call.windowSize(left, right);
        rule = rule.and((b, h, i, j) -> i - left <= j && j <= i + (causal ? 0 : right));
        text.append(", window %d %d".formatted(left, right));
      }
      if (draw.chance(0.3)) {
        int blockHeads = indices ? indexHeads : maskHeads();
        int rows = Math.ceilDiv(seqlenQ, 128);
        int columns = Math.ceilDiv(seqlenK, 128);
        int[] kept = new int[batch * blockHeads * rows * columns];
        for (int n = 0; n < kept.length; n++) {
          kept[n] = draw.pick(0, 1, -3);
        }
        Tensor blocks = Tensor.of(kept, batch, blockHeads, rows, columns);
        call.blockMask(blocks);
        int group = heads / blockHeads;
        rule = rule.and((b, h, i, j) -> blocks.get(b, h / group, i / 128, j / 128) != 0);
        text.append(", blocks ").append(blocks);
      }
    }

    void check() {
      Oracle oracle = inputs.oracle(rule);
      if (draw.chance(0.3)) {
        oracle.scale = draw.pick(List.of(-0.7, 0.0, 0.4, 1.3));
        call.softmaxScale(oracle.scale);
      }
      Tensor sink = draw.chance(0.3) ? Tensors.normal(draw.bits(), heads) : null;
      if (sink != null) {
        oracle.sink = Oracle.doubles(sink);
        call.learnableSink(sink);
      }
      double p = draw.chance(0.3) ? draw.pick(List.of(0.2, 0.5, 0.8)) : 0;
      boolean training = draw.chance(0.8);
      call.dropout(p).training(training).fixedSeedOffset(Tensor.of(new long[] {draw.bits(), 3}, 2));
      text.append(", scale %s, sink %s, dropout %s %s".formatted(oracle.scale, sink, p, training));
      FlashmaskAttention.Result result = call.forward();
      if (p > 0 && training) {
        Tensor seedOffset = Objects.requireNonNull(result.seedOffset());
        Tensor bits =
            call.plan()
                .dropoutMask(
                    io.github.attn4j.Dropout.of(p, seedOffset.getLong(0), seedOffset.getLong(1)));
        oracle.p = p;
        oracle.keep = n -> ((int) bits.get(n >> 3) >> (n & 7) & 1) != 0;
      }
      double[] out = oracle.out();
      close("out", result.out(), out, 0);
      close("lse", Objects.requireNonNull(result.softmaxLse()), oracle.lse(), 0);
      if (seqlenQ < 10 && seqlenK < 10) {
        gradients(oracle, result, sink, out);
      }
    }

    private void gradients(
        Oracle oracle, FlashmaskAttention.Result result, @Nullable Tensor sink, double[] out) {
      Tensor dout = numbers(result.out().shape());
      double[] upstream = Oracle.doubles(dout);
      FlashmaskAttention.Gradients gradients = call.backward(result, dout);
      // A backward starts from the rounded output: delta = out . dout is off by so much, and each
      // gradient of a score by delta's share.
      double delta = unit() * largestDot(out, upstream);
      double dquery = Math.abs(oracle.scale) * delta * largest(oracle.key);
      double dkey =
          Math.abs(oracle.scale)
              * delta
              * largest(oracle.query)
              * Math.ceilDiv(heads, kvHeads)
              * seqlenQ;
      close("dquery", gradients.dquery(), oracle.gradient(oracle.query, upstream), dquery);
      close("dkey", gradients.dkey(), oracle.gradient(oracle.key, upstream), dkey);
      close("dvalue", gradients.dvalue(), oracle.gradient(oracle.value, upstream), 0);
      if (sink != null) {
        double[] sinks = Objects.requireNonNull(oracle.sink);
        Tensor dsink = Objects.requireNonNull(gradients.dsink());
        double rows = batch * seqlenQ * delta;
        close("dsink", dsink, oracle.gradient(sinks, upstream), rows);
      }
    }

    /**
     * Largest relative error of rounding to the dtype; float32 is covered by the tolerance itself.
     */
    private double unit() {
      return dtype == DType.FLOAT32 ? 0 : dtype == DType.BFLOAT16 ? 0x1p-8 : 0x1p-11;
    }

    /** The largest sum of magnitudes of a row of out times dout. */
    private double largestDot(double[] out, double[] dout) {
      int columns = (int) inputs.value().dim(3);
      double largest = 0;
      for (int row = 0; row < out.length; row += columns) {
        double sum = 0;
        for (int c = row; c < row + columns; c++) {
          sum += Math.abs(out[c] * dout[c]);
        }
        largest = Math.max(largest, sum);
      }
      return largest;
    }

    private static double largest(double[] values) {
      double largest = 1;
      for (double value : values) {
        largest = Double.isInfinite(value) ? largest : Math.max(largest, Math.abs(value));
      }
      return largest;
    }

    /** Within rounding of the largest number, and of what went into it. */
    private void close(String what, Tensor got, double[] expected, double inherited) {
      double bound = (2e-5 + unit()) * largest(expected) + inherited;
      Tensors.assertClose(text + ": " + what, got, expected, bound);
    }
  }
}
