package io.github.attn4j.cli;

import com.sun.management.HotSpotDiagnosticMXBean;
import io.github.attn4j.Attention;
import io.github.attn4j.DType;
import io.github.attn4j.cpu.MachinePeak;
import io.github.attn4j.spi.AttentionBackend;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What the command can find out about the machine and the JVM. */
final class Machine {
  static final String CPU_MODULE = "io.github.attn4j.cpu";

  private static final Path CPU_INFO = Path.of("/proc/cpuinfo");
  private static final Pattern BITS = Pattern.compile("(\\d{3,4})-bit");

  private Machine() {}

  /** The value of a line of Linux's description of the first processor. */
  private static Optional<String> cpuInfo(String key) {
    try {
      return Files.readAllLines(CPU_INFO).stream()
          .filter(line -> line.startsWith(key + "\t"))
          .map(line -> line.substring(line.indexOf(':') + 1).strip())
          .findFirst();
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  static String cpuModel() {
    return cpuInfo("model name").orElse(System.getProperty("os.arch", "unknown"));
  }

  /** The processor's instruction sets as Linux spells them; empty elsewhere. */
  static Set<String> cpuFlags() {
    return cpuInfo("flags").map(flags -> Set.of(flags.split(" +"))).orElse(Set.of());
  }

  /** A flag of HotSpot, if this is one that has it. */
  static Optional<String> vmOption(String name) {
    try {
      HotSpotDiagnosticMXBean bean =
          ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class);
      return Optional.ofNullable(bean).map(present -> present.getVMOption(name).getValue());
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  /** What a backend says of itself. */
  static String description(AttentionBackend backend) {
    try {
      return backend.description();
    } catch (LinkageError e) {
      return "unusable: " + e;
    }
  }

  /** Bits of the vectors a backend computes in, if it says so. */
  static OptionalInt vectorBits(AttentionBackend backend) {
    Matcher matcher = BITS.matcher(description(backend));
    return matcher.find()
        ? OptionalInt.of(Integer.parseInt(matcher.group(1)))
        : OptionalInt.empty();
  }

  /** The same for the backend of that name. */
  static OptionalInt vectorBits(String backend) {
    return Attention.backends().stream()
        .filter(candidate -> candidate.name().equals(backend))
        .map(Machine::vectorBits)
        .findFirst()
        .orElse(OptionalInt.empty());
  }

  /**
   * The multiply-add peak of so many threads for queries of a type, measured now; empty without the
   * module that measures it.
   */
  static OptionalDouble peakGflops(int threads, DType dtype) {
    try {
      return OptionalDouble.of(Peak.measure(threads, dtype));
    } catch (LinkageError e) {
      return OptionalDouble.empty();
    }
  }

  /** The read bandwidth of so many threads, measured now; empty likewise. */
  static OptionalDouble readGigabytes(int threads) {
    try {
      return OptionalDouble.of(Peak.read(threads));
    } catch (LinkageError e) {
      return OptionalDouble.empty();
    }
  }

  /** Apart, so that the command loads without attn4j-cpu. */
  private static final class Peak {
    static double read(int threads) {
      return MachinePeak.readGigabytes(threads);
    }

    static double measure(int threads, DType dtype) {
      return dtype == DType.BFLOAT16
          ? MachinePeak.bf16Gflops(threads)
          : MachinePeak.fmaGflops(threads);
    }
  }

  /** What keeps the Vector API from wider vectors, and what to do; empty if nothing does. */
  static List<String> vectorHints(OptionalInt bits) {
    boolean vectorApi =
        Attention.backends().stream()
            .anyMatch(backend -> description(backend).startsWith("Vector API"));
    if (!vectorApi || bits.orElse(512) >= 512 || !cpuFlags().contains("avx512f")) {
      return List.of();
    }
    String useAvx = vmOption("UseAVX").orElse("unknown");
    if (useAvx.equals("3")) {
      return List.of(
          "The processor has AVX-512; the width was limited by -Dattn4j.vectorBits or"
              + " -XX:MaxVectorSize="
              + vmOption("MaxVectorSize").orElse("?")
              + ".");
    }
    return List.of(
        "The processor has AVX-512, but HotSpot limits itself to UseAVX=%s on this model, because"
                .formatted(useAvx)
            + " early ones lower their clock for it.",
        "Try -XX:UseAVX=3 (ATTN4J_JAVA_OPTS=-XX:UseAVX=3 bin/attn4j ...) and compare "
            + "with 'attn4j bench'.");
  }
}
