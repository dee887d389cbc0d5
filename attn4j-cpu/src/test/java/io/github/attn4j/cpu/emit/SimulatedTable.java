package io.github.attn4j.cpu.emit;

import io.github.attn4j.cpu.asm.sim.Disassembly;
import io.github.attn4j.cpu.asm.sim.Simulator;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.function.BiFunction;

/** Kernels that run on a simulated processor: one for each thread. */
public final class SimulatedTable {
  private final ThreadLocal<Simulator> simulators;

  private SimulatedTable(byte[] code) {
    Disassembly disassembly = Disassembly.of(code);
    simulators = ThreadLocal.withInitial(() -> new Simulator(code, disassembly));
  }

  /**
   * The kernels of bfloat16.
   *
   * @param tileN keys of a tile
   * @return kernels that run on any machine
   */
  public static KernelTable bfloat16(int tileN) {
    return KernelTable.bfloat16(tileN, code -> new SimulatedTable(code).functions());
  }

  private BiFunction<Integer, MethodType, MethodHandle> functions() {
    try {
      MethodHandle call =
          MethodHandles.lookup()
              .findVirtual(
                  SimulatedTable.class,
                  "call",
                  MethodType.methodType(long.class, int.class, long[].class))
              .bindTo(this);
      return (offset, type) ->
          MethodHandles.insertArguments(call, 0, offset)
              .asCollector(long[].class, type.parameterCount())
              .asType(type);
    } catch (ReflectiveOperationException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  private long call(int entry, long[] arguments) {
    return simulators.get().call(entry, arguments);
  }
}
