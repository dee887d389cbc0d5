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
import java.lang.invoke.MethodType;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;

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

  /** Makes code callable. */
  @FunctionalInterface
  interface Linkage {
    /** From where a function starts in the code, and its type, to a handle of it. */
    BiFunction<Integer, MethodType, MethodHandle> place(byte[] code);
  }

  private final Map<String, MethodHandle> functions = new LinkedHashMap<>();
  private final Map<String, MethodHandle> onAnyMemory = new LinkedHashMap<>();

  /**
   * Emits and places all kernels of an instruction set.
   *
   * @param isa an instruction set that the processor has
   * @param tileN keys of a tile
   * @throws IllegalStateException if the system gives no memory for code; says why
   */
  public KernelTable(Isa isa, int tileN) {
    Frame frame = new Frame(isa);
    place(frame, entries(frame, tileN * 2 * isa.bytes()), KernelTable::onProcessor);
  }

  private KernelTable() {}

  /**
   * Emits and places the kernels of bfloat16 for AVX-512.
   *
   * @param tileN keys of a tile
   * @return kernels that a processor with {@link Isa#BFLOAT16} can execute
   * @throws IllegalStateException if the system gives no memory for code; says why
   */
  public static KernelTable bfloat16(int tileN) {
    return bfloat16(tileN, KernelTable::onProcessor);
  }

  static KernelTable bfloat16(int tileN, Linkage linkage) {
    Frame frame = new Frame(Isa.AVX512);
    int panelBytes = tileN * frame.isa.bytes();
    Bfloat16Emitter pairs = new Bfloat16Emitter(frame);
    List<Entry> entries = new ArrayList<>();
    entries.add(new Entry("scores", 7, GemmEmitter.pairPanels(frame, false).emit()));
    entries.add(new Entry("accumulate", 6, GemmEmitter.pairPanels(frame, true).emit()));
    entries.add(new Entry("accumulateByKeys", 6, GemmEmitter.pairRows(frame, panelBytes).emit()));
    entries.add(new Entry("keyPairs", 3, pairs.keyPairs()));
    entries.add(new Entry("lanePairs", 3, pairs.lanePairs()));
    entries.add(new Entry("anyNotFiniteInRowPairs", 4, pairs.rowPairs()));
    entries.add(new Entry("transposedBits", 5, TransposeEmitter.transposedBits(frame)));
    entries.add(new Entry("peak", 1, PeakEmitter.emit(frame, VectorOp.VDPBF16PS)));
    KernelTable table = new KernelTable();
    table.place(frame, entries, linkage);
    return table;
  }

  private static List<Entry> entries(Frame frame, int panelBytes) {
    List<Entry> entries = new ArrayList<>();
    PanelEmitter panel = new PanelEmitter(frame);
    entries.add(new Entry("scores", 6, GemmEmitter.panels(frame, false).emit()));
    entries.add(new Entry("accumulate", 6, GemmEmitter.panels(frame, true).emit()));
    entries.add(new Entry("accumulateByKeys", 6, GemmEmitter.rows(frame, panelBytes).emit()));
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
    entries.add(new Entry("read", 2, PeakEmitter.read(frame)));
    return entries;
  }

  private void place(Frame frame, List<Entry> entries, Linkage linkage) {
    List<Label> displaced = entries.stream().map(entry -> displaced(frame, entry)).toList();
    frame.writeConstants();
    BiFunction<Integer, MethodType, MethodHandle> placed = linkage.place(frame.a.bytes());
    for (int e = 0; e < entries.size(); e++) {
      Entry entry = entries.get(e);
      // The only kernels with a result tell whether something was found.
      Class<?> result = entry.name().startsWith("any") ? long.class : void.class;
      List<Class<?>> longs = Collections.nCopies(entry.arguments(), long.class);
      MethodType type = MethodType.methodType(result, longs);
      functions.put(entry.name(), placed.apply(entry.label().offset(), type));
      MethodType any = type.changeParameterType(0, MemorySegment.class);
      any = any.appendParameterTypes(long.class);
      onAnyMemory.put(entry.name(), placed.apply(displaced.get(e).offset(), any));
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

  private static BiFunction<Integer, MethodType, MethodHandle> onProcessor(byte[] code) {
    long start = CodePages.place(code).address();
    return (offset, type) -> handle(start + offset, type);
  }

  @SuppressWarnings("restricted") // The code was emitted here, for this processor.
  private static MethodHandle handle(long address, MethodType type) {
    MemoryLayout[] longs =
        Collections.nCopies(type.parameterCount(), ValueLayout.JAVA_LONG)
            .toArray(MemoryLayout[]::new);
    boolean anyMemory = type.parameterType(0) == MemorySegment.class;
    if (anyMemory) {
      longs[0] = ValueLayout.ADDRESS;
    }
    Linker.Option[] options =
        anyMemory ? new Linker.Option[] {Linker.Option.critical(true)} : new Linker.Option[0];
    FunctionDescriptor descriptor =
        type.returnType() == long.class
            ? FunctionDescriptor.of(ValueLayout.JAVA_LONG, longs)
            : FunctionDescriptor.ofVoid(longs);
    return Linker.nativeLinker()
        .downcallHandle(MemorySegment.ofAddress(address), descriptor, options);
  }
}
