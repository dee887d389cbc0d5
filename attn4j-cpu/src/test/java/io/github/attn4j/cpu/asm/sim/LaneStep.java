package io.github.attn4j.cpu.asm.sim;

import static io.github.attn4j.cpu.asm.sim.Machine.RESULT;
import static io.github.attn4j.cpu.asm.sim.Machine.WORDS;

import java.util.Arrays;

/** A vector instruction with its operands: fetches, computes, writes what the mask lets through. */
final class LaneStep implements Step {
  private final Kernel kernel;
  private final int words;
  private final int element;
  private final Fetch fetch;
  private final Fetch.Source first;
  private final Fetch.Source second;
  private final Operand to;

  /** Where the destination stands; 0 for memory. */
  private final int old;

  /** Words of it that the result fills; the others become zero. */
  private final int written;

  /** Whether lanes left out by the mask are those of the first source, not those from before. */
  private final boolean blends;

  LaneStep(LaneOp op, Instruction i) {
    words = words(i, op);
    int elements = op.elements() > 0 ? op.elements() : words * 4 / op.lane();
    element = op.element();
    kernel = op.kernel().apply(i.immediate());
    to = i.operand(0);
    old = to instanceof Operand.Vector vector ? vector.number() * WORDS : 0;
    written = elements * element / 4;
    boolean aligned = i.mnemonic().equals("vmovaps");
    fetch = new Fetch(words, elements, mask(to), op.whole(), aligned);
    first = fetch.source(i.operand(1), 0);
    second = i.count() > 2 ? fetch.source(i.operand(2), 1) : m -> 0;
    blends = i.mnemonic().equals("vblendmps");
  }

  private static int words(Instruction i, LaneOp op) {
    int widest = 1;
    for (Operand operand : i.operands()) {
      int words =
          switch (operand) {
            case Operand.Vector vector -> vector.bits() / 32;
            case Operand.Place place when !place.broadcast() -> place.bytes() / 4;
            case Operand.Place place when place.lanes() > 0 -> place.lanes() * op.lane() / 4;
            case Operand.Place _ when i.operand(0) instanceof Operand.Vector result ->
                result.bits() / 32 * op.lane() / op.element();
            default -> 0;
          };
      widest = Math.max(widest, words);
    }
    return widest;
  }

  private static int mask(Operand to) {
    return to instanceof Operand.Place place ? place.mask() : ((Operand.Vector) to).mask();
  }

  @Override
  public void run(Machine m) {
    int a = first.at(m);
    kernel.apply(m.vectors, RESULT * WORDS, old, a, second.at(m), words);
    if (to instanceof Operand.Place place) {
      store(m, place);
    } else {
      write(m, blends ? a : old);
    }
  }

  /** Lanes that the mask leaves out become zero, or what stands at {@code kept}. */
  private void write(Machine m, int kept) {
    int[] v = m.vectors;
    if (fetch.mask() != 0) {
      boolean zeroing = ((Operand.Vector) to).zeroing();
      long mask = fetch.elements(m);
      for (int e = 0; e < fetch.elements(); e++) {
        if ((mask >>> e & 1) == 0) {
          long left = zeroing ? 0 : Elements.get(v, kept, element, e);
          Elements.set(v, RESULT * WORDS, element, e, left);
        }
      }
    }
    System.arraycopy(v, RESULT * WORDS, v, old, written);
    Arrays.fill(v, old + written, old + WORDS, 0);
  }

  private void store(Machine m, Operand.Place place) {
    long address = m.address(place);
    long mask = fetch.elements(m);
    fetch.checkAlignment(address, place.bytes());
    if (mask == fetch.all() && place.bytes() >= 4) {
      m.memory.put(address, m.vectors, RESULT * WORDS, place.bytes() / 4);
      return;
    }
    for (int e = 0; e < fetch.elements(); e++) {
      if ((mask >>> e & 1) != 0) {
        long value = Elements.get(m.vectors, RESULT * WORDS, element, e);
        m.memory.put(address + (long) e * element, element, value);
      }
    }
  }
}
