package io.github.attn4j.cli.page;

import io.github.attn4j.RefusedException;
import io.github.attn4j.cli.capture.Json;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The page's files, and the page as one file that needs nothing else. */
public final class MaskPage {
  static final String HTML = "index.html";
  static final String STYLE = "page.css";
  static final String SCRIPT = "page.js";
  static final String FORM = "form.js";

  /** Longer masks make files of many megabytes. */
  private static final int LONGEST_SAVED = 1024;

  private static final String STYLE_LINK = "<link rel=\"stylesheet\" href=\"page.css\">";
  private static final String SCRIPT_LINK = "<script src=\"page.js\" defer></script>";
  private static final String FORM_LINK = "<script src=\"form.js\" defer></script>\n";

  private MaskPage() {}

  /** One of the page's files. */
  static String asset(String name) {
    try (InputStream stream = MaskPage.class.getResourceAsStream(name)) {
      if (stream == null) {
        throw new IllegalStateException("expected the resource " + name + " in the jar, got none");
      }
      return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * The page of one mask in one file: it loads nothing, and all that it shows is in it.
   *
   * @param query the mask
   * @return HTML
   * @throws RefusedException if the mask is too long for a file
   */
  public static String saved(MaskQuery query) {
    return saved(Subject.of(query));
  }

  /**
   * The same of a capture's mask.
   *
   * @param name what to call it
   * @param file the capture
   * @param sequence which sequence
   * @param head which query head
   * @return HTML
   * @throws RefusedException if it is no capture, or the mask is too long for a file
   */
  public static String saved(String name, Path file, int sequence, int head) {
    try (OpenCaptures captures = new OpenCaptures()) {
      String id = captures.add(name, file, false);
      return saved(captures.subject(Map.of("capture", id, "sequence", sequence, "head", head)));
    }
  }

  static String saved(Subject subject) {
    int longest = Math.max(subject.extent().seqlenQ(), subject.extent().seqlenK());
    if (longest > LONGEST_SAVED) {
      throw RefusedException.value(
          "html",
          "expected at most %d queries and keys in one file, got %d"
              .formatted(LONGEST_SAVED, longest));
    }
    Map<String, @Nullable Object> data = MaskData.of(subject);
    if (data.get("elements") == null) {
      throw RefusedException.value(
          "html", "expected a mask of few runs of elements, got one that turns at every element");
    }
    String style = "\n" + asset(STYLE);
    String script = "\n" + asset(SCRIPT);
    // A closing tag inside the data would end the script that holds it.
    String json = Json.write(data).replace("<", "\\u003c");
    String policy =
        "default-src 'none'; style-src '%s'; script-src '%s'; img-src data:; base-uri 'none'; form-action 'none'"
            .formatted(hash(style), hash(script));
    return asset(HTML)
        .replace(FORM_LINK, "")
        .replace(
            STYLE_LINK,
            "<meta http-equiv=\"Content-Security-Policy\" content=\"%s\">\n<style>%s</style>"
                .formatted(policy, style))
        .replace(
            SCRIPT_LINK,
            "<script type=\"application/json\" id=\"saved\">%s</script>\n<script type=\"module\">%s</script>"
                .formatted(json, script));
  }

  private static String hash(String text) {
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
      return "sha256-" + Base64.getEncoder().encodeToString(digest);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }
}
