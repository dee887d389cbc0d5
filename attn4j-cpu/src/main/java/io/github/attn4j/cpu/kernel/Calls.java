package io.github.attn4j.cpu.kernel;

import java.lang.foreign.MemorySegment;
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

  static void run(MethodHandle kernel, long a, long b) {
    try {
      kernel.invokeExact(a, b);
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

  static void run(MethodHandle kernel, long a, long b, long c, long d, long e, long f, long g) {
    try {
      kernel.invokeExact(a, b, c, d, e, f, g);
    } catch (Throwable thrown) {
      throw unexpected(thrown);
    }
  }

  /** Of kernels on any memory: the first argument starts at an offset. */
  static void runAt(MethodHandle kernel, MemorySegment a, long offset, long b, long c) {
    try {
      kernel.invokeExact(a, b, c, offset);
    } catch (Throwable thrown) {
      throw unexpected(thrown);
    }
  }

  static void runAt(
      MethodHandle kernel, MemorySegment a, long offset, long b, long c, long d, long e) {
    try {
      kernel.invokeExact(a, b, c, d, e, offset);
    } catch (Throwable thrown) {
      throw unexpected(thrown);
    }
  }

  static void runAt(
      MethodHandle kernel, MemorySegment a, long offset, long b, long c, long d, long e, long f) {
    try {
      kernel.invokeExact(a, b, c, d, e, f, offset);
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

  /** The same of kernels on any memory. */
  static long askAt(MethodHandle kernel, MemorySegment a, long offset, long b, long c, long d) {
    try {
      return (long) kernel.invokeExact(a, b, c, d, offset);
    } catch (Throwable thrown) {
      throw unexpected(thrown);
    }
  }

  static RuntimeException unexpected(Throwable thrown) {
    if (thrown instanceof Error error) {
      throw error;
    }
    return thrown instanceof RuntimeException exception
        ? exception
        : new IllegalStateException(thrown);
  }
}
