package io.github.attn4j;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Flight recordings show plans and runs: shape, backend, share of tiles skipped, duration. */
final class EventsTest {
  @TempDir Path folder;

  @Test
  void plansAndRunsAreRecorded() throws IOException {
    Path file = folder.resolve("events.jfr");
    try (Recording recording = new Recording()) {
      recording.enable("io.github.attn4j.Plan");
      recording.enable("io.github.attn4j.Run");
      recording.start();
      Tensor rows = Tensor.zeros(DType.FLOAT32, 1, 2, 256, 4);
      AttentionInputs inputs = AttentionInputs.of(rows, rows, rows);
      AttentionPlan plan =
          Attention.plan(
              AttentionSpec.like(Layout.BNSD, rows, rows, rows)
                  .mask(Mask.causal())
                  .backend("reference")
                  .build());
      AttentionResult result = plan.forward(inputs);
      plan.backward(inputs, result, rows);
      recording.stop();
      recording.dump(file);
    }
    List<RecordedEvent> events =
        RecordingFile.readAllEvents(file).stream()
            .filter(event -> event.getEventType().getName().startsWith("io.github.attn4j."))
            .toList();
    assertThat(events)
        .extracting(event -> event.getEventType().getName())
        .containsExactly("io.github.attn4j.Plan", "io.github.attn4j.Run", "io.github.attn4j.Run");
    assertThat(events.subList(1, 3))
        .extracting(event -> event.getString("pass"))
        .containsExactly("forward", "backward");
    for (RecordedEvent event : events) {
      assertThat(event.getString("backend")).isEqualTo("reference");
      assertThat(event.getDouble("skippedShare")).isEqualTo(0.25);
      assertThat(event.getString("shape"))
          .isEqualTo("1 sequences, 256 rows on 256, 2 heads on 2, dims 4 and 4, FLOAT32");
      assertThat(event.getDuration()).isPositive();
    }
  }
}
