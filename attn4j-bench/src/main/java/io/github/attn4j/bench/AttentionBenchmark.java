package io.github.attn4j.bench;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import io.github.attn4j.cpu.MachinePeak;
import io.github.attn4j.operators.FlashMaskBenchmark;
import io.github.attn4j.operators.FlashmaskAttention;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Forward and backward of FlashMask attention, one batch entry, eight heads. Work per call: 4 ×
 * heads × seqlen² × dim × the visible share of elements, 2.5 times that for the backward. Two
 * forks, since two JVMs may compile the same kernel differently.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(
    value = 2,
    jvmArgs = {"--add-modules", "jdk.incubator.vector"})
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
public class AttentionBenchmark {
  private static final int HEADS = 8;

  /** Rows of query and key. */
  @Param({"2048"})
  private int seqlen;

  /** Columns of a head. */
  @Param({"64", "128"})
  private int dim;

  /** One of {@code FlashMaskBenchmark.names()}. */
  @Param({"full", "causal", "causal-document"})
  private String mask;

  /** Type of query, key and value. */
  @Param({"FLOAT32", "BFLOAT16"})
  private DType dtype;

  /** Working threads. */
  @Param({"1"})
  private int threads;

  private FlashmaskAttention call;
  private FlashmaskAttention.Result result;
  private Tensor dout;

  /** For JMH. */
  public AttentionBenchmark() {}

  /**
   * Makes inputs, runs the forward once, and prints the peak the numbers are to be seen against.
   */
  @Setup(Level.Trial)
  public void prepare() {
    call =
        FlashMaskBenchmark.pattern(mask, seqlen, HEADS)
            .applyTo(FlashmaskAttention.of(normal(1), normal(2), normal(3)))
            .threads(threads);
    result = call.forward();
    dout = normal(4);
    System.out.printf(
        "FMA peak, %d thread(s): %.1f GFLOP/s%n", threads, MachinePeak.fmaGflops(threads));
  }

  private Tensor normal(long seed) {
    Random random = new Random(seed);
    float[] values = new float[seqlen * HEADS * dim];
    for (int at = 0; at < values.length; at++) {
      values[at] = (float) random.nextGaussian();
    }
    return Tensor.of(values, 1, seqlen, HEADS, dim).to(dtype);
  }

  /**
   * The forward pass.
   *
   * @return its output
   */
  @Benchmark
  public Tensor forward() {
    return call.forward().out();
  }

  /**
   * The backward pass.
   *
   * @return the gradient of the query
   */
  @Benchmark
  public Tensor backward() {
    return call.backward(result, dout).dquery();
  }
}
