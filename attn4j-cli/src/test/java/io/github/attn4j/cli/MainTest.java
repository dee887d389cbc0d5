package io.github.attn4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MainTest {
  @Test
  void helpTeaches() {
    Cli.Said said = Cli.run("--help");
    assertThat(said.status()).isZero();
    assertThat(said.out()).contains("run", "mask", "info", "demo", "bench", "Start here");
  }

  @ParameterizedTest
  @ValueSource(strings = {"run", "mask", "info", "demo", "bench"})
  void everyCommandExplainsItselfWithExamples(String command) {
    Cli.Said said = Cli.run(command, "--help");
    assertThat(said.status()).isZero();
    assertThat(said.out()).contains("Usage: attn4j " + command, "Examples:");
  }

  @Test
  void versionIsSaid() {
    Cli.Said said = Cli.run("--version");
    assertThat(said.status()).isZero();
    assertThat(said.out()).startsWith("attn4j ");
  }

  @Test
  void aWrongCommandLineIsStatusTwoAndOneComplaint() {
    for (Cli.Said said : new Cli.Said[] {Cli.run("rnu"), Cli.run("--nothing"), Cli.run()}) {
      assertThat(said.status()).isEqualTo(2);
      assertThat(said.out()).isEmpty();
      assertThat(said.err()).contains("--help").doesNotContain("\tat ");
    }
  }

  @Test
  void infoNamesBackendsAndWidth() {
    Cli.Said said = Cli.run("info");
    assertThat(said.status()).isZero();
    assertThat(said.out())
        .contains("backend", "reference", "by name only", "vectors", "heap", "JVM");
    // The tests run with the vector module, so the cpu backend must be there and say its width.
    assertThat(said.out()).contains("cpu (preference").containsPattern("vectors +\\d+ bits");
    assertThat(said.err()).isEmpty();
  }
}
