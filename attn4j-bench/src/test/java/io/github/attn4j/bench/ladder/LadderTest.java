package io.github.attn4j.bench.ladder;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A rung that computes something else would be compared for nothing. */
class LadderTest {
  static List<Rung> rungs() {
    return Ladder.rungs();
  }

  @ParameterizedTest
  @MethodSource("rungs")
  void everyRungComputesTheSame(Rung rung) {
    rung.run();
    assertThat(rung.error()).as(rung.name()).isLessThan(1e-4);
  }
}
