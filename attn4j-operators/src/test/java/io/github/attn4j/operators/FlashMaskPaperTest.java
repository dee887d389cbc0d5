package io.github.attn4j.operators;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.attn4j.Sequences;
import io.github.attn4j.Tensor;
import io.github.attn4j.spi.TilePlan;
import io.github.attn4j.spi.TileShape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The tiles that the plan visits, at 128 by 128, against the sparsity and the forward TFLOP that
 * arXiv 2410.01359 prints: means over the five document samples of each length.
 */
@NullMarked
class FlashMaskPaperTest {
  private static final String FILE = "flashmask-benchmark-documents.txt";
  private static final Pattern DOCUMENT = Pattern.compile("\\((\\d+), (\\d+)\\)");

  /**
   * 4 · B · S · S · H · D of the full mask, with B · S = 128K tokens and H · D = 4096, in TFLOP.
   */
  private static final double TFLOP_PER_ROW = 4.0 * 131072 * 4096 / 1e12;

  private static final Map<Integer, List<List<FlashMaskBenchmark.Document>>> SAMPLES =
      new HashMap<>();

  @BeforeAll
  static void readSamples() throws IOException {
    Path file = find();
    if (file == null) {
      System.err.println(
          "SKIPPED: FlashMaskPaperTest found no shared/data/"
              + FILE
              + " above "
              + Path.of("").toAbsolutePath()
              + "; name its folder by -Dattn4j.shared=FOLDER");
      Assumptions.abort("no " + FILE);
      return;
    }
    int seqlen = 0;
    for (String line : Files.readAllLines(file)) {
      if (line.startsWith("Total length:")) {
        seqlen = Integer.parseInt(line.substring(13, line.indexOf(',')).trim());
        SAMPLES.put(seqlen, new ArrayList<>());
      } else if (line.startsWith("Sample")) {
        samples(seqlen).add(parse(line));
      }
    }
    assertThat(SAMPLES.values()).hasSize(3).allSatisfy(samples -> assertThat(samples).hasSize(5));
  }

  private static List<List<FlashMaskBenchmark.Document>> samples(int seqlen) {
    return Objects.requireNonNull(SAMPLES.get(seqlen));
  }

  private static @Nullable Path find() {
    String shared = System.getProperty("attn4j.shared");
    if (shared != null) {
      return Path.of(shared, "data", FILE);
    }
    for (Path at = Path.of("").toAbsolutePath(); at != null; at = at.getParent()) {
      Path file = at.resolve("shared").resolve("data").resolve(FILE);
      if (Files.exists(file)) {
        return file;
      }
    }
    return null;
  }

  private static List<FlashMaskBenchmark.Document> parse(String line) {
    String[] halves = line.split("#", 2);
    String[] flags = halves[1].replaceAll("[\\[\\] ]", "").split(",", -1);
    List<FlashMaskBenchmark.Document> documents = new ArrayList<>();
    Matcher matcher = DOCUMENT.matcher(halves[0]);
    while (matcher.find()) {
      documents.add(
          new FlashMaskBenchmark.Document(
              Integer.parseInt(matcher.group(1)),
              Integer.parseInt(matcher.group(2)),
              flags[documents.size()].equals("1")));
    }
    return documents;
  }

  private static double meanDensity(String name, int seqlen) {
    double sum = 0;
    for (List<FlashMaskBenchmark.Document> documents : samples(seqlen)) {
      sum += density(FlashMaskBenchmark.pattern(name, seqlen, 2, documents), seqlen);
    }
    return sum / 5;
  }

  private static double density(FlashMaskPattern pattern, int seqlen) {
    Sequences one = Sequences.padded(1, seqlen, seqlen);
    return TilePlan.of(pattern.mask(), one, 2, new TileShape(128, 128)).density();
  }

  @ParameterizedTest
  @CsvSource({
    // name, sparsity at 8K, at 32K
    "full, 0.00, 0.00",
    "causal, 0.49, 0.50",
    "sliding-window, 0.92, 0.94",
    "causal-document, 0.86, 0.95",
    "document-malformed, 0.74, 0.92",
    "global-sliding-window, 0.84, 0.87",
    "causal-blockwise, 0.67, 0.87",
    "prefix-lm-document, 0.86, 0.95",
    "prefix-lm-causal, 0.37, 0.37",
    "qk-sparse, 0.52, 0.52",
    "random-eviction, 0.49, 0.50",
  })
  void reproducesThePublishedSparsity(String name, double at8k, double at32k) {
    assertThat(1 - meanDensity(name, 8192)).isCloseTo(at8k, within(0.005));
    assertThat(1 - meanDensity(name, 32768)).isCloseTo(at32k, within(0.005));
  }

  /**
   * Questions and answers are random; Python's generator makes them the published ones, sample by
   * sample.
   */
  @Test
  void reproducesThePublishedSparsityOfShareQuestion() {
    PythonRandom random = new PythonRandom(0);
    Map<Integer, Double> published = Map.of(8192, 0.91, 32768, 0.97);
    for (int seqlen : new int[] {8192, 32768}) {
      double sum = 0;
      for (List<FlashMaskBenchmark.Document> documents : samples(seqlen)) {
        int[][] split =
            documents.stream().map(d -> split(d.length(), random)).toArray(int[][]::new);
        sum += density(FlashMaskPatterns.of(seqlen).shareQuestion(split), seqlen);
      }
      assertThat(1 - sum / 5).isCloseTo(published.get(seqlen), within(0.005));
    }
  }

  /**
   * A question and two to six answers; each gets one row, every other row goes to a random one of
   * them.
   */
  private static int[] split(int length, PythonRandom random) {
    int[] parts = new int[1 + random.randint(2, 6)];
    Arrays.fill(parts, 1);
    for (int row = parts.length; row < length; row++) {
      parts[random.randint(0, parts.length - 1)]++;
    }
    return parts;
  }

  @ParameterizedTest
  @CsvSource({
    // name, forward TFLOP at 8K, at 32K
    "full, 17.59, 70.37",
    "sliding-window, 1.33, 4.53",
    "causal-document, 2.42, 3.68",
    "document-malformed, 4.56, 5.77",
    "global-sliding-window, 2.89, 9.29",
    "causal-blockwise, 5.75, 8.94",
    "prefix-lm-document, 2.53, 3.83",
    "prefix-lm-causal, 11.06, 44.05",
    "qk-sparse, 8.44, 34.09",
  })
  void reproducesThePublishedTflop(String name, double at8k, double at32k) {
    assertThat(TFLOP_PER_ROW * 8192 * meanDensity(name, 8192)).isCloseTo(at8k, within(0.005));
    assertThat(TFLOP_PER_ROW * 32768 * meanDensity(name, 32768)).isCloseTo(at32k, within(0.005));
  }

  @ParameterizedTest
  @CsvSource({"32768, 7.08, 0.90"})
  void theDocumentMaskAsItIsMeantVisitsMore(int seqlen, double tflop, double sparsity) {
    double density = meanDensity("document", seqlen);
    assertThat(TFLOP_PER_ROW * seqlen * density).isCloseTo(tflop, within(0.005));
    assertThat(1 - density).isCloseTo(sparsity, within(0.005));
  }

  /** The malformed mask leaves 2987 rows of the third sample of 8192 blind. */
  @Test
  void theMalformedDocumentMaskBlindsRows() {
    List<FlashMaskBenchmark.Document> third = samples(8192).get(2);
    assertThat(blindRows("document-malformed", third)).isEqualTo(2987);
    assertThat(blindRows("document", third)).isZero();
  }

  private static int blindRows(String name, List<FlashMaskBenchmark.Document> documents) {
    FlashMaskPattern pattern = FlashMaskBenchmark.pattern(name, 8192, 1, documents);
    Tensor indices = Objects.requireNonNull(pattern.startendRowIndices());
    boolean[] sees = new boolean[8192];
    for (int j = 0; j < 8192; j++) {
      int lts = (int) indices.get(0, 0, j, 0);
      int ute = (int) indices.get(0, 0, j, 1);
      Arrays.fill(sees, ute, Math.max(ute, lts), true);
    }
    int blind = 0;
    for (boolean row : sees) {
      blind += row ? 0 : 1;
    }
    return blind;
  }
}
