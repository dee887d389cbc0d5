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

  /**
   * A kernel in the code.
   *
   * @param displaced where the same starts with one more argument, an offset added to the first
   */
  private record Entry(String name, int arguments, Label label, Label displaced) {
    MethodType type() {
      // The only kernels with a result tell whether something was found.
      Class<?> result = name.startsWith("any") ? long.class : void.class;
      return MethodType.methodType(result, Collections.nCopies(arguments, long.class));
    }
  }

  /** Makes code callable. */
  @FunctionalInterface
  interface Linkage {
    /** From where a function starts in the code, and its type, to a handle of it. */
    BiFunction<Integer, MethodType, MethodHandle> place(byte[] code);
  }

  private final Map<String, Entry> entries = new LinkedHashMap<>();

  /** Links what is asked for, when it is asked for: most processes need few kernels. */
  private final BiFunction<Integer, MethodType, MethodHandle> placed;

  /**
   * Emits and places all kernels of an instruction set.
   *
   * @param isa an instruction set that the processor has
   * @param tileN keys of a tile
   * @throws IllegalStateException if the system gives no memory for code; says why
   */
  public KernelTable(Isa isa, int tileN) {
    Frame frame = new Frame(isa);
    emit(frame, tileN * 2 * isa.bytes());
    placed = onProcessor(frame.a.bytes());
  }

  private KernelTable(int tileN, Linkage linkage) {
    Frame frame = new Frame(Isa.AVX512);
    emitBfloat16(frame, tileN * frame.isa.bytes());
    placed = linkage.place(frame.a.bytes());
  }

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
    return new KernelTable(tileN, linkage);
  }

  private void emitBfloat16(Frame frame, int panelBytes) {
    Bfloat16Emitter pairs = new Bfloat16Emitter(frame);
    define(frame, "scores", 7, GemmEmitter.pairPanels(frame, false).emit());
    define(frame, "accumulate", 6, GemmEmitter.pairPanels(frame, true).emit());
    define(frame, "accumulateByKeys", 6, GemmEmitter.pairRows(frame, panelBytes).emit());
    define(frame, "keyPairs", 3, pairs.keyPairs());
    define(frame, "lanePairs", 3, pairs.lanePairs());
    define(frame, "anyNotFiniteInRowPairs", 4, pairs.rowPairs());
    define(frame, "transposedBits", 5, TransposeEmitter.transposedBits(frame));
    define(frame, "peak", 1, PeakEmitter.emit(frame, VectorOp.VDPBF16PS));
    frame.writeConstants();
  }

  private void emit(Frame frame, int panelBytes) {
    PanelEmitter panel = new PanelEmitter(frame);
    define(frame, "scores", 6, GemmEmitter.panels(frame, false).emit());
    define(frame, "accumulate", 6, GemmEmitter.panels(frame, true).emit());
    define(frame, "accumulateByKeys", 6, GemmEmitter.rows(frame, panelBytes).emit());
    define(frame, "softmax", 6, new SoftmaxEmitter(frame).emit());
    define(frame, "addBias", 3, panel.addBias());
    define(frame, "cap", 5, panel.cap());
    define(frame, "hide", 4, panel.hide());
    define(frame, "drop", 4, panel.drop());
    define(frame, "divide", 3, panel.divide());
    define(frame, "scoreGradients", 6, panel.scoreGradients());
    define(frame, "multiplySlope", 4, panel.multiplySlope());
    PackEmitter pack = new PackEmitter(frame);
    ConvertEmitter convert = new ConvertEmitter(frame);
    define(frame, "rowPanels", 5, TransposeEmitter.rowPanels(frame));
    define(frame, "columnPanels", 5, pack.columnPanels());
    define(frame, "transposedPanels", 6, TransposeEmitter.transposedPanels(frame));
    define(frame, "widePanels", 6, pack.widePanels());
    define(frame, "fromPanels", 6, TransposeEmitter.fromPanels(frame));
    define(frame, "widenBfloat16", 3, convert.widenBfloat16());
    define(frame, "widenFloat16", 3, convert.widenFloat16());
    define(frame, "anyNotFinite", 4, pack.anyNotFinite());
    define(frame, "peak", 1, PeakEmitter.emit(frame, VectorOp.VFMADD231PS));
    define(frame, "read", 2, PeakEmitter.read(frame));
    frame.writeConstants();
  }

  private void define(Frame frame, String name, int arguments, Label label) {
    Label displaced = frame.a.here();
    if (arguments < ARGUMENTS.size()) {
      frame.a.add(Gpr.RDI, ARGUMENTS.get(arguments));
    } else {
      frame.a.add(Gpr.RDI, Mem.at(Gpr.RSP, Long.BYTES));
    }
    frame.a.jmp(label);
    entries.put(name, new Entry(name, arguments, label, displaced));
  }

  /**
   * A kernel.
   *
   * @param name as the emitters' methods are called
   * @return a handle that takes longs and returns nothing, or a long if the name starts with any
   * @throws IllegalArgumentException if there is none of the name
   */
  public MethodHandle function(String name) {
    Entry entry = find(name);
    return placed.apply(entry.label().offset(), entry.type());
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
    Entry entry = find(name);
    MethodType type = entry.type().changeParameterType(0, MemorySegment.class);
    return placed.apply(entry.displaced().offset(), type.appendParameterTypes(long.class));
  }

  private Entry find(String name) {
    Entry entry = entries.get(name);
    if (entry == null) {
      throw new IllegalArgumentException(
          "kernel: expected one of %s, got %s".formatted(entries.keySet(), name));
    }
    return entry;
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
