package io.github.attn4j.cpu.kernel;

import java.lang.invoke.MethodHandle;

/** Calls of kernels, which take longs and throw nothing. */
final class Calls {
  private Calls() {}

  static void run(MethodHandle kernel, long a) {
    try {
      kernel.invokeExact(a);
    } catch (Throwable thrown) {
      throw unexpected(thrown);
    }
  }

  static void run(MethodHandle kernel, long a, long b, long c) {
    try {
      kernel.invokeExact(a, b, c);
    } catch (Throwable thrown) {
      throw unexpected(thrown);
    }
  }

  static void run(MethodHandle kernel, long a, long b, long c, long d) {
    try {
      kernel.invokeExact(a, b, c, d);
    } catch (Throwable thrown) {
      throw unexpected(thrown);
    }
  }

  static void run(MethodHandle kernel, long a, long b, long c, long d, long e) {
    try {
      kernel.invokeExact(a, b, c, d, e);
    } catch (Throwable thrown) {
      throw unexpected(thrown);
    }
  }

  static void run(MethodHandle kernel, long a, long b, long c, long d, long e, long f) {
    try {
      kernel.invokeExact(a, b, c, d, e, f);
    } catch (Throwable thrown) {
      throw unexpected(thrown);
    }
  }

  /** A call of a kernel that returns a number. */
  static long ask(MethodHandle kernel, long a, long b, long c, long d) {
    try {
      return (long) kernel.invokeExact(a, b, c, d);
    } catch (Throwable thrown) {
      throw unexpected(thrown);
    }
  }

  private static RuntimeException unexpected(Throwable thrown) {
    if (thrown instanceof Error error) {
      throw error;
    }
    return thrown instanceof RuntimeException exception
        ? exception
        : new IllegalStateException(thrown);
  }
}
