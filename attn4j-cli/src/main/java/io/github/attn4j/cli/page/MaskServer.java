package io.github.attn4j.cli.page;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.github.attn4j.RefusedException;
import io.github.attn4j.cli.capture.Json;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Serves the page of masks to the browsers of this machine, and to nobody else: it listens on
 * 127.0.0.1, takes no request that another page could have sent ({@link Guard}), and bounds every
 * body and every mask.
 */
public final class MaskServer implements AutoCloseable {
  private static final int MOST_JSON = 1 << 20;
  private static final long MOST_CAPTURE = 1L << 28;
  private static final int THREADS = 4;
  private static final int BACKLOG = 16;

  /** How long a request waits for the one before it. */
  private static final int PATIENCE_SECONDS = 20;

  /** How long the end waits for the last one. */
  private static final int LAST_SECONDS = 1;

  private static final String POLICY =
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
          + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

  private static final String JSON = "application/json";
  private static final String BYTES = "application/octet-stream";

  private final HttpServer server;
  private final ExecutorService threads;
  private final Guard guard;
  private final Path folder;

  /** One mask at a time: it keeps a small machine usable, and captures open while they are read. */
  private final ReentrantLock turn = new ReentrantLock();

  private final OpenCaptures captures = new OpenCaptures();
  private final AtomicBoolean closed = new AtomicBoolean();
  private Map<String, Object> start = MaskQuery.of(Map.of("mask", "causal-document")).description();
  private @Nullable Subject explained;
  private @Nullable Explanation explanation;

  /** An answer: its type and its bytes. */
  private record Reply(String type, String text) {}

  private MaskServer(HttpServer server, Path folder) {
    this.server = server;
    this.folder = folder;
    this.guard = new Guard(server.getAddress().getPort());
    this.threads = Executors.newFixedThreadPool(THREADS, Thread.ofPlatform().daemon().factory());
  }

  /**
   * Starts to serve.
   *
   * @param port where, or 0 for any that is free
   * @return the server; close it to end
   * @throws IOException if the port is not free
   */
  public static MaskServer start(int port) throws IOException {
    // The JDK's own bounds against those who open connections and say nothing; seconds.
    bound("sun.net.httpserver.maxReqTime", 60);
    bound("sun.net.httpserver.maxRspTime", 120);
    bound("jdk.httpserver.maxConnections", 64);
    InetAddress loopback = InetAddress.getByAddress(new byte[] {127, 0, 0, 1});
    HttpServer server = HttpServer.create(new InetSocketAddress(loopback, port), BACKLOG);
    MaskServer mine = new MaskServer(server, Files.createTempDirectory("attn4j-masks"));
    server.setExecutor(mine.threads);
    server.createContext("/", mine::handle);
    server.start();
    return mine;
  }

  private static void bound(String property, int value) {
    if (System.getProperty(property) == null) {
      System.setProperty(property, "" + value);
    }
  }

  /**
   * Shows a mask first.
   *
   * @param query the mask
   */
  public void show(MaskQuery query) {
    turn.lock();
    try {
      start = query.description();
    } finally {
      turn.unlock();
    }
  }

  /**
   * Shows a capture's mask first.
   *
   * @param name what to call it
   * @param file the capture
   * @param sequence which sequence
   * @param head which query head
   * @throws RefusedException if it is none, or has no such sequence or head
   */
  public void show(String name, Path file, int sequence, int head) {
    turn.lock();
    try {
      String id = captures.add(name, file, false);
      start = captures.subject(Map.of("capture", id, "sequence", sequence, "head", head)).source();
    } finally {
      turn.unlock();
    }
  }

  /**
   * Where the page is.
   *
   * @return an address for a browser of this machine
   */
  public String url() {
    return "http://127.0.0.1:" + server.getAddress().getPort() + "/";
  }

  private void handle(HttpExchange exchange) throws IOException {
    try (exchange) {
      int status = 200;
      Reply reply;
      try {
        guard.check(exchange);
        reply = answer(exchange);
      } catch (HttpProblem problem) {
        status = problem.status();
        reply = new Reply(JSON, Json.write(problem.told()));
      }
      send(exchange, status, reply);
    }
  }

  private static void send(HttpExchange exchange, int status, Reply reply) throws IOException {
    Headers headers = exchange.getResponseHeaders();
    headers.set("Content-Type", reply.type + "; charset=utf-8");
    headers.set("Content-Security-Policy", POLICY);
    headers.set("X-Content-Type-Options", "nosniff");
    headers.set("Referrer-Policy", "no-referrer");
    headers.set("Cross-Origin-Resource-Policy", "same-origin");
    headers.set("Cache-Control", "no-store");
    byte[] bytes = reply.text.getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(status, bytes.length);
    exchange.getResponseBody().write(bytes);
    // Before what is left of a refused body is waited for.
    exchange.getResponseBody().flush();
  }

  private Reply answer(HttpExchange exchange) throws HttpProblem, IOException {
    String path = exchange.getRequestURI().getPath();
    return switch (path) {
      case "/", "/index.html" -> asset(exchange, "text/html", MaskPage.HTML);
      case "/page.css" -> asset(exchange, "text/css", MaskPage.STYLE);
      case "/page.js" -> asset(exchange, "text/javascript", MaskPage.SCRIPT);
      case "/form.js" -> asset(exchange, "text/javascript", MaskPage.FORM);
      case "/api/start" -> {
        Guard.expect(exchange, "GET", null);
        yield inTurn(() -> Map.of("kinds", Gallery.told(), "start", start));
      }
      case "/api/mask" -> {
        Map<String, @Nullable Object> source = posted(exchange);
        yield inTurn(() -> MaskData.of(subject(source)));
      }
      case "/api/explain" -> {
        Map<String, @Nullable Object> question = posted(exchange);
        yield inTurn(() -> explain(question));
      }
      case "/api/html" -> {
        Map<String, @Nullable Object> source = posted(exchange);
        yield inTurn(() -> Map.of("html", MaskPage.saved(subject(source))));
      }
      case "/api/capture" -> {
        Guard.expect(exchange, "POST", BYTES);
        yield capture(exchange);
      }
      default -> throw new HttpProblem(404, "path", "expected a path of this page, got another");
    };
  }

  private static Reply asset(HttpExchange exchange, String type, String name) throws HttpProblem {
    Guard.expect(exchange, "GET", null);
    return new Reply(type, MaskPage.asset(name));
  }

  private static Map<String, @Nullable Object> posted(HttpExchange exchange)
      throws HttpProblem, IOException {
    Guard.expect(exchange, "POST", JSON);
    String text = Guard.text(exchange, MOST_JSON);
    try {
      return MaskQuery.object(text);
    } catch (RefusedException e) {
      throw HttpProblem.of(e);
    }
  }

  /** Work that is done in turn. */
  private interface Work {
    Map<String, ? extends @Nullable Object> run();
  }

  /** Whatever a stranger's mask does, the server answers and lives on. */
  private Reply inTurn(Work work) throws HttpProblem {
    try {
      if (!turn.tryLock(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
        throw new HttpProblem(
            503, "mask", "expected the mask before it to end, got none of its time");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new HttpProblem(503, "server", "expected to go on, got its end");
    }
    try {
      return new Reply(JSON, Json.write(work.run()));
    } catch (RefusedException e) {
      throw HttpProblem.of(e);
    } catch (OutOfMemoryError e) {
      throw new HttpProblem(400, "memory", "expected a mask that fits, got " + e.getMessage());
    } catch (RuntimeException | InternalError | StackOverflowError e) {
      throw new HttpProblem(500, "mask", "expected no fault in attn4j, got " + e);
    } finally {
      turn.unlock();
    }
  }

  private Subject subject(Map<String, ? extends @Nullable Object> source) {
    return source.containsKey("capture")
        ? captures.subject(source)
        : Subject.of(MaskQuery.of(source));
  }

  private Map<String, Object> explain(Map<String, @Nullable Object> question) {
    if (!(question.get("source") instanceof Map<?, ?> map)) {
      throw RefusedException.type("source", "expected what /api/mask takes, got none");
    }
    Map<String, @Nullable Object> source = new LinkedHashMap<>();
    map.forEach((key, value) -> source.put(String.valueOf(key), value));
    Subject subject = subject(source);
    Subject before = explained;
    Explanation found = explanation;
    if (found == null || before == null || !before.source().equals(subject.source())) {
      found = subject.explanation();
    }
    explained = subject;
    explanation = found;
    int i = OpenCaptures.index(question, "query", subject.extent().seqlenQ());
    int j = OpenCaptures.index(question, "key", subject.extent().seqlenK());
    return Map.of("sentences", found.reasons(i, j), "context", found.context(i, j));
  }

  private Reply capture(HttpExchange exchange) throws HttpProblem, IOException {
    String query = String.valueOf(exchange.getRequestURI().getQuery());
    String name = query.startsWith("name=") ? query.substring(5) : "capture";
    Path file = Files.createTempFile(folder, "call", ".safetensors");
    boolean kept = false;
    try {
      try (OutputStream stream = Files.newOutputStream(file)) {
        Guard.copy(exchange, stream, MOST_CAPTURE);
      }
      Reply reply =
          inTurn(
              () -> captures.subject(Map.of("capture", captures.add(name, file, true))).source());
      kept = true;
      return reply;
    } finally {
      if (!kept) {
        Files.deleteIfExists(file);
      }
    }
  }

  @Override
  public void close() {
    if (closed.getAndSet(true)) {
      return;
    }
    server.stop(0);
    threads.shutdownNow();
    // A mask that is still looked at must not keep the process that ends.
    boolean mine = isMyTurn(LAST_SECONDS);
    try {
      if (mine) {
        captures.close();
      }
      removeFolder();
    } catch (IOException e) {
      folder.toFile().deleteOnExit();
    } finally {
      if (mine) {
        turn.unlock();
      }
    }
  }

  private boolean isMyTurn(int seconds) {
    try {
      return turn.tryLock(seconds, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** With what was still arriving. */
  private void removeFolder() throws IOException {
    try (Stream<Path> left = Files.list(folder)) {
      for (Path file : left.toList()) {
        Files.deleteIfExists(file);
      }
    }
    Files.deleteIfExists(folder);
  }
}
