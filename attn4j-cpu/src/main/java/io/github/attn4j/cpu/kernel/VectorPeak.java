package io.github.attn4j.cpu.kernel;

import static io.github.attn4j.cpu.kernel.Vectors.FLOATS;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static jdk.incubator.vector.FloatVector.broadcast;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/** Multiply-adds of the Vector API on registers. */
final class VectorPeak {
  private VectorPeak() {}

  /** Keeps the result alive. */
  @SuppressWarnings("UnusedVariable")
  private static volatile float sink;

  /** Twelve chains: enough to cover a latency of five cycles at two instructions per cycle. */
  static long multiplyAdds(int steps) {
    FloatVector x = broadcast(FLOATS, 0.5f);
    FloatVector y = broadcast(FLOATS, 1e-3f);
    FloatVector c0 = y;
    FloatVector c1 = y;
    FloatVector c2 = y;
    FloatVector c3 = y;
    FloatVector c4 = y;
    FloatVector c5 = y;
    FloatVector c6 = y;
    FloatVector c7 = y;
    FloatVector c8 = y;
    FloatVector c9 = y;
    FloatVector c10 = y;
    FloatVector c11 = y;
    for (int step = 0; step < steps; step++) {
      c0 = x.fma(y, c0);
      c1 = x.fma(y, c1);
      c2 = x.fma(y, c2);
      c3 = x.fma(y, c3);
      c4 = x.fma(y, c4);
      c5 = x.fma(y, c5);
      c6 = x.fma(y, c6);
      c7 = x.fma(y, c7);
      c8 = x.fma(y, c8);
      c9 = x.fma(y, c9);
      c10 = x.fma(y, c10);
      c11 = x.fma(y, c11);
    }
    FloatVector sum = c0.add(c1).add(c2).add(c3).add(c4).add(c5);
    sum = sum.add(c6).add(c7).add(c8).add(c9).add(c10).add(c11);
    sink = sum.reduceLanes(VectorOperators.ADD);
    return 12L * FLOATS.length() * steps;
  }

  /** Keeps the sums alive. */
  @SuppressWarnings("UnusedVariable")
  private static volatile long sum;

  /** Four chains: enough for loads, not additions, to be what is waited for. */
  static void read(MemorySegment memory) {
    long a = 0;
    long b = 0;
    long c = 0;
    long d = 0;
    long end = memory.byteSize() / Long.BYTES - 3;
    for (long n = 0; n < end; n += 4) {
      a += memory.getAtIndex(JAVA_LONG, n);
      b += memory.getAtIndex(JAVA_LONG, n + 1);
      c += memory.getAtIndex(JAVA_LONG, n + 2);
      d += memory.getAtIndex(JAVA_LONG, n + 3);
    }
    sum = a + b + c + d;
  }
}
