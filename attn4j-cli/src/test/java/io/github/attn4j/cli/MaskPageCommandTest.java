package io.github.attn4j.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import io.github.attn4j.cli.capture.Json;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code attn4j mask --html}, {@code --json} and {@code --serve}. */
class MaskPageCommandTest {
  private static final Pattern DATA =
      Pattern.compile(
          "<script type=\"application/json\" id=\"saved\">(.*?)</script>", Pattern.DOTALL);

  private static final Pattern VISIBLE = Pattern.compile("visible ([\\d,]+) \\(");

  @TempDir Path folder;

  private Map<String, ?> saved(String... arguments) throws IOException {
    Path html = folder.resolve("mask.html");
    List<String> line = new ArrayList<>(List.of("mask"));
    line.addAll(List.of(arguments));
    line.addAll(List.of("--html", html.toString()));
    Cli.Said said = Cli.run(line.toArray(String[]::new));
    assertThat(said.status()).as(said.err()).isZero();
    Matcher data = DATA.matcher(Files.readString(html));
    assertThat(data.find()).isTrue();
    Map<String, ?> view = Json.object(data.group(1));
    Matcher drawn = VISIBLE.matcher(said.out());
    assertThat(drawn.find()).isTrue();
    // Terminal and page count the same elements.
    assertThat(view.get("visible")).hasToString(drawn.group(1).replace(",", ""));
    assertThat(visible(view)).isEqualTo(view.get("visible"));
    return view;
  }

  /** Elements that the runs of the page show. */
  private static long visible(Map<String, ?> view) {
    long visible = 0;
    Map<?, ?> elements = (Map<?, ?>) Objects.requireNonNull(view.get("elements"));
    for (Object column : (List<?>) Objects.requireNonNull(elements.get("columns"))) {
      long from = 0;
      List<?> runs = (List<?>) column;
      for (int n = 0; n < runs.size(); n += 2) {
        long to = (Long) runs.get(n + 1);
        visible += (Long) runs.get(n) == 0 ? to - from : 0;
        from = to;
      }
      assertThat(from).isEqualTo(view.get("seqlenQ"));
    }
    return visible;
  }

  @Test
  void aPatternIsSavedAsThePageAndAsADescription() throws IOException {
    Map<String, ?> view = saved("share-question", "--seq", "30", "--documents", "4+3+3,10+5");
    assertThat(view.get("title")).isEqualTo("share-question");
    Path json = Files.writeString(folder.resolve("mask.json"), String.valueOf(view.get("json")));
    assertThat(saved("--json", json.toString())).isEqualTo(view);
  }

  /** Every operator's mask reaches the page as the command draws it. */
  @Test
  void everyOperatorsMaskIsSaved() throws IOException {
    for (OperatorCalls.Call call : OperatorCalls.all()) {
      Path file = call.write(folder.resolve("call.safetensors"));
      Map<String, ?> view = saved(file.toString());
      assertThat(String.valueOf(view.get("capture"))).contains(call.op());
      if (view.get("json") != null) {
        Path json =
            Files.writeString(folder.resolve("mask.json"), String.valueOf(view.get("json")));
        assertThat(saved("--json", json.toString()).get("visible")).isEqualTo(view.get("visible"));
      }
    }
  }

  @Test
  void sharedCapturesAreSaved() throws IOException {
    List<Path> files = new ArrayList<>();
    for (Path at = Path.of("").toAbsolutePath(); at != null; at = at.getParent()) {
      for (String name : List.of("shared/captures", "shared/conformance/onnx")) {
        if (Files.isDirectory(at.resolve(name))) {
          try (Stream<Path> all = Files.list(at.resolve(name))) {
            files.addAll(
                all.filter(file -> file.toString().endsWith(".safetensors")).sorted().toList());
          }
        }
      }
    }
    if (files.isEmpty()) {
      System.err.println("SKIPPED: MaskPageCommandTest found no folder shared/captures above here");
    }
    assumeFalse(files.isEmpty(), "no folder shared/captures");
    for (Path file : files) {
      assertThat(saved(file.toString()).get("title")).isNotNull();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "mask",
        "mask --html x.html",
        "mask causal --json x.json",
        "mask causal --port 80",
        "mask --serve --seq 4",
        "mask --serve --documents 4",
        "mask causal --serve --documents 4",
        "mask causal --serve --html x.html",
        "mask --serve --png x.png",
        "mask --serve --port 99999",
        "mask --json x.json --seq 4"
      })
  void whatMakesNoSenseIsAWrongCommandLine(String line) {
    Cli.Said said = Cli.run(line.split(" ", -1));
    assertThat(said.status()).isEqualTo(2);
    assertThat(said.err()).contains("attn4j mask").doesNotContain("\tat ", "null");
  }

  @Test
  void whatIsTooLongForAFileIsRefused() {
    Cli.Said said =
        Cli.run("mask", "causal", "--seq", "1025", "--html", folder.resolve("x.html").toString());
    assertThat(said.status()).isEqualTo(2);
    assertThat(said.err()).contains("html: expected at most 1024 queries and keys", "got 1025");
    assertThat(folder.resolve("x.html")).doesNotExist();
  }

  @Test
  void aBusyPortIsSaid() throws IOException {
    try (ServerSocket busy =
        new ServerSocket(0, 1, InetAddress.getByAddress(new byte[] {127, 0, 0, 1}))) {
      Cli.Said said = Cli.run("mask", "--serve", "--port", "" + busy.getLocalPort());
      assertThat(said.status()).isEqualTo(2);
      assertThat(said.err())
          .contains("--port: expected one that is free", "" + busy.getLocalPort());
    }
  }

  /** It says where it is, shows the mask of the command line, and ends when it is told to. */
  @Test
  void itServesUntilItIsEnded() throws Exception {
    StringWriter out = new StringWriter();
    Terminal terminal =
        new Terminal(new PrintWriter(out, true), new PrintWriter(new StringWriter(), true), false);
    Thread command =
        Thread.ofPlatform()
            .start(() ->
                Main.run(
                    terminal, "mask", "document", "--seq", "20", "--documents", "9,5", "--serve"));
    Matcher url = Pattern.compile("http://127\\.0\\.0\\.1:\\d+/").matcher("");
    for (int wait = 0; wait < 200 && !url.reset(out.toString()).find(); wait++) {
      Thread.sleep(50);
    }
    try (HttpClient client = HttpClient.newHttpClient()) {
      HttpRequest request =
          HttpRequest.newBuilder(URI.create(url.group() + "api/start"))
              .timeout(Duration.ofSeconds(20))
              .build();
      String start = client.send(request, HttpResponse.BodyHandlers.ofString()).body();
      assertThat(String.valueOf(Json.object(start).get("start"))).contains("document", "9,5");
    }
    command.interrupt();
    command.join(10_000);
    assertThat(command.isAlive()).isFalse();
  }
}
