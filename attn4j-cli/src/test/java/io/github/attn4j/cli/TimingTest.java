package io.github.attn4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class TimingTest {
  @Test
  void warmsUpBeforeItMeasures() {
    AtomicInteger calls = new AtomicInteger();
    Timing timing = Timing.of(calls::incrementAndGet, 0.001);
    assertThat(timing.runs()).isBetween(5, 2000);
    assertThat(calls.get()).isGreaterThan(timing.runs() + 2);
    assertThat(timing.seconds()).isNotNegative();
  }

  @Test
  void repeatsAtLeastOnce() {
    AtomicInteger calls = new AtomicInteger();
    Timing.repeat(calls::incrementAndGet, 0);
    assertThat(calls).hasValue(1);
  }
}
