package io.github.attn4j.bench.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.attn4j.bench.measure.Lines;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.w3c.dom.Element;

/** The document says what was measured, and nothing else of it changes. */
class ReportTest {
  @TempDir private Path folder;

  private static String line(
      String section, String peer, String pass, String mask, int seq, int threads, double seconds) {
    String rate =
        "\"rate\":{\"value\":%s,\"peak\":80.0,\"before\":79.0,\"after\":81.0,\"share\":%s},"
            .formatted(10 / seconds, 0.125 / seconds);
    String density = "\"tile_density\":%s,".formatted(mask.equals("full") ? 1.0 : 0.5);
    String extra = section.equals("PLAN") ? "" : rate + density;
    return """
    {"section":"%s","peer":"%s","version":"7","work":{"pass":"%s","dtype":"FLOAT32","mask":"%s","batch":1,"heads":8,\
    "kv_heads":8,"seq_q":%d,"seq_k":%d,"dim":64,"threads":%d},"seconds":%s,"rounds":3,%s\
    "host":{"machine":"M","cores":2,"java":"25","vector_bits":256,"avx512":true,"date":"2026-11-21"}}
    """
        .formatted(section, peer, pass, mask, seq, seq, threads, seconds, extra);
  }

  private Path report(String... lines) throws IOException {
    Path file = folder.resolve("lines.jsonl");
    Files.writeString(file, String.join("", lines));
    Path document = folder.resolve("doc.md");
    Files.writeString(document, "before\n" + Report.BEGIN + "\nold\n" + Report.END + "\nafter\n");
    Report.write(Lines.read(file), document);
    return document;
  }

  @Test
  void peersStandSideBySideWithTheBestInBold() throws IOException {
    Path document =
        report(
            line("FORWARD", "attn4j", "FORWARD", "full", 1024, 1, 0.2),
            line("FORWARD", "other", "FORWARD", "full", 1024, 1, 0.4),
            line("FORWARD", "third", "FORWARD", "full", 1024, 1, 0.5),
            line("FORWARD", "attn4j", "FORWARD", "causal", 1024, 1, 0.25));
    assertThat(Files.readString(document))
        .startsWith("before\n" + Report.BEGIN + "\n")
        .endsWith(Report.END + "\nafter\n")
        .doesNotContain("old")
        .contains("2026-11-21: M, 2 cores, JDK 25", "79 to 81 GFLOP/s", "theirs may pass 1")
        .contains("- attn4j: 7\n- other: 7\n- third: 7\n")
        .contains(
            """
            |  | attn4j | other | third | attn4j / best peer |
            |---|---:|---:|---:|---:|
            | S 1024, D 64, full | **50.0 (0.63)** | 25.0 (0.31) | 20.0 (0.25) | 2.00 × |
            | S 1024, D 64, causal | **40.0 (0.50)** | – | – | – |
            """);
  }

  @Test
  void masksAreSeenAgainstTheirDensity() throws IOException {
    Path document =
        report(
            line("MASKS", "attn4j", "FORWARD", "full", 2048, 1, 0.5),
            line("MASKS", "attn4j", "BACKWARD", "full", 2048, 1, 2),
            line("MASKS", "attn4j", "FORWARD", "causal", 2048, 1, 0.3),
            line("MASKS", "attn4j", "BACKWARD", "causal", 2048, 1, 1.1));
    assertThat(Files.readString(document))
        .contains(
            """
            | full | 1.000 | 500.00 ms | 20.0 (0.25) | 1.00 | 2.00 s | 5.0 (0.06) | 1.00 |
            | causal | 0.500 | 300.00 ms | 33.3 (0.42) | 1.20 | 1.10 s | 9.1 (0.11) | 1.10 |
            """);
  }

  @Test
  void smallCallsAndPlansAreTimes() throws IOException {
    Path document =
        report(
            line("SMALL", "attn4j", "FORWARD", "full", 64, 1, 2e-5),
            line("SMALL", "other", "FORWARD", "full", 64, 1, 3e-5),
            line("PLAN", "attn4j", "FORWARD", "causal-document", 1000, 1, 5e-5));
    assertThat(Files.readString(document))
        .contains("| S 64, D 64, full | **20.0 µs** | 30.0 µs | 1.50 × |\n")
        .contains("| 1,000 | 50.0 µs | 50.0 |\n");
  }

  @ParameterizedTest
  @ValueSource(strings = {"forward", "lengths", "masks", "threads"})
  void chartsAreSmallSvgFilesThatTheDocumentShows(String chart) throws Exception {
    Path document =
        report(
            line("FORWARD", "attn4j", "FORWARD", "full", 1024, 1, 0.2),
            line("FORWARD", "other", "FORWARD", "full", 1024, 1, 0.3),
            line("FORWARD", "attn4j", "FORWARD", "causal", 1024, 1, 0.3),
            line("LENGTHS", "attn4j", "FORWARD", "full", 512, 1, 0.1),
            line("LENGTHS", "attn4j", "FORWARD", "full", 1024, 1, 0.2),
            line("MASKS", "attn4j", "FORWARD", "full", 1024, 1, 0.2),
            line("MASKS", "attn4j", "FORWARD", "causal", 1024, 1, 0.11),
            line("THREADS", "attn4j", "FORWARD", "full", 1024, 1, 0.2),
            line("THREADS", "attn4j", "FORWARD", "full", 1024, 2, 0.1));
    assertThat(Files.readString(document)).contains("](charts/" + chart + ".svg)");
    Path svg = folder.resolve("charts").resolve(chart + ".svg");
    assertThat(svg).isRegularFile();
    assertThat(Files.size(svg)).isLessThan(100_000);
    DocumentBuilderFactory parsers = DocumentBuilderFactory.newInstance();
    // The file names a DTD on the web, which is not fetched.
    parsers.setFeature("http://apache.org/xml/features/nonvalidating/load-external-dtd", false);
    Element root = parsers.newDocumentBuilder().parse(svg.toFile()).getDocumentElement();
    assertThat(root.getNodeName()).isEqualTo("svg");
    // Letters are outlines: a title, axes and a legend are dozens of them.
    assertThat(root.getElementsByTagName("path").getLength()).isGreaterThan(12);
  }

  @Test
  void aDocumentWithoutMarksIsLeftAlone() throws IOException {
    Path document = folder.resolve("plain.md");
    Files.writeString(document, "nothing to fill");
    Path file = folder.resolve("lines.jsonl");
    Files.writeString(file, line("SMALL", "attn4j", "FORWARD", "full", 64, 1, 2e-5));
    assertThatThrownBy(() -> Report.write(Lines.read(file), document))
        .isInstanceOf(IOException.class)
        .hasMessageContainingAll("plain.md", Report.BEGIN);
    assertThat(document).hasContent("nothing to fill");
  }

  @Test
  void aLineThatIsNoMeasurementIsNamed() throws IOException {
    Path file = folder.resolve("lines.jsonl");
    Files.writeString(
        file, line("SMALL", "attn4j", "FORWARD", "full", 64, 1, 2e-5) + "{\"a\":1}\n");
    assertThatThrownBy(() -> Lines.read(file))
        .isInstanceOf(IOException.class)
        .hasMessageContainingAll("lines.jsonl", "line 2");
  }
}
