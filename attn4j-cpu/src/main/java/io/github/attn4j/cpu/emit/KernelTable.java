package io.github.attn4j.cpu.emit;

import io.github.attn4j.cpu.asm.CodePages;
import io.github.attn4j.cpu.asm.Gpr;
import io.github.attn4j.cpu.asm.Label;
import io.github.attn4j.cpu.asm.Mem;
import io.github.attn4j.cpu.asm.VectorOp;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The kernels of one instruction set, placed and ready to be called. All arguments are longs:
 * addresses, counts, and raw bits of floats.
 */
public final class KernelTable {
  /** Multiply-adds of one step of the kernel "peak". */
  public static final int PEAK_CHAINS = PeakEmitter.CHAINS;

  /** Where arguments come. */
  private static final List<Gpr> ARGUMENTS =
      List.of(Gpr.RDI, Gpr.RSI, Gpr.RDX, Gpr.RCX, Gpr.R8, Gpr.R9);

  private record Entry(String name, int arguments, Label label) {}

  private final Map<String, MethodHandle> functions = new LinkedHashMap<>();
  private final Map<String, MethodHandle> onAnyMemory = new LinkedHashMap<>();

  /**
   * Emits and places all kernels.
   *
   * @param isa an instruction set that the processor has
   * @param tileN keys of a tile
   * @throws IllegalStateException if the system gives no memory for code; says why
   */
  public KernelTable(Isa isa, int tileN) {
    Frame frame = new Frame(isa);
    List<Entry> entries = new ArrayList<>();
    int panelBytes = tileN * 2 * isa.bytes();
    PanelEmitter panel = new PanelEmitter(frame);
    entries.add(new Entry("scores", 6, GemmEmitter.panels(frame, false).emit()));
    entries.add(new Entry("accumulate", 6, GemmEmitter.panels(frame, true).emit()));
    entries.add(new Entry("accumulateByKeys", 5, GemmEmitter.rows(frame, panelBytes).emit()));
    entries.add(new Entry("softmax", 6, new SoftmaxEmitter(frame).emit()));
    entries.add(new Entry("addBias", 3, panel.addBias()));
    entries.add(new Entry("cap", 5, panel.cap()));
    entries.add(new Entry("hide", 4, panel.hide()));
    entries.add(new Entry("drop", 4, panel.drop()));
    entries.add(new Entry("divide", 3, panel.divide()));
    entries.add(new Entry("scoreGradients", 6, panel.scoreGradients()));
    entries.add(new Entry("multiplySlope", 4, panel.multiplySlope()));
    PackEmitter pack = new PackEmitter(frame);
    ConvertEmitter convert = new ConvertEmitter(frame);
    entries.add(new Entry("rowPanels", 5, TransposeEmitter.rowPanels(frame)));
    entries.add(new Entry("columnPanels", 5, pack.columnPanels()));
    entries.add(new Entry("transposedPanels", 6, TransposeEmitter.transposedPanels(frame)));
    entries.add(new Entry("widePanels", 6, pack.widePanels()));
    entries.add(new Entry("fromPanels", 6, TransposeEmitter.fromPanels(frame)));
    entries.add(new Entry("widenBfloat16", 3, convert.widenBfloat16()));
    entries.add(new Entry("widenFloat16", 3, convert.widenFloat16()));
    entries.add(new Entry("anyNotFinite", 4, pack.anyNotFinite()));
    entries.add(new Entry("peak", 1, PeakEmitter.emit(frame, VectorOp.VFMADD231PS)));
    List<Label> displaced = entries.stream().map(entry -> displaced(frame, entry)).toList();
    frame.writeConstants();
    MemorySegment code = CodePages.place(frame.a.bytes());
    for (int e = 0; e < entries.size(); e++) {
      Entry entry = entries.get(e);
      long address = code.address() + entry.label().offset();
      long stub = code.address() + displaced.get(e).offset();
      // The only kernel with a result tells whether something was found.
      boolean asks = entry.name().startsWith("any");
      functions.put(entry.name(), handle(address, entry.arguments(), asks, false));
      onAnyMemory.put(entry.name(), handle(stub, entry.arguments() + 1, asks, true));
    }
  }

  /** The same kernel with one more argument, an offset that is added to the first. */
  private static Label displaced(Frame frame, Entry entry) {
    Label stub = frame.a.here();
    if (entry.arguments() < ARGUMENTS.size()) {
      frame.a.add(Gpr.RDI, ARGUMENTS.get(entry.arguments()));
    } else {
      frame.a.add(Gpr.RDI, Mem.at(Gpr.RSP, Long.BYTES));
    }
    frame.a.jmp(entry.label());
    return stub;
  }

  /**
   * A kernel.
   *
   * @param name as the emitters' methods are called
   * @return a handle that takes longs and returns nothing, or a long if the name starts with any
   * @throws IllegalArgumentException if there is none of the name
   */
  public MethodHandle function(String name) {
    return find(functions, name);
  }

  /**
   * A kernel of a few microseconds that reads or writes memory of the caller, which may be an array
   * on the heap. No garbage is collected while it runs.
   *
   * @param name as the emitters' methods are called
   * @return the handle, whose first argument is a memory segment, and whose last one more: where in
   *     it to start, in bytes
   * @throws IllegalArgumentException if there is none of the name
   */
  public MethodHandle onAnyMemory(String name) {
    return find(onAnyMemory, name);
  }

  private static MethodHandle find(Map<String, MethodHandle> functions, String name) {
    MethodHandle function = functions.get(name);
    if (function == null) {
      throw new IllegalArgumentException(
          "kernel: expected one of %s, got %s".formatted(functions.keySet(), name));
    }
    return function;
  }

  @SuppressWarnings("restricted") // The code was emitted here, for this processor.
  private static MethodHandle handle(long address, int arguments, boolean asks, boolean anyMemory) {
    MemoryLayout[] longs =
        Collections.nCopies(arguments, ValueLayout.JAVA_LONG).toArray(MemoryLayout[]::new);
    if (anyMemory) {
      longs[0] = ValueLayout.ADDRESS;
    }
    Linker.Option[] options =
        anyMemory ? new Linker.Option[] {Linker.Option.critical(true)} : new Linker.Option[0];
    FunctionDescriptor descriptor =
        asks
            ? FunctionDescriptor.of(ValueLayout.JAVA_LONG, longs)
            : FunctionDescriptor.ofVoid(longs);
    return Linker.nativeLinker()
        .downcallHandle(MemorySegment.ofAddress(address), descriptor, options);
  }
}
