package io.github.attn4j.operators;

import org.jspecify.annotations.NullMarked;

/**
 * The generator behind Python's {@code random}: MT19937 (Matsumoto and Nishimura, 1998) with
 * Python's way of seeding and of drawing integers. The published benchmark drew its questions and
 * answers by it.
 */
@NullMarked
final class PythonRandom {
  private static final int N = 624;
  private static final int M = 397;

  private final int[] state = new int[N];
  private int next = N;

  /** {@code random.seed(seed)} for a seed that fits 32 bits. */
  PythonRandom(int seed) {
    state[0] = 19650218;
    for (int i = 1; i < N; i++) {
      state[i] = 1812433253 * scrambled(i - 1) + i;
    }
    int i = 1;
    for (int k = 0; k < N; k++) {
      state[i] = (state[i] ^ scrambled(i - 1) * 1664525) + seed;
      i = advance(i);
    }
    for (int k = 0; k < N - 1; k++) {
      state[i] = (state[i] ^ scrambled(i - 1) * 1566083941) - i;
      i = advance(i);
    }
    state[0] = 0x80000000;
  }

  private int scrambled(int i) {
    return state[i] ^ (state[i] >>> 30);
  }

  private int advance(int i) {
    if (i + 1 < N) {
      return i + 1;
    }
    state[0] = state[N - 1];
    return 1;
  }

  /** {@code random.randint(low, high)}: both included. */
  int randint(int low, int high) {
    int count = high - low + 1;
    int bits = 32 - Integer.numberOfLeadingZeros(count);
    int draw = word() >>> (32 - bits);
    while (draw >= count) {
      draw = word() >>> (32 - bits);
    }
    return low + draw;
  }

  private int word() {
    if (next == N) {
      twist();
      next = 0;
    }
    int y = state[next++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return y ^ (y >>> 18);
  }

  private void twist() {
    for (int k = 0; k < N; k++) {
      int y = (state[k] & 0x80000000) | (state[(k + 1) % N] & 0x7fffffff);
      state[k] = state[(k + M) % N] ^ (y >>> 1) ^ ((y & 1) == 0 ? 0 : 0x9908b0df);
    }
  }
}
