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
 */
record KernelChoice(@Nullable Isa isaOrNull, String reason) {
  /** Asks for kernels by name: {@code vector}, {@code avx2} or {@code avx512}. */
  static final String PROPERTY = "attn4j.cpu.kernels";

  /** The choice, made once. */
  static final KernelChoice ACTIVE = choose();

  /** The instruction set of the emitted kernels. */
  Isa isa() {
    return Objects.requireNonNull(isaOrNull);
  }

  private static KernelChoice choose() {
    String asked = System.getProperty(PROPERTY, "");
    if (asked.equals("vector") || (asked.isEmpty() && Vectors.widthIsAsked())) {
      return new KernelChoice(null, "the Vector API was asked for");
    }
    Set<CpuFeatures> features;
    try {
      features = CpuFeatures.available();
    } catch (IllegalStateException | IllegalCallerException refused) {
      if (!asked.isEmpty()) {
        throw refused;
      }
      return new KernelChoice(null, "no machine code: " + refused.getMessage());
    }
    Isa best = Isa.best(features);
    if (asked.isEmpty()) {
      return new KernelChoice(best, Isa.missing(features));
    }
    for (Isa isa : Isa.values()) {
      if (isa.name().toLowerCase(Locale.ROOT).equals(asked)) {
        if (!features.containsAll(isa.needs())) {
          throw new IllegalArgumentException(
              "%s: %s needs %s, the processor has %s"
                  .formatted(PROPERTY, asked, isa.needs(), features));
        }
        return new KernelChoice(isa, "asked for");
      }
    }
    throw new IllegalArgumentException(
        "%s: expected vector, avx2 or avx512, got %s".formatted(PROPERTY, asked));
  }
}
