package io.github.attn4j.cpu.asm;

import static io.github.attn4j.cpu.asm.CpuFeatures.AVX2;
import static io.github.attn4j.cpu.asm.CpuFeatures.AVX512BW;
import static io.github.attn4j.cpu.asm.CpuFeatures.AVX512DQ;
import static io.github.attn4j.cpu.asm.CpuFeatures.AVX512F;
import static io.github.attn4j.cpu.asm.CpuFeatures.AVX512VL;
import static io.github.attn4j.cpu.asm.CpuFeatures.AVX512_BF16;
import static io.github.attn4j.cpu.asm.CpuFeatures.AVX512_VNNI;
import static io.github.attn4j.cpu.asm.CpuFeatures.F16C;
import static io.github.attn4j.cpu.asm.CpuFeatures.WITHOUT_PROPERTY;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What the processor says of itself is what the system says of it, less what was taken away. */
final class CpuFeaturesTest {
  private final String before = System.getProperty(WITHOUT_PROPERTY, "");

  @BeforeEach
  void askForAll() {
    System.clearProperty(WITHOUT_PROPERTY);
  }

  @AfterEach
  void restore() {
    System.setProperty(WITHOUT_PROPERTY, before);
  }

  @Test
  void equalsWhatTheSystemLists() throws IOException {
    Path cpuinfo = Path.of("/proc/cpuinfo");
    assumeTrue(Files.exists(cpuinfo), "no " + cpuinfo);
    String line =
        Files.readAllLines(cpuinfo).stream()
            .filter(candidate -> candidate.startsWith("flags"))
            .findFirst()
            .orElseThrow();
    Set<String> flags = Arrays.stream(line.split("\\s+")).collect(Collectors.toSet());
    Set<CpuFeatures> listed = EnumSet.allOf(CpuFeatures.class);
    listed.removeIf(feature -> !flags.contains(feature.label()));
    assertThat(CpuFeatures.available()).isEqualTo(listed);
  }

  /** Without the ground, nothing that stands on it: kernels ask for the last feature they use. */
  @Test
  void absenceTakesWhatBuildsOnIt() {
    assertThat(CpuFeatures.without("")).isEmpty();
    assertThat(CpuFeatures.without("avx512_bf16")).containsExactly(AVX512_BF16);
    assertThat(CpuFeatures.without(" f16c , avx512_vnni,"))
        .containsExactlyInAnyOrder(F16C, AVX512_VNNI);
    assertThat(CpuFeatures.without("avx512f"))
        .containsExactlyInAnyOrder(AVX512F, AVX512DQ, AVX512BW, AVX512VL, AVX512_VNNI, AVX512_BF16);
    assertThat(CpuFeatures.without("avx2")).containsExactly(CpuFeatures.values());
    assertThat(CpuFeatures.without("fma")).containsExactly(CpuFeatures.values());
  }

  @Test
  void propertyTakesAway() {
    System.setProperty(WITHOUT_PROPERTY, "avx512f");
    assertThat(CpuFeatures.available())
        .doesNotContain(AVX512F, AVX512DQ, AVX512BW, AVX512VL, AVX512_VNNI, AVX512_BF16);
    System.setProperty(WITHOUT_PROPERTY, "avx2");
    assertThat(CpuFeatures.available()).isEmpty();
    assertThat(AVX2.label()).isEqualTo("avx2");
  }

  /** A feature misspelt would silently stay. */
  @Test
  void unknownNamesAreErrors() {
    assertThatThrownBy(() -> CpuFeatures.without("avx2,sse9"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "attn4j.cpu.without: expected some of fma, f16c, avx2, avx512f, avx512dq, avx512bw, "
                + "avx512vl, avx512_vnni, avx512_bf16, got sse9");
    System.setProperty(WITHOUT_PROPERTY, "AVX2");
    assertThatThrownBy(CpuFeatures::available).hasMessageContaining("got AVX2");
  }
}
