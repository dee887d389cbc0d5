package io.github.attn4j.cpu.asm.sim;

import static io.github.attn4j.cpu.asm.sim.Machine.LOADED;
import static io.github.attn4j.cpu.asm.sim.Machine.WORDS;

/**
 * Brings operands where kernels read them. Of memory, only the elements that a mask lets through
 * are read, as on a processor: the others need not exist.
 *
 * @param words of 32 bits in the widest operand
 * @param elements that masks count
 * @param mask number of the mask register; 0 for all elements
 * @param whole whether memory is read regardless of the mask
 * @param aligned whether memory must be aligned to what is read
 */
record Fetch(int words, int elements, int mask, boolean whole, boolean aligned) {
  /** Where an operand stands, perhaps after it was read. */
  interface Source {
    int at(Machine m);
  }

  /** The elements that count. */
  long elements(Machine m) {
    return mask == 0 ? all() : m.masks[mask] & all();
  }

  /** All of them. */
  long all() {
    return elements == 64 ? -1L : (1L << elements) - 1;
  }

  /** Ends the program where the processor would. */
  void checkAlignment(long address, int bytes) {
    if (aligned && address % bytes != 0) {
      throw new IllegalStateException(
          "address %#x of %d bytes is not aligned".formatted(address, bytes));
    }
  }

  /** The source number {@code n} of an instruction. */
  Source source(Operand operand, int n) {
    return switch (operand) {
      case Operand.Vector(int number, int _, int _, boolean _) -> {
        int at = number * WORDS;
        yield m -> at;
      }
      case Operand.Place place when place.broadcast() -> broadcast(place, (LOADED + n) * WORDS);
      case Operand.Place place -> loaded(place, (LOADED + n) * WORDS);
      default -> m -> 0;
    };
  }

  private Source broadcast(Operand.Place place, int at) {
    return m -> {
      long value = elements(m) == 0 ? 0 : m.memory.get(m.address(place), place.bytes());
      for (int w = 0; w < words; w++) {
        m.vectors[at + w] = (int) (place.bytes() == 8 && w % 2 == 1 ? value >>> 32 : value);
      }
      return at;
    };
  }

  private Source loaded(Operand.Place place, int at) {
    int size = place.bytes();
    int each = Math.max(1, size / elements);
    return m -> {
      long address = m.address(place);
      checkAlignment(address, size);
      if (whole || mask == 0 || elements(m) == all()) {
        whole(m, address, size, at);
        return at;
      }
      for (int e = 0; e < elements; e++) {
        boolean read = (elements(m) >>> e & 1) != 0;
        long value = read ? m.memory.get(address + (long) e * each, each) : 0;
        Elements.set(m.vectors, at, each, e, value);
      }
      return at;
    };
  }

  private static void whole(Machine m, long address, int size, int at) {
    if (size < 4) {
      m.vectors[at] = (int) m.memory.get(address, size);
    } else {
      m.memory.get(address, m.vectors, at, size / 4);
    }
  }
}
