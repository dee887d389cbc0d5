package io.github.attn4j.cli.page;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import io.github.attn4j.cli.capture.Json;
import io.github.attn4j.cli.capture.SafetensorsWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The page as a person uses it: clicks, keys and what is then to be read, in a real browser. */
class BrowserTest {
  @TempDir static Path folder;

  private static @Nullable Browser started;

  @BeforeAll
  static void start() throws Exception {
    started =
        Browser.start()
            .orElseGet(() -> {
              System.err.println(
                  "SKIPPED: BrowserTest found no chromium on the PATH; on Debian: apt-get install chromium");
              return abort("no chromium on the PATH");
            });
  }

  @AfterAll
  static void stop() throws Exception {
    if (started != null) {
      started.close();
    }
  }

  private static Browser browser() {
    if (started == null) {
      throw new IllegalStateException("expected a browser");
    }
    return started;
  }

  private static String text(String id) throws Exception {
    return browser().value("document.getElementById('" + id + "').textContent");
  }

  /** Moves the mouse to the middle of an element of the mask. */
  private static void hover(int i, int j, int seqlenQ, int seqlenK) throws Exception {
    String[] box =
        browser()
            .value(
                "(() => { const c = document.getElementById('mask'); c.scrollIntoView({block: 'center'});"
                    + " const b = c.getBoundingClientRect(); return [b.x, b.y, b.width, b.height].join(' '); })()")
            .split(" ", -1);
    // The margins for the numbers beside the mask, as the style of the picture has them.
    double left = 52;
    double top = 38;
    double width = Double.parseDouble(box[2]) - left - 4;
    double height = Double.parseDouble(box[3]) - top - 4;
    browser()
        .mouse(
            "mouseMoved",
            Double.parseDouble(box[0]) + left + (j + 0.5) * width / seqlenK,
            Double.parseDouble(box[1]) + top + (i + 0.5) * height / seqlenQ);
  }

  private static String colour(int i, int j, int seqlen) throws Exception {
    return browser()
        .value(
            """
            (() => {
              const c = document.getElementById('mask'), r = devicePixelRatio, w = c.width / r - 56, h = c.height / r - 42;
              const p = c.getContext('2d').getImageData((52 + (%2$d + .5) * w / %3$d) * r, (38 + (%1$d + .5) * h / %3$d) * r, 1, 1).data;
              return '#' + [...p.slice(0, 3)].map((n) => n.toString(16).padStart(2, '0')).join('');
            })()\
            """
                .formatted(i, j, seqlen));
  }

  private static Path capture() throws Exception {
    Tensor zeros = Tensor.zeros(DType.FLOAT32, 2, 6, 1, 8);
    Tensor indices = Tensor.zeros(DType.INT32, 2, 1, 6, 1);
    for (int j = 0; j < 6; j++) {
      indices.set(6, 0, 0, j, 0);
      indices.set(2, 1, 0, j, 0);
    }
    Path file = folder.resolve("seen.safetensors");
    SafetensorsWriter.write(
        file,
        Map.of("op", "paddle.flashmask_attention", "attrs", "{\"causal\": true}"),
        Map.of("query", zeros, "key", zeros, "value", zeros, "startend_row_indices", indices));
    return file;
  }

  @Test
  void aServedPage() throws Exception {
    Browser browser = browser();
    browser.size(1440, 1000);
    try (MaskServer server = MaskServer.start(0)) {
      browser.open(server.url());
      assertThat(text("title")).isEqualTo("causal-document");

      browser.click("#gallery [data-name=document]");
      browser.await("title.textContent === 'document'");
      browser.write("input[name=seqlenQ]", "64");
      browser.write("input[name=documents]", "24,24,10");
      browser.await("code.textContent.includes('FlashMaskPatterns.of(64).document(24, 24, 10)')");
      assertThat(text("problem")).isEmpty();

      hover(12, 30, 64, 64);
      browser.await("lead.textContent.includes('query 12 may not see key 30')");
      assertThat(text("reasons"))
          .contains("column 30: rows [0, 24) are masked", "document 1, key 30 in document 2");
      hover(30, 30, 64, 64);
      browser.await("lead.textContent.includes('query 30 sees key 30')");
      assertThat(text("lead")).startsWith("✓");
      assertThat(text("column")).isEqualTo("LTS48UTE24");

      browser.value("document.getElementById('mask').focus()");
      browser.key("ArrowRight");
      browser.key("ArrowDown");
      browser.await("lead.textContent.includes('query 31 sees key 31')");

      // Tiles of 8: (0, 0) is full and blue; of 64: partial, what is visible is orange.
      browser.click("#tiles input[value=\"8\"]");
      browser.await("counts.textContent.includes('of 64')");
      assertThat(colour(2, 2, 64)).isEqualTo("#0072b2");
      assertThat(colour(2, 60, 64)).isEqualTo("#e9ecef");
      browser.click("#tiles input[value=\"64\"]");
      browser.await("counts.textContent.includes('0 full, 1 partial, 0 skipped of 1')");
      assertThat(colour(2, 2, 64)).isEqualTo("#e69f00");

      browser.write("input[name=documents]", "24,x");
      browser.await(
          "problem.textContent.includes(\"documents: expected a whole number, got 'x'\")");
      assertThat(browser.value("document.querySelector('input[name=documents]').ariaInvalid"))
          .isEqualTo("true");
      browser.write("input[name=documents]", "24,40");
      browser.await("!problem.textContent && code.textContent.includes('document(24, 40)')");

      browser.value("(() => { and.value = 'causal'; and.dispatchEvent(new Event('change')); })()");
      browser.await("title.textContent === 'document and causal'");
      hover(2, 9, 64, 64);
      browser.await("reasons.textContent.includes('causal: key 9 comes after')");

      browser.send(
          "Browser.grantPermissions",
          Map.of("permissions", List.of("clipboardReadWrite", "clipboardSanitizedWrite")));
      browser.click("#tabJson");
      browser.click("#copy");
      browser.await("said.textContent === 'copied'");
      MaskQuery copied = MaskQuery.read(browser.value("navigator.clipboard.readText()"));
      assertThat(copied.title()).isEqualTo("document and causal");

      browser.choose("#file", capture());
      browser.await("title.textContent === 'seen'");
      assertThat(text("elements")).isEqualTo("21 of 36");
      browser.write("input[name=sequence]", "1");
      browser.await("elements.textContent === '3 of 36'");
      assertThat(text("attrs")).contains("paddle.flashmask_attention", "causal");

      Path description = folder.resolve("mask.json");
      Files.writeString(description, Json.write(copied.description()));
      browser.choose("#file", description);
      browser.await("title.textContent === 'document and causal'");
      assertThat(browser.value("document.querySelector('input[name=documents]').value"))
          .isEqualTo("24,40");

      // What the form has no fields for is the library's to refuse.
      Files.writeString(description, "{\"mask\": \"causal\", \"and\": {\"mask\": \"none\"}}");
      browser.choose("#file", description);
      browser.await("problem.textContent.includes('mask: expected one of')");

      // Too long to be drawn element by element: still explained, by the library.
      browser.value("and.value = ''; and.dispatchEvent(new Event('change'))");
      browser.click("#gallery [data-name=causal]");
      browser.write("input[name=seqlenQ]", "100000");
      browser.await("says.textContent.includes('100,000 queries')");
      browser.write("#element input[name=i]", "70000");
      browser.write("#element input[name=j]", "70001");
      browser.await(
          "reasons.textContent.includes('key 70001 comes after the query\\'s own place, 70000')");
    }
    assertThat(browser.complaints()).allMatch(line -> line.contains("400 (Bad Request)"));
  }

  @Test
  void aSavedPage() throws Exception {
    Browser browser = browser();
    browser.size(1440, 1000);
    Path html = folder.resolve("mask.html");
    MaskQuery query =
        MaskQuery.read("{\"mask\": \"documents\", \"seqlenQ\": 64, \"documents\": \"24,24,16\"}");
    Files.writeString(html, MaskPage.saved(query));
    browser.open(html.toUri().toString());
    assertThat(text("title")).isEqualTo("documents");
    assertThat(browser.value("getComputedStyle(controls).display")).isEqualTo("none");
    hover(12, 30, 64, 64);
    browser.await("lead.textContent.includes('query 12 may not see key 30')");
    assertThat(text("reasons"))
        .isEqualTo(
            "documents: key 30 lies in document 2 (keys 24 to 47), query 12 in document 1 (rows 0 to 23).");
    browser.click("#tiles input[value=\"16\"]");
    browser.await("counts.textContent === '3 full, 5 partial, 8 skipped of 16'");
    browser.click("#tabJson");
    assertThat(MaskQuery.read(text("code"))).isEqualTo(query);
    browser.click("#copy");
    browser.await("said.textContent === 'copied'");
    assertThat(browser.value("document.documentElement.dataset.theme")).isEqualTo("light");
    browser.click("#theme");
    assertThat(browser.value("document.documentElement.dataset.theme")).isEqualTo("dark");
    assertThat(browser.complaints()).noneMatch(line -> line.contains("file://"));
  }
}
