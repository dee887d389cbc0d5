package io.github.attn4j.cpu.asm.sim;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Runs emitted functions instruction by instruction, on registers of its own and on the memory of
 * this process: what a function computes can be seen where the processor lacks its instructions,
 * and every access outside of what it was given.
 *
 * <p>Floating point is rounded to nearest, subnormal numbers and NaNs are kept, as where the Java
 * virtual machine calls native code. Flags that the manual leaves undefined have some value.
 */
public final class Simulator {
  private static final long STACK = 1 << 16;

  /** Registers that a called function must leave as they were: rbx, rsp, rbp, r12 to r15. */
  private static final List<Integer> SAVED = List.of(3, Machine.RSP, 5, 12, 13, 14, 15);

  /** Where the first arguments come: rdi, rsi, rdx, rcx, r8, r9; more are on the stack. */
  private static final int[] ARGUMENTS = {7, 6, 2, 1, 8, 9};

  private final int size;

  /** The text of the instruction at each offset of the code. */
  private final @Nullable String[] texts;

  /** The instruction at each offset of the code; decoded when first reached. */
  private final @Nullable Step[] steps;

  /** The offset behind the instruction at each offset; 0 where none starts. */
  private final int[] behind;

  private final MemorySegment stack;
  private final Memory memory = new Memory();
  private final Machine machine;
  private long executed;

  /**
   * Reads code.
   *
   * @param code position independent
   */
  public Simulator(byte[] code) {
    this(code, Disassembly.of(code));
  }

  /**
   * Takes code that was read before.
   *
   * @param code position independent
   * @param disassembly of it
   */
  public Simulator(byte[] code, Disassembly disassembly) {
    List<Disassembly.Line> lines = disassembly.lines();
    size = code.length;
    texts = new String[size];
    steps = new Step[size];
    behind = new int[size];
    for (int n = 0; n < lines.size(); n++) {
      boolean last = n == lines.size() - 1;
      int at = lines.get(n).offset();
      texts[at] = lines.get(n).text();
      behind[at] = last ? size : lines.get(n + 1).offset();
    }
    MemorySegment copy = Arena.ofAuto().allocate(size, 64);
    MemorySegment.copy(MemorySegment.ofArray(code), 0, copy, 0, size);
    stack = Arena.ofAuto().allocate(STACK, 64);
    memory.add(stack);
    memory.add(copy);
    machine = new Machine(memory, copy.address());
  }

  /**
   * From now on the code may touch only its own bytes, its stack, and what was given here.
   *
   * @param parts native memory
   */
  public void restrict(MemorySegment... parts) {
    for (MemorySegment part : parts) {
      memory.add(part);
    }
    memory.restrict();
  }

  /**
   * Calls a function by the rules of Linux.
   *
   * @param entry its offset in the code
   * @param arguments integers and addresses
   * @return what it leaves in rax
   * @throws IllegalStateException if it does what no function may: an instruction that is not
   *     known, an access outside of its memory or not aligned, a register changed that it must
   *     keep; names the instruction
   */
  public long call(int entry, long... arguments) {
    machine.scramble();
    int onStack = Math.max(0, arguments.length - ARGUMENTS.length);
    // Before the call, the stack is aligned to 16 bytes.
    long top = (stack.address() + STACK - 8L * onStack) & -16;
    for (int n = 0; n < arguments.length; n++) {
      if (n < ARGUMENTS.length) {
        machine.general[ARGUMENTS[n]] = arguments[n];
      } else {
        memory.put(top + 8L * (n - ARGUMENTS.length), 8, arguments[n]);
      }
    }
    machine.general[Machine.RSP] = top;
    long[] before = machine.general.clone();
    // The address that ends the program when it is returned to: just before the code.
    machine.push(machine.code - 1);
    machine.next = entry;
    run();
    for (int r : SAVED) {
      if (machine.general[r] != before[r]) {
        throw new IllegalStateException(
            "register %s: expected %#x as before, got %#x"
                .formatted(Operand.QWORDS.get(r), before[r], machine.general[r]));
      }
    }
    return machine.general[0];
  }

  /**
   * How many instructions were executed, by all calls.
   *
   * @return their number
   */
  public long executed() {
    return executed;
  }

  private void run() {
    long count = 0;
    while (machine.next >= 0) {
      int at = machine.next;
      Step step = at < size ? steps[at] : null;
      if (step == null) {
        step = decode(at);
      }
      machine.next = behind[at];
      try {
        step.run(machine);
      } catch (IndexOutOfBoundsException | IllegalStateException e) {
        throw new IllegalStateException("%s, at %#x".formatted(texts[at], at), e);
      }
      count++;
    }
    executed += count;
    if (machine.next != -1) {
      throw new IllegalStateException("returned to somewhere else: the stack was not kept");
    }
  }

  private Step decode(int at) {
    String text = at < size ? texts[at] : null;
    if (text == null) {
      throw new IllegalStateException("no instruction starts at %#x".formatted(at));
    }
    Instruction i;
    try {
      i = Instruction.parse(text, behind[at]);
    } catch (IllegalArgumentException e) {
      throw new IllegalStateException("%s, at %#x".formatted(text, at), e);
    }
    Step step = GeneralSteps.decode(i);
    step = step == null ? MaskSteps.decode(i) : step;
    step = step == null ? VectorSteps.decode(i) : step;
    if (step == null) {
      throw new IllegalStateException("nothing is known of %s, at %#x".formatted(text, at));
    }
    steps[at] = step;
    return step;
  }
}
