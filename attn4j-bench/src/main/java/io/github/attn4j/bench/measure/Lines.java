package io.github.attn4j.bench.measure;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Measurements as JSON, one object per line. */
public final class Lines {
  private static final ObjectMapper JSON =
      JsonMapper.builder().propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE).build();

  private Lines() {}

  /** One line, without its end. */
  public static String write(Measurement measurement) {
    try {
      return JSON.writeValueAsString(measurement);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("measurement: " + e.getOriginalMessage(), e);
    }
  }

  /**
   * All measurements of a file.
   *
   * @throws IOException naming the line that is none
   */
  public static List<Measurement> read(Path file) throws IOException {
    List<Measurement> measurements = new ArrayList<>();
    int number = 0;
    for (String line : Files.readAllLines(file)) {
      number++;
      try {
        measurements.add(JSON.readValue(line, Measurement.class));
      } catch (JsonProcessingException e) {
        throw new IOException(
            "%s, line %d: expected a measurement: %s"
                .formatted(file, number, e.getOriginalMessage()),
            e);
      }
    }
    return measurements;
  }
}
