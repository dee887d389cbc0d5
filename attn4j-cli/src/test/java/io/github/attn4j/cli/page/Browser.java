package io.github.attn4j.cli.page;

import io.github.attn4j.cli.capture.Json;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** One page of a Chromium without a window, driven over its DevTools protocol. */
final class Browser implements AutoCloseable {
  private static final List<String> NAMES =
      List.of("chromium", "chromium-browser", "google-chrome", "google-chrome-stable");

  private static final int SECONDS = 30;

  private static final Pattern LISTENING =
      Pattern.compile("DevTools listening on ws://(127\\.0\\.0\\.1:\\d+)/");

  private final Path profile;
  private final Process process;
  private final HttpClient client = HttpClient.newHttpClient();
  private final WebSocket socket;
  private final AtomicInteger next = new AtomicInteger();
  private final Map<Integer, CompletableFuture<Map<String, ?>>> waiting = new ConcurrentHashMap<>();

  /** What the page complained of: exceptions, and loads that its policy forbids. */
  private final List<String> complaints = new CopyOnWriteArrayList<>();

  private Browser(Path binary) throws Exception {
    profile = Files.createTempDirectory("attn4j-browser");
    process =
        new ProcessBuilder(
                binary.toString(),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--remote-debugging-port=0",
                "--user-data-dir=" + profile,
                "about:blank")
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    String address = address(process.errorReader(StandardCharsets.UTF_8));
    // What it says later must not fill the pipe.
    Thread.ofVirtual().start(() -> process.errorReader().lines().forEach(line -> {}));
    HttpRequest request =
        HttpRequest.newBuilder(URI.create("http://" + address + "/json/new?about:blank"))
            .PUT(HttpRequest.BodyPublishers.noBody())
            .build();
    Map<String, ?> page =
        Json.object(client.send(request, HttpResponse.BodyHandlers.ofString()).body());
    URI uri = URI.create(String.valueOf(page.get("webSocketDebuggerUrl")));
    socket =
        client.newWebSocketBuilder().buildAsync(uri, new Listener()).get(SECONDS, TimeUnit.SECONDS);
    for (String domain : List.of("Page", "Runtime", "Log", "DOM")) {
      send(domain + ".enable", Map.of());
    }
  }

  private static String address(BufferedReader said) throws IOException {
    for (String line = said.readLine(); line != null; line = said.readLine()) {
      Matcher listening = LISTENING.matcher(line);
      if (listening.find()) {
        return listening.group(1);
      }
    }
    throw new IOException("expected Chromium to listen, got its end");
  }

  /** Starts the Chromium of this machine, if there is one. */
  static Optional<Browser> start() throws Exception {
    Optional<Path> binary =
        NAMES.stream()
            .flatMap(name ->
                Stream.of(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator, -1))
                    .map(folder -> Path.of(folder, name)))
            .filter(Files::isExecutable)
            .findFirst();
    return binary.isEmpty() ? Optional.empty() : Optional.of(new Browser(binary.get()));
  }

  private final class Listener implements WebSocket.Listener {
    private final StringBuilder text = new StringBuilder();

    @Override
    public @Nullable CompletionStage<?> onText(WebSocket from, CharSequence data, boolean last) {
      text.append(data);
      if (last) {
        String message = text.toString();
        text.setLength(0);
        take(message);
      }
      from.request(1);
      return null;
    }
  }

  private void take(String message) {
    if (message.contains("\"method\":\"Runtime.exceptionThrown\"")
        || (message.contains("\"method\":\"Log.entryAdded\"")
            && message.contains("\"level\":\"error\""))) {
      complaints.add(message);
    }
    try {
      Map<String, ?> answer = Json.object(message);
      if (answer.get("id") instanceof Long id) {
        CompletableFuture<Map<String, ?>> future = waiting.remove(id.intValue());
        Objects.requireNonNull(future).complete(answer);
      }
    } catch (IOException e) {
      complaints.add(message + ": " + e);
    }
  }

  Map<String, ?> send(String method, Map<String, ?> parameters) throws Exception {
    int id = next.incrementAndGet();
    CompletableFuture<Map<String, ?>> future = new CompletableFuture<>();
    waiting.put(id, future);
    String message = Json.write(Map.of("id", id, "method", method, "params", parameters));
    socket.sendText(message, true).get(SECONDS, TimeUnit.SECONDS);
    Map<String, ?> answer = future.get(SECONDS, TimeUnit.SECONDS);
    if (!(answer.get("result") instanceof Map<?, ?> result)) {
      throw new IOException(method + ": " + answer);
    }
    Map<String, Object> map = new LinkedHashMap<>();
    result.forEach((key, value) -> map.put(String.valueOf(key), value));
    return map;
  }

  /** The value of an expression of JavaScript, as text. */
  String value(String expression) throws Exception {
    Map<String, ?> answer =
        send(
            "Runtime.evaluate",
            Map.of("expression", expression, "returnByValue", true, "awaitPromise", true));
    if (answer.get("exceptionDetails") != null) {
      throw new IOException(expression + ": " + answer.get("exceptionDetails"));
    }
    return String.valueOf(((Map<?, ?>) Objects.requireNonNull(answer.get("result"))).get("value"));
  }

  /** Waits until an expression is true. */
  void await(String expression) throws Exception {
    for (int wait = 0; wait < 20 * SECONDS; wait++) {
      if (value("Boolean(" + expression + ")").equals("true")) {
        return;
      }
      Thread.sleep(50);
    }
    throw new AssertionError(
        "expected " + expression + " within " + SECONDS + " seconds; " + complaints);
  }

  void open(String url) throws Exception {
    send("Page.navigate", Map.of("url", url));
    await("document.readyState === 'complete' && document.querySelector('#lead')?.textContent");
  }

  void size(int width, int height) throws Exception {
    send(
        "Emulation.setDeviceMetricsOverride",
        Map.of("width", width, "height", height, "deviceScaleFactor", 1, "mobile", false));
  }

  void mouse(String type, double x, double y) throws Exception {
    send(
        "Input.dispatchMouseEvent",
        Map.of(
            "type",
            type,
            "x",
            x,
            "y",
            y,
            "button",
            type.equals("mouseMoved") ? "none" : "left",
            "clickCount",
            1));
  }

  /** Clicks the middle of what a selector finds. */
  void click(String selector) throws Exception {
    String found = "document.querySelector('" + selector + "')";
    value(found + ".scrollIntoView({block: 'center'})");
    String[] middle =
        value(
                "(() => { const b = "
                    + found
                    + ".getBoundingClientRect();"
                    + " return (b.x + b.width / 2) + ' ' + (b.y + b.height / 2); })()")
            .split(" ", -1);
    double x = Double.parseDouble(middle[0]);
    double y = Double.parseDouble(middle[1]);
    mouse("mousePressed", x, y);
    mouse("mouseReleased", x, y);
  }

  /** Writes over what stands in a field. */
  void write(String selector, String text) throws Exception {
    value("document.querySelector('" + selector + "').focus()");
    value("document.querySelector('" + selector + "').select()");
    send("Input.insertText", Map.of("text", text));
  }

  void key(String name) throws Exception {
    send("Input.dispatchKeyEvent", Map.of("type", "keyDown", "key", name));
    send("Input.dispatchKeyEvent", Map.of("type", "keyUp", "key", name));
  }

  /** Chooses a file as a person would in the dialogue. */
  void choose(String selector, Path file) throws Exception {
    Map<?, ?> root =
        (Map<?, ?>) Objects.requireNonNull(send("DOM.getDocument", Map.of()).get("root"));
    Object node =
        send(
                "DOM.querySelector",
                Map.of("nodeId", Objects.requireNonNull(root.get("nodeId")), "selector", selector))
            .get("nodeId");
    send(
        "DOM.setFileInputFiles",
        Map.of("files", List.of(file.toString()), "nodeId", Objects.requireNonNull(node)));
  }

  /** Writes what is to be seen, for people. */
  void picture(Path file) throws Exception {
    Map<String, ?> answer = send("Page.captureScreenshot", Map.of("format", "png"));
    Files.write(file, Base64.getDecoder().decode(String.valueOf(answer.get("data"))));
  }

  List<String> complaints() {
    return new ArrayList<>(complaints);
  }

  @Override
  public void close() {
    socket.abort();
    client.shutdownNow();
    // Those that draw and fetch write to the profile too, until they have ended.
    List<ProcessHandle> all =
        Stream.concat(process.descendants(), Stream.of(process.toHandle())).toList();
    all.forEach(ProcessHandle::destroy);
    for (ProcessHandle each : all) {
      try {
        each.onExit().get(SECONDS, TimeUnit.SECONDS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      } catch (ExecutionException | TimeoutException e) {
        each.destroyForcibly();
      }
    }
    remove(profile);
  }

  /** What a browser still held on to lies in a folder for temporary files. */
  private static void remove(Path folder) {
    try (Stream<Path> all = Files.walk(folder)) {
      all.sorted(Comparator.reverseOrder()).forEach(path -> path.toFile().delete());
    } catch (IOException | UncheckedIOException e) {
      folder.toFile().deleteOnExit();
    }
  }
}
