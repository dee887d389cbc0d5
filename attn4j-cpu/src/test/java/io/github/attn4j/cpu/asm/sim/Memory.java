package io.github.attn4j.cpu.asm.sim;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** The memory of this process, at its real addresses; perhaps only parts of it. */
@SuppressWarnings("restricted") // Simulated code gets addresses, as real code does.
final class Memory {
  private static final MemorySegment ALL = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

  /** Nothing is ever mapped below: a null pointer plus a displacement is told, not followed. */
  private static final long LOWEST = 65_536;

  private final List<MemorySegment> parts = new ArrayList<>();
  private boolean everything = true;

  /** The part that was used last: it is, mostly, the next one too. */
  private MemorySegment last = MemorySegment.NULL;

  /** A part that may be used in any case. */
  void add(MemorySegment part) {
    parts.add(part);
  }

  /** From now on only parts that were added may be used. */
  void restrict() {
    everything = false;
  }

  private void check(long address, long bytes) {
    if (everything) {
      if (address < LOWEST) {
        throw new IndexOutOfBoundsException("address %#x".formatted(address));
      }
    } else if (!contains(last, address, bytes)) {
      last = part(address, bytes);
    }
  }

  private MemorySegment part(long address, long bytes) {
    for (MemorySegment part : parts) {
      if (contains(part, address, bytes)) {
        return part;
      }
    }
    throw new IndexOutOfBoundsException(
        "%d bytes at %#x, outside of %s".formatted(bytes, address, parts));
  }

  private static boolean contains(MemorySegment part, long address, long bytes) {
    return address >= part.address() && address + bytes <= part.address() + part.byteSize();
  }

  /** Reads a number without sign. */
  long get(long address, int bytes) {
    check(address, bytes);
    return switch (bytes) {
      case 1 -> ALL.get(JAVA_BYTE, address) & 0xFFL;
      case 2 -> ALL.get(JAVA_SHORT_UNALIGNED, address) & 0xFFFFL;
      case 4 -> ALL.get(JAVA_INT_UNALIGNED, address) & 0xFFFFFFFFL;
      case 8 -> ALL.get(JAVA_LONG_UNALIGNED, address);
      default -> throw new IllegalArgumentException("bytes: expected 1, 2, 4 or 8, got " + bytes);
    };
  }

  /** Writes the low bytes of a number. */
  void put(long address, int bytes, long value) {
    check(address, bytes);
    switch (bytes) {
      case 1 -> ALL.set(JAVA_BYTE, address, (byte) value);
      case 2 -> ALL.set(JAVA_SHORT_UNALIGNED, address, (short) value);
      case 4 -> ALL.set(JAVA_INT_UNALIGNED, address, (int) value);
      case 8 -> ALL.set(JAVA_LONG_UNALIGNED, address, value);
      default -> throw new IllegalArgumentException("bytes: expected 1, 2, 4 or 8, got " + bytes);
    }
  }

  /** Reads whole words of 32 bits. */
  void get(long address, int[] to, int at, int words) {
    check(address, 4L * words);
    MemorySegment.copy(ALL, JAVA_INT_UNALIGNED, address, to, at, words);
  }

  /** Writes whole words of 32 bits. */
  void put(long address, int[] from, int at, int words) {
    check(address, 4L * words);
    MemorySegment.copy(from, at, ALL, JAVA_INT_UNALIGNED, address, words);
  }
}
