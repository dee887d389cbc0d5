package io.github.attn4j.cli.page;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Lets a request in only if the page itself can have sent it. Other pages in the same browser reach
 * loopback too: by a name of theirs that points here (so the Host header must be ours), or across
 * origins (so the Origin header must be ours, and bodies have types that browsers ask us about
 * first; we never say yes).
 */
final class Guard {
  private final List<String> hosts;

  Guard(int port) {
    // Browsers leave the port of HTTP itself out.
    String suffix = port == 80 ? "" : ":" + port;
    hosts = List.of("127.0.0.1" + suffix, "localhost" + suffix);
  }

  /** Refuses what another page could have sent. */
  void check(HttpExchange exchange) throws HttpProblem {
    Headers headers = exchange.getRequestHeaders();
    List<String> host = headers.getOrDefault("Host", List.of());
    if (host.size() != 1 || !hosts.contains(host.getFirst())) {
      throw new HttpProblem(403, "Host", "expected one of " + hosts + ", got " + host);
    }
    String origin = headers.getFirst("Origin");
    if (origin != null && hosts.stream().noneMatch(each -> origin.equals("http://" + each))) {
      throw new HttpProblem(403, "Origin", "expected this page's own, got another");
    }
  }

  /** Refuses another method or type of body. */
  static void expect(HttpExchange exchange, String method, @Nullable String type)
      throws HttpProblem {
    if (!exchange.getRequestMethod().equals(method)) {
      exchange.getResponseHeaders().set("Allow", method);
      throw new HttpProblem(
          405, "method", "expected " + method + ", got " + exchange.getRequestMethod());
    }
    String given = exchange.getRequestHeaders().getFirst("Content-Type");
    if (type != null && (given == null || !given.split(";", 2)[0].strip().equals(type))) {
      throw new HttpProblem(415, "Content-Type", "expected " + type + ", got another");
    }
  }

  /** A body of at most so many bytes. */
  static String text(HttpExchange exchange, int most) throws HttpProblem, IOException {
    checkLength(exchange, most);
    byte[] bytes = exchange.getRequestBody().readNBytes(most + 1);
    if (bytes.length > most) {
      throw tooLong(most);
    }
    return new String(bytes, StandardCharsets.UTF_8);
  }

  /** Copies a body of at most so many bytes. */
  static void copy(HttpExchange exchange, OutputStream target, long most)
      throws HttpProblem, IOException {
    checkLength(exchange, most);
    InputStream body = exchange.getRequestBody();
    byte[] chunk = new byte[1 << 16];
    long total = 0;
    for (int count = body.read(chunk); count >= 0; count = body.read(chunk)) {
      total += count;
      if (total > most) {
        throw tooLong(most);
      }
      target.write(chunk, 0, count);
    }
  }

  /** What says beforehand that it is too long is not read at all. */
  private static void checkLength(HttpExchange exchange, long most) throws HttpProblem {
    String length = exchange.getRequestHeaders().getFirst("Content-Length");
    if (length != null && (length.length() > 12 || Long.parseLong(length) > most)) {
      throw tooLong(most);
    }
  }

  private static HttpProblem tooLong(long most) {
    return new HttpProblem(413, "body", "expected at most %d bytes, got more".formatted(most));
  }
}
