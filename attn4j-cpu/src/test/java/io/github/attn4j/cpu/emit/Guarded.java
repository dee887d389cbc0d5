package io.github.attn4j.cpu.emit;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * Memory between two pages that nobody may touch: code that reads or writes a byte beyond an end of
 * it takes the whole process down.
 */
@SuppressWarnings("restricted") // Only the system's own calls give such memory.
final class Guarded {
  private static final long PAGE = 4096;
  private static final int PROT_NONE = 0;
  private static final int MAP_PRIVATE_ANONYMOUS = 0x22;

  private final MemorySegment pages;

  /** Holds at least so many bytes; lives as long as the process. */
  Guarded(long bytes) {
    long inside = Math.ceilDiv(bytes, PAGE) * PAGE;
    FunctionDescriptor mmap =
        FunctionDescriptor.of(ADDRESS, ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG);
    FunctionDescriptor mprotect = FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT);
    try {
      MemorySegment all =
          (MemorySegment)
              function("mmap", mmap)
                  .invokeExact(
                      MemorySegment.NULL, inside + 2 * PAGE, 3, MAP_PRIVATE_ANONYMOUS, -1, 0L);
      all = all.reinterpret(inside + 2 * PAGE);
      MethodHandle protect = function("mprotect", mprotect);
      int before = (int) protect.invokeExact(all, PAGE, PROT_NONE);
      int behind = (int) protect.invokeExact(all.asSlice(PAGE + inside), PAGE, PROT_NONE);
      if (before != 0 || behind != 0) {
        throw new IllegalStateException("mprotect of guard pages failed");
      }
      pages = all.asSlice(PAGE, inside);
    } catch (RuntimeException | Error thrown) {
      throw thrown;
    } catch (Throwable thrown) {
      throw new IllegalStateException(thrown);
    }
  }

  /** So many bytes that end where the memory ends, filled with ones: floats are NaN. */
  MemorySegment last(long bytes) {
    return pages.fill((byte) -1).asSlice(pages.byteSize() - bytes);
  }

  /** So many bytes from the start of the memory on, filled with ones. */
  MemorySegment first(long bytes) {
    return pages.fill((byte) -1).asSlice(0, bytes);
  }

  private static MethodHandle function(String name, FunctionDescriptor descriptor) {
    return Linker.nativeLinker()
        .downcallHandle(Linker.nativeLinker().defaultLookup().findOrThrow(name), descriptor);
  }
}
