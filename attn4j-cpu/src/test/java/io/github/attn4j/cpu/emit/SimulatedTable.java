package io.github.attn4j.cpu.emit;

import io.github.attn4j.cpu.asm.sim.Disassembly;
import io.github.attn4j.cpu.asm.sim.Simulator;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.function.BiFunction;
import java.util.function.Supplier;

/** The kernels of bfloat16 on simulated processors, one for each thread. */
public final class SimulatedTable {
  private Supplier<Simulator> processor =
      () -> {
        throw new IllegalStateException("no code yet");
      };
  private final ThreadLocal<Simulator> processors = ThreadLocal.withInitial(() -> processor.get());
  private final KernelTable table;

  /**
   * Emits them.
   *
   * @param tileN keys of a tile
   */
  public SimulatedTable(int tileN) {
    table = KernelTable.bfloat16(tileN, this::place);
  }

  /**
   * The kernels.
   *
   * @return handles that work on any machine
   */
  public KernelTable table() {
    return table;
  }

  /** From now on kernels that this thread calls may touch nothing else. */
  void restrict(MemorySegment... parts) {
    Simulator fresh = processor.get();
    fresh.restrict(parts);
    processors.set(fresh);
  }

  private BiFunction<Integer, MethodType, MethodHandle> place(byte[] code) {
    Disassembly disassembly = Disassembly.of(code);
    processor = () -> new Simulator(code, disassembly);
    MethodType type = MethodType.methodType(long.class, int.class, long[].class);
    try {
      MethodHandle call = MethodHandles.lookup().bind(this, "call", type);
      MethodHandle address =
          MethodHandles.lookup()
              .findVirtual(MemorySegment.class, "address", MethodType.methodType(long.class));
      return (offset, wanted) -> {
        MethodHandle longs =
            MethodHandles.insertArguments(call, 0, offset)
                .asCollector(long[].class, wanted.parameterCount());
        boolean anyMemory = wanted.parameterType(0) == MemorySegment.class;
        return (anyMemory ? MethodHandles.filterArguments(longs, 0, address) : longs)
            .asType(wanted);
      };
    } catch (ReflectiveOperationException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  @SuppressWarnings("UnusedMethod") // Found by its name.
  private long call(int entry, long[] arguments) {
    return processors.get().call(entry, arguments);
  }
}
