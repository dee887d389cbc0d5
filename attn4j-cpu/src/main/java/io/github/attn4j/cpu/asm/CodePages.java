package io.github.attn4j.cpu.asm;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/**
 * Memory that holds finished code: taken from the system as writable pages, filled, then made
 * executable and no longer writable. It lives as long as the process.
 */
@SuppressWarnings("restricted") // Running code of one's own is what this package is for.
public final class CodePages {
  private static final int PROT_READ = 1;
  private static final int PROT_WRITE = 2;
  private static final int PROT_EXEC = 4;
  private static final int MAP_PRIVATE = 2;
  private static final int MAP_ANONYMOUS = 0x20;
  private static final long PAGE = 4096;

  private static final Linker LINKER = Linker.nativeLinker();
  private static final StructLayout STATE = Linker.Option.captureStateLayout();
  private static final VarHandle ERRNO =
      STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));

  private CodePages() {}

  /**
   * Places code where it can run.
   *
   * @param code position independent
   * @return its first byte
   * @throws IllegalStateException if the system gives no such memory; says which call failed, and
   *     why
   */
  public static MemorySegment place(byte[] code) {
    long size = Math.ceilDiv(code.length, PAGE) * PAGE;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = arena.allocate(STATE);
      MethodHandle mmap =
          function(
              "mmap",
              FunctionDescriptor.of(
                  ADDRESS, ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
      MethodHandle mprotect =
          function("mprotect", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT));
      MethodHandle munmap = function("munmap", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG));
      MemorySegment pages =
          (MemorySegment)
              mmap.invokeExact(
                  state,
                  MemorySegment.NULL,
                  size,
                  PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS,
                  -1,
                  0L);
      if (pages.address() == -1L) {
        throw failed("mmap of %d bytes to write code into".formatted(size), state);
      }
      MemorySegment writable = pages.reinterpret(size);
      MemorySegment.copy(MemorySegment.ofArray(code), 0, writable, 0, code.length);
      int result = (int) mprotect.invokeExact(state, pages, size, PROT_READ | PROT_EXEC);
      if (result != 0) {
        IllegalStateException refused = failed("mprotect to make code executable", state);
        int ignored = (int) munmap.invokeExact(state, pages, size);
        throw refused;
      }
      return pages;
    } catch (RuntimeException | Error thrown) {
      throw thrown;
    } catch (Throwable thrown) {
      throw new IllegalStateException(thrown);
    }
  }

  private static MethodHandle function(String name, FunctionDescriptor descriptor) {
    MemorySegment symbol =
        LINKER
            .defaultLookup()
            .find(name)
            .orElseThrow(() -> new IllegalStateException("the system has no function " + name));
    return LINKER.downcallHandle(symbol, descriptor, Linker.Option.captureCallState("errno"));
  }

  private static IllegalStateException failed(String what, MemorySegment state) {
    int errno = (int) ERRNO.get(state, 0L);
    return new IllegalStateException("%s failed with errno %d".formatted(what, errno));
  }
}
