package io.github.attn4j.bench.peer;

import io.github.attn4j.DType;
import java.util.Arrays;
import java.util.concurrent.ForkJoinPool;
import java.util.stream.IntStream;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * What Java inference code does today, llama3.java for one: for each token and head, dot products
 * with all keys into a row of scores, a softmax in place, and a weighted sum of the values. Only
 * dot product and sum are in the Vector API.
 */
public final class LoopPeer implements Peer {
  private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;

  /** Longer calls take many seconds, and say nothing more. */
  private static final int LONGEST = 2048;

  @Override
  public String name() {
    return "plain loop";
  }

  @Override
  public String version() {
    return "Vector API, as in llama3.java";
  }

  @Override
  public boolean can(Work work) {
    return work.dtype() == DType.FLOAT32
        && work.plainMask()
        && (work.pass() == Pass.DECODE || (work.pass() == Pass.FORWARD && work.seqK() <= LONGEST));
  }

  @Override
  public Call open(Work work, Inputs inputs) {
    return new LoopCall(work, inputs);
  }

  private static final class LoopCall implements Call {
    private final Work work;
    private final Inputs in;
    private final float[] out;
    private final ForkJoinPool pool;
    private final ThreadLocal<float[]> scores;

    LoopCall(Work work, Inputs inputs) {
      this.work = work;
      in = inputs;
      out = new float[work.queryElements()];
      pool = new ForkJoinPool(work.threads());
      scores = ThreadLocal.withInitial(() -> new float[work.seqK()]);
    }

    @Override
    public void run() {
      int rows = work.batch() * work.heads() * work.seqQ();
      pool.submit(() -> IntStream.range(0, rows).parallel().forEach(this::row)).join();
    }

    private void row(int row) {
      int dim = work.dim();
      int sequenceHead = row / work.seqQ();
      int sequence = sequenceHead / work.heads();
      int group = work.heads() / work.kvHeads();
      int kvHead = sequence * work.kvHeads() + sequenceHead % work.heads() / group;
      int keys = kvHead * work.seqK() * dim;
      int visible = work.causal() ? row % work.seqQ() + 1 : work.seqK();
      float[] att = scores.get();
      float scale = (float) (1 / Math.sqrt(dim));
      for (int k = 0; k < visible; k++) {
        att[k] = scale * dot(in.query(), row * dim, in.key(), keys + k * dim, dim);
      }
      softmax(att, visible);
      Arrays.fill(out, row * dim, (row + 1) * dim, 0);
      for (int k = 0; k < visible; k++) {
        saxpy(att[k], in.value(), keys + k * dim, out, row * dim, dim);
      }
    }

    private static float dot(float[] a, int ao, float[] b, int bo, int count) {
      FloatVector sum = FloatVector.zero(FLOATS);
      int n = 0;
      for (; n < FLOATS.loopBound(count); n += FLOATS.length()) {
        sum =
            FloatVector.fromArray(FLOATS, a, ao + n)
                .fma(FloatVector.fromArray(FLOATS, b, bo + n), sum);
      }
      float total = sum.reduceLanes(VectorOperators.ADD);
      for (; n < count; n++) {
        total += a[ao + n] * b[bo + n];
      }
      return total;
    }

    private static void saxpy(float factor, float[] x, int xo, float[] y, int yo, int count) {
      int n = 0;
      for (; n < FLOATS.loopBound(count); n += FLOATS.length()) {
        FloatVector.fromArray(FLOATS, x, xo + n)
            .fma(FloatVector.broadcast(FLOATS, factor), FloatVector.fromArray(FLOATS, y, yo + n))
            .intoArray(y, yo + n);
      }
      for (; n < count; n++) {
        y[yo + n] += factor * x[xo + n];
      }
    }

    private static void softmax(float[] row, int count) {
      float max = Float.NEGATIVE_INFINITY;
      for (int n = 0; n < count; n++) {
        max = Math.max(max, row[n]);
      }
      float sum = 0;
      for (int n = 0; n < count; n++) {
        row[n] = (float) Math.exp(row[n] - max);
        sum += row[n];
      }
      for (int n = 0; n < count; n++) {
        row[n] /= sum;
      }
    }

    @Override
    public float[] result() {
      return out.clone();
    }

    @Override
    public void close() {
      pool.shutdown();
    }
  }
}
