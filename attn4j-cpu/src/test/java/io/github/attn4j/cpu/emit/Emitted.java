package io.github.attn4j.cpu.emit;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.github.attn4j.cpu.asm.CodePages;
import io.github.attn4j.cpu.asm.CpuFeatures;
import io.github.attn4j.cpu.asm.Label;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;

/** One emitted function, placed and callable. */
final class Emitted {
  private final MethodHandle handle;

  /** Emits a function that takes so many longs and returns one. */
  @SuppressWarnings("restricted") // The code was emitted here, for this processor.
  Emitted(Isa isa, int arguments, Function<Frame, Label> emitter) {
    Frame frame = new Frame(isa);
    Label entry = emitter.apply(frame);
    // Where the function starts in the code is known to jumps only.
    int start = frame.a.size();
    frame.a.jmp(entry);
    frame.writeConstants();
    MemoryLayout[] longs = new MemoryLayout[arguments];
    Arrays.fill(longs, JAVA_LONG);
    handle =
        Linker.nativeLinker()
            .downcallHandle(
                MemorySegment.ofAddress(CodePages.place(frame.a.bytes()).address() + start),
                FunctionDescriptor.of(JAVA_LONG, longs))
            .asSpreader(long[].class, arguments);
  }

  long call(long... arguments) {
    try {
      return (long) handle.invokeExact(arguments);
    } catch (RuntimeException | Error thrown) {
      throw thrown;
    } catch (Throwable thrown) {
      throw new IllegalStateException(thrown);
    }
  }

  /** The instruction sets that this processor has. */
  static List<Isa> isas() {
    Set<CpuFeatures> has = CpuFeatures.available();
    return Arrays.stream(Isa.values()).filter(isa -> has.containsAll(needs(isa))).toList();
  }

  private static Set<CpuFeatures> needs(Isa isa) {
    EnumSet<CpuFeatures> needs = EnumSet.of(CpuFeatures.AVX2, CpuFeatures.FMA, CpuFeatures.F16C);
    if (isa == Isa.AVX512) {
      needs.addAll(EnumSet.range(CpuFeatures.AVX512F, CpuFeatures.AVX512VL));
    }
    return needs;
  }
}
