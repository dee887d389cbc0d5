package io.github.attn4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import io.github.attn4j.cli.capture.SafetensorsWriter;
import io.github.attn4j.cli.pattern.Patterns;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import javax.imageio.ImageIO;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.w3c.dom.Element;

class MaskCommandTest {
  @TempDir Path folder;

  @Test
  void aSmallMaskIsDrawnElementByElement() {
    Cli.Said said =
        Cli.run("mask", "causal-document", "--seq", "10", "--documents", "4,3,3", "--tile", "2x2");
    assertThat(said.status()).isZero();
    assertThat(said.out())
        .isEqualTo(
            """
            causal-document: 10 queries × 10 keys, tiles of 2 × 2

            elements: visible 22 (22.0 %)    tiles: full 1, partial 7, skipped 17 (68.0 %)
                 0 1 2 3 4 5 6 7 8 9              0 1 2 3 4
              0 ██ · · · · · · · · ·           0 ▒▒ · · · ·
              1 ████ · · · · · · · ·           1 ██▒▒ · · ·
              2 ██████ · · · · · · ·           2  · ·▒▒ · ·
              3 ████████ · · · · · ·           3  · ·▒▒▒▒ ·
              4  · · · ·██ · · · · ·           4  · · ·▒▒▒▒
              5  · · · ·████ · · · ·
              6  · · · ·██████ · · ·
              7  · · · · · · ·██ · ·
              8  · · · · · · ·████ ·
              9  · · · · · · ·██████

            ██ visible or full   ▒▒ partial   · masked or skipped   (rows are queries, columns are keys)
            """);
  }

  /**
   * FlashMask's figure 1: how many elements each of its masks shows, counted by hand from the table
   * of indices.
   */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "full                  |                               | 100",
        "causal                |                               |  55",
        "causal-padded         | --length 8                    |  36",
        "sliding-window        | --window 3                    |  27",
        "causal-document       | --documents 4,3,3             |  22",
        "document              | --documents 4,3,3             |  34",
        "share-question        | --documents 4+3+3             |  46",
        "global-sliding-window | --global 2 --window 1,1       |  58",
        "causal-blockwise      | --documents 4,3,3             |  43",
        "prefix-lm-document    | --documents 2:3,1:2,2:5       |  26",
        "prefix-lm-causal      | --prefix 5                    |  65",
        "qk-sparse             | --spans 2:3,6:2               |  46"
      })
  void patternsOfThePaper(String name, String options, int visible) {
    String line = "mask " + name + " --seq 10 " + (options == null ? "" : options);
    Cli.Said said = Cli.run(line.strip().split(" +", -1));
    assertThat(said.status()).as(said.err()).isZero();
    assertThat(said.out()).contains("visible " + visible + " (");
  }

  static List<String> names() {
    return Patterns.names();
  }

  @ParameterizedTest
  @MethodSource("names")
  void everyPatternIsDrawnAtAnySize(String name) {
    for (String seq : new String[] {"1", "7", "129", "1000"}) {
      Cli.Said said = Cli.run("mask", name, "--seq", seq);
      assertThat(said.status()).as("%s %s: %s", name, seq, said.err()).isZero();
      assertThat(said.out().lines()).allMatch(line -> line.length() <= 100);
    }
  }

  @Test
  void helpNamesEveryPattern() {
    assertThat(Cli.run("mask", "--help").out()).contains(Patterns.names());
  }

  @Test
  void optionsThatDoNotApplyAreAWrongCommandLine() {
    for (String[] line :
        new String[][] {
          {"mask", "causal", "--documents", "4,3"},
          {"mask", "document", "--prefix", "4"},
          {"mask", "full", "--seed", "2"},
          {"mask", "full", "--head", "0"}
        }) {
      Cli.Said said = Cli.run(line);
      assertThat(said.status()).as(String.join(" ", line)).isEqualTo(2);
      assertThat(said.err()).contains(line[2]);
    }
  }

  @Test
  void aPictureThatCannotBeWrittenIsOneLine() {
    Path file = folder.resolve("nowhere").resolve("x.png");
    Cli.Said said = Cli.run("mask", "causal", "--png", file.toString());
    assertThat(said.status()).isEqualTo(1);
    assertThat(said.err()).contains("NoSuchFileException").hasLineCount(1);
  }

  private Element svg(Path file) throws Exception {
    return DocumentBuilderFactory.newInstance()
        .newDocumentBuilder()
        .parse(file.toFile())
        .getDocumentElement();
  }

  @Test
  void picturesHaveTheSizeTheySay() throws Exception {
    Path pictures = folder.resolve("pictures");
    Cli.Said said =
        Cli.run(
            "mask",
            "document",
            "--seq",
            "10",
            "--documents",
            "4,3,3",
            "--out",
            pictures.toString());
    assertThat(said.status()).isZero();
    BufferedImage png = ImageIO.read(pictures.resolve("document.png").toFile());
    // Ten cells of 48 pixels, twice, with margins.
    assertThat(png.getWidth()).isEqualTo(2 * (28 + 56 + 480) + 28);
    assertThat(png.getHeight()).isEqualTo(96 + 480 + 72);
    // The middle of element (0, 0) is visible, that of (0, 9) masked.
    assertThat(png.getRGB(28 + 56 + 24, 96 + 24) & 0xffffff).isEqualTo(0x0072b2);
    assertThat(png.getRGB(28 + 56 + 9 * 48 + 24, 96 + 24) & 0xffffff).isEqualTo(0xe9ecef);
    Element svg = svg(pictures.resolve("document.svg"));
    assertThat(svg.getTagName()).isEqualTo("svg");
    assertThat(svg.getAttribute("width")).isEqualTo("" + png.getWidth());
    assertThat(svg.getAttribute("height")).isEqualTo("" + png.getHeight());
  }

  @Test
  void longMasksMakeSmallFiles() throws Exception {
    Path png = folder.resolve("mask.png");
    Path svg = folder.resolve("mask.svg");
    Cli.Said said =
        Cli.run(
            "mask",
            "random-eviction",
            "--seq",
            "32768",
            "--png",
            png.toString(),
            "--svg",
            svg.toString());
    assertThat(said.status()).isZero();
    assertThat(ImageIO.read(png.toFile()).getWidth()).isBetween(700, 1300);
    assertThat(Files.size(svg)).isLessThan(600_000);
    svg(svg);
  }

  @Test
  void oblongMasksAndTilesAreDrawn() throws Exception {
    Path svg = folder.resolve("mask.svg");
    Cli.Said said =
        Cli.run(
            "mask",
            "causal",
            "--seq",
            "3",
            "--seq-k",
            "9",
            "--tile",
            "2x4",
            "--svg",
            svg.toString());
    assertThat(said.status()).isZero();
    assertThat(said.out()).contains("3 queries × 9 keys, tiles of 2 × 4", "visible 24 (");
    svg(svg);
  }

  @Test
  void aCapturesMaskIsDrawn() throws IOException {
    Tensor indices = Tensor.zeros(DType.INT32, 2, 1, 6, 1);
    for (int j = 0; j < 6; j++) {
      indices.set(6, 0, 0, j, 0);
      indices.set(2, 1, 0, j, 0);
    }
    Tensor zeros = Tensor.zeros(DType.FLOAT32, 2, 6, 1, 8);
    Path file = folder.resolve("call.safetensors");
    SafetensorsWriter.write(
        file,
        Map.of("op", "paddle.flashmask_attention", "attrs", "{\"causal\": true}"),
        Map.of("query", zeros, "key", zeros, "value", zeros, "startend_row_indices", indices));
    assertThat(Cli.run("mask", file.toString()).out()).contains("call: 6 queries", "visible 21 (");
    assertThat(Cli.run("mask", file.toString(), "--batch", "1").out()).contains("visible 3 (");
    assertThat(Cli.run("mask", file.toString(), "--batch", "2").status()).isEqualTo(2);
    assertThat(Cli.run("mask", file.toString(), "--head", "1").status()).isEqualTo(2);
    Path broken = Objects.requireNonNull(Files.write(folder.resolve("broken"), new byte[3]));
    Cli.Said said = Cli.run("mask", broken.toString());
    assertThat(said.status()).isEqualTo(1);
    assertThat(said.err()).startsWith("ValueError: header: ").hasLineCount(1);
  }

  @Test
  void aCallOfNoSequencesIsToldSo() throws IOException {
    Tensor none = Tensor.zeros(DType.FLOAT32, 0, 2, 3, 8);
    Path file = folder.resolve("call.safetensors");
    SafetensorsWriter.write(
        file,
        Map.of("op", "onnx.Attention", "attrs", "{}"),
        Map.of("Q", none, "K", none, "V", none));
    Cli.Said said = Cli.run("mask", file.toString());
    assertThat(said.status()).isEqualTo(2);
    assertThat(said.err()).contains("at least one sequence").doesNotContain("--batch");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "mask nonsense",
        "mask causal --tile 0x4",
        "mask causal --tile big",
        "mask causal --seq -1",
        "mask document --seq 10 --documents 4,x",
        "mask document --seq 10 --documents 4,7",
        "mask document --seq 10 --seq-k 11",
        "mask prefix-lm-document --seq 10 --documents 4:3"
      })
  void whatCannotBeDrawnIsAWrongCommandLine(String line) {
    Cli.Said said = Cli.run(line.split(" ", -1));
    assertThat(said.status()).isEqualTo(2);
    assertThat(said.err()).contains("attn4j mask").doesNotContain("\tat ");
  }
}
