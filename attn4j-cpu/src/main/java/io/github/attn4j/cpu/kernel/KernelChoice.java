package io.github.attn4j.cpu.kernel;

import io.github.attn4j.cpu.asm.CpuFeatures;
import io.github.attn4j.cpu.emit.Isa;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Which kernels this process uses: emitted machine code of the widest instruction set that the
 * processor has, else the Vector API.
 *
 * @param isaOrNull of the emitted kernels, null for those of the Vector API
 * @param reason why not more
 * @param bfloat16 whether the processor multiplies bfloat16
 */
record KernelChoice(@Nullable Isa isaOrNull, String reason, boolean bfloat16) {
  /** Asks for kernels by name: {@code vector}, {@code avx2} or {@code avx512}. */
  static final String PROPERTY = "attn4j.cpu.kernels";

  private static final String VECTOR_MODULE = "jdk.incubator.vector";

  /** The choice, made once. */
  static final KernelChoice ACTIVE = choose();

  /** The instruction set of the emitted kernels. */
  Isa isa() {
    return Objects.requireNonNull(isaOrNull);
  }

  /** Asks for the module before any class that needs it is touched. */
  private static KernelChoice vector(String reason) {
    if (ModuleLayer.boot().findModule(VECTOR_MODULE).isEmpty()) {
      throw new IllegalStateException(
          "%s; and the kernels of the Vector API need java to start with --add-modules %s"
              .formatted(reason, VECTOR_MODULE));
    }
    return new KernelChoice(null, reason, false);
  }

  private static KernelChoice of(Isa isa, String reason, Set<CpuFeatures> features) {
    return new KernelChoice(isa, reason, isa == Isa.AVX512 && features.contains(Isa.BFLOAT16));
  }

  /** How the products of 16-bit numbers are made, for people. */
  String halves() {
    if (bfloat16) {
      return "bfloat16 by vdpbf16ps; float16 widened on load";
    }
    String lacks = isaOrNull == Isa.AVX512 ? ", the processor lacks " + Isa.BFLOAT16.label() : "";
    return "float16 and bfloat16 widened on load" + lacks;
  }

  private static KernelChoice choose() {
    String asked = System.getProperty(PROPERTY, "");
    if (asked.equals("vector")
        || (asked.isEmpty() && System.getProperty(Vectors.BITS_PROPERTY) != null)) {
      return vector("the Vector API was asked for");
    }
    Set<CpuFeatures> features;
    try {
      features = CpuFeatures.available();
    } catch (IllegalStateException | IllegalCallerException refused) {
      if (!asked.isEmpty()) {
        throw refused;
      }
      return vector("no machine code: " + refused.getMessage());
    }
    Isa best = Isa.best(features);
    if (asked.isEmpty()) {
      String missing = Isa.missing(features);
      // Else people would look for what is wrong with their processor.
      boolean masked = System.getProperty(CpuFeatures.WITHOUT_PROPERTY) != null;
      String why = masked ? ", or must do without by -D" + CpuFeatures.WITHOUT_PROPERTY : "";
      String reason = missing.isEmpty() ? missing : missing + why;
      return best == null ? vector(reason) : of(best, reason, features);
    }
    for (Isa isa : Isa.values()) {
      if (isa.name().toLowerCase(Locale.ROOT).equals(asked)) {
        if (!features.containsAll(isa.needs())) {
          throw new IllegalArgumentException(
              "%s: %s needs %s, the processor has %s"
                  .formatted(PROPERTY, asked, isa.needs(), features));
        }
        return of(isa, "asked for", features);
      }
    }
    throw new IllegalArgumentException(
        "%s: expected vector, avx2 or avx512, got %s".formatted(PROPERTY, asked));
  }
}
