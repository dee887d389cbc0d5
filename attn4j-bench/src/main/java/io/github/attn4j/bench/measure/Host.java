package io.github.attn4j.bench.measure;

import io.github.attn4j.cpu.MachinePeak;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;

/**
 * Where something was measured.
 *
 * @param machine the processor
 * @param cores how many of it the JVM may use
 * @param java the JVM's version
 * @param vectorBits width of the vectors of attn4j's kernels, and so of the peak
 * @param avx512 whether the processor, and with it native code, has vectors of 512 bits
 * @param date of the measurement, UTC, as yyyy-mm-dd
 */
public record Host(
    String machine, int cores, String java, int vectorBits, boolean avx512, String date) {
  private static final Path CPU_INFO = Path.of("/proc/cpuinfo");

  /** This machine, today. */
  public static Host here() {
    return new Host(
        cpuInfo("model name", System.getProperty("os.arch", "unknown")),
        Runtime.getRuntime().availableProcessors(),
        Runtime.version().toString(),
        MachinePeak.vectorBits(),
        (" " + cpuInfo("flags", "") + " ").contains(" avx512f "),
        LocalDate.now(ZoneOffset.UTC).toString());
  }

  /** A line of Linux's description of the first processor. */
  private static String cpuInfo(String key, String otherwise) {
    try {
      return Files.readAllLines(CPU_INFO).stream()
          .filter(line -> line.startsWith(key + "\t"))
          .map(line -> line.substring(line.indexOf(':') + 1).strip())
          .findFirst()
          .orElse(otherwise);
    } catch (IOException e) {
      return otherwise;
    }
  }
}
