package io.github.attn4j.cli.page;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import io.github.attn4j.cli.capture.Json;
import io.github.attn4j.cli.capture.SafetensorsWriter;
import java.io.IOException;
import java.net.BindException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MaskServerTest {
  private static final String JSON = "application/json";
  private static final String BYTES = "application/octet-stream";

  @TempDir Path folder;

  private MaskServer server;
  private HttpClient client;

  @BeforeEach
  void start() throws IOException {
    server = MaskServer.start(0);
    client = HttpClient.newHttpClient();
  }

  @AfterEach
  void stop() {
    client.close();
    server.close();
  }

  private HttpResponse<String> get(String path) throws Exception {
    HttpRequest request = HttpRequest.newBuilder(URI.create(server.url() + path)).build();
    return client.send(request, BodyHandlers.ofString());
  }

  private HttpResponse<String> post(String path, String type, BodyPublisher body) throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(server.url() + path))
            .header("Content-Type", type)
            .POST(body)
            .build();
    return client.send(request, BodyHandlers.ofString());
  }

  private HttpResponse<String> post(String path, String json) throws Exception {
    return post(path, JSON, BodyPublishers.ofString(json));
  }

  /** Bytes as they are, for what no client of ours would send. */
  private String raw(String request) throws IOException {
    try (Socket socket =
        new Socket(
            InetAddress.getByAddress(new byte[] {127, 0, 0, 1}),
            URI.create(server.url()).getPort())) {
      socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
      socket.shutdownOutput();
      socket.setSoTimeout(10_000);
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "'', text/html",
    "index.html, text/html",
    "page.css, text/css",
    "page.js, text/javascript",
    "form.js, text/javascript"
  })
  void theFilesOfThePageAreServedUnderAPolicy(String path, String type) throws Exception {
    HttpResponse<String> answer = get(path);
    assertThat(answer.statusCode()).isEqualTo(200);
    assertThat(answer.headers().firstValue("Content-Type")).hasValue(type + "; charset=utf-8");
    assertThat(answer.headers().firstValue("Content-Security-Policy").orElseThrow())
        .contains("default-src 'none'", "script-src 'self'")
        .doesNotContain("unsafe", "http", "*");
    assertThat(answer.headers().firstValue("X-Content-Type-Options")).hasValue("nosniff");
    assertThat(answer.headers().firstValue("Access-Control-Allow-Origin")).isEmpty();
    assertThat(answer.body()).isNotBlank();
  }

  /** Nobody on the network reaches it. */
  @Test
  void onlyLoopbackListens() throws Exception {
    int port = URI.create(server.url()).getPort();
    List<InetAddress> others =
        NetworkInterface.networkInterfaces()
            .flatMap(NetworkInterface::inetAddresses)
            .filter(address -> !address.isLoopbackAddress() && address.getAddress().length == 4)
            .toList();
    for (InetAddress other : others) {
      assertThatThrownBy(() -> new Socket(other, port).close())
          .as("%s", other)
          .isInstanceOf(ConnectException.class);
    }
    assertThat(server.url()).startsWith("http://127.0.0.1:");
  }

  @Test
  void aBusyPortIsSaid() {
    int port = URI.create(server.url()).getPort();
    assertThatThrownBy(() -> MaskServer.start(port)).isInstanceOf(BindException.class);
  }

  /** Another site's page can point its own name here; the browser then sends that name. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "Host: evil.example\r\n",
        "Host: 127.0.0.1\r\n",
        "Host: 127.0.0.1.evil.example:PORT\r\n",
        "Host: 127.0.0.1:PORT\r\nHost: evil.example\r\n",
        ""
      })
  void foreignHostsAreRefused(String host) throws IOException {
    String port = "" + URI.create(server.url()).getPort();
    String answer =
        raw(
            "GET /api/start HTTP/1.1\r\n"
                + host.replace("PORT", port)
                + "Connection: close\r\n\r\n");
    assertThat(answer).containsPattern("^HTTP/1.1 40[03]").doesNotContain("causal");
  }

  @Test
  void foreignOriginsAreRefused() throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(server.url() + "api/mask"))
            .header("Content-Type", JSON)
            .header("Origin", "http://evil.example")
            .POST(BodyPublishers.ofString("{\"mask\": \"causal\"}"))
            .build();
    assertThat(client.send(request, BodyHandlers.ofString()).statusCode()).isEqualTo(403);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/page.css/../../module-info.class",
        "//etc/passwd",
        "/MaskPage.class",
        "/page.js%00.css"
      })
  void onlyThePagesOwnPathsExist(String path) throws IOException {
    String port = "" + URI.create(server.url()).getPort();
    String answer =
        raw(
            "GET "
                + path
                + " HTTP/1.1\r\nHost: 127.0.0.1:"
                + port
                + "\r\nConnection: close\r\n\r\n");
    assertThat(answer).containsPattern("^HTTP/1.1 40[04]").doesNotContain("root:");
  }

  @Test
  void otherMethodsAndTypesAreRefused() throws Exception {
    assertThat(get("api/mask").statusCode()).isEqualTo(405);
    assertThat(post("", "{}").statusCode()).isEqualTo(405);
    assertThat(post("page.js", "{}").statusCode()).isEqualTo(405);
    assertThat(post("api/start", "{}").statusCode()).isEqualTo(405);
    // Types that a page of another origin may send without asking.
    for (String type : List.of("text/plain", "application/x-www-form-urlencoded")) {
      assertThat(post("api/mask", type, BodyPublishers.ofString("{}")).statusCode()).isEqualTo(415);
      assertThat(post("api/capture", type, BodyPublishers.ofString("{}")).statusCode())
          .isEqualTo(415);
    }
  }

  @Test
  void bodiesAreBounded() throws Exception {
    byte[] megabytes = new byte[2 << 20];
    assertThat(post("api/mask", JSON, BodyPublishers.ofByteArray(megabytes)).statusCode())
        .isEqualTo(413);
    // Without a length beforehand.
    BodyPublisher chunked = BodyPublishers.fromPublisher(BodyPublishers.ofByteArray(megabytes));
    assertThat(post("api/mask", JSON, chunked).statusCode()).isEqualTo(413);
    String port = "" + URI.create(server.url()).getPort();
    String answer =
        raw(
            "POST /api/capture HTTP/1.1\r\nHost: 127.0.0.1:"
                + port
                + "\r\nContent-Type: application/octet-stream\r\nContent-Length: 99999999999\r\n"
                + "Connection: close\r\n\r\n");
    assertThat(answer).startsWith("HTTP/1.1 413");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "seqlenQ   | {\"mask\": \"causal\", \"seqlenQ\": -1}",
        "seqlenQ   | {\"mask\": \"causal\", \"seqlenQ\": \"NaN\"}",
        "seqlenQ   | {\"mask\": \"causal\", \"seqlenQ\": 99999999999999999999}",
        "documents | {\"mask\": \"document\", \"documents\": \"9,x\"}",
        "capture   | {\"capture\": \"7\"}",
        "capture   | {\"capture\": {}}",
        "json      | nonsense",
        "json      | [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
      })
  void refusalsNameTheArgument(String argument, String json) throws Exception {
    HttpResponse<String> answer = post("api/mask", json);
    assertThat(answer.statusCode()).isEqualTo(400);
    Object error = Json.object(answer.body()).get("error");
    assertThat(error).isInstanceOf(Map.class);
    assertThat((Map<?, ?>) error).hasSize(3);
    assertThat(((Map<?, ?>) error).get("argument")).isEqualTo(argument);
    assertThat(String.valueOf(((Map<?, ?>) error).get("expected"))).isNotBlank();
    assertThat(answer.body()).doesNotContain("Exception", "\tat ");
  }

  @Test
  void aMaskIsToldInFull() throws Exception {
    HttpResponse<String> answer =
        post(
            "api/mask",
            "{\"mask\": \"causal-document\", \"seqlenQ\": 10, \"documents\": \"4,3,3\"}");
    assertThat(answer.statusCode()).isEqualTo(200);
    Map<String, ?> view = Json.object(answer.body());
    assertThat(view.get("visible")).isEqualTo(22L);
    assertThat(view.get("total")).isEqualTo(100L);
    assertThat(String.valueOf(view.get("columns")))
        .contains("LTS", "[4, 4, 4, 4, 7, 7, 7, 10, 10, 10]");
    assertThat(view.get("denseBytes")).isEqualTo(100L);
    assertThat(String.valueOf(view.get("columns"))).contains("bytes=40");
    assertThat(String.valueOf(view.get("java")))
        .contains("FlashMaskPatterns.of(10).causalDocument(4, 3, 3)");
  }

  /** What is too long to be drawn is counted, and explained element by element. */
  @Test
  void longMasksAreCountedAndExplained() throws Exception {
    String mask = "{\"mask\": \"causal\", \"seqlenQ\": 1048576}";
    Map<String, ?> view = Json.object(post("api/mask", mask).body());
    assertThat(view.get("visible")).isEqualTo((1L << 20) * ((1L << 20) + 1) / 2);
    assertThat(view.get("elements")).isNull();
    HttpResponse<String> answer =
        post("api/explain", "{\"source\": " + mask + ", \"query\": 1000000, \"key\": 1000001}");
    assertThat(answer.body()).contains("key 1000001 comes after the query's own place, 1000000");
    answer = post("api/explain", "{\"source\": " + mask + ", \"query\": 1048576, \"key\": 0}");
    assertThat(answer.statusCode()).isEqualTo(400);
    assertThat(answer.body()).contains("\"query\"", "0 to 1048575");
  }

  private byte[] capture() throws IOException {
    Tensor zeros = Tensor.zeros(DType.FLOAT32, 2, 6, 1, 8);
    Tensor indices = Tensor.zeros(DType.INT32, 2, 1, 6, 1);
    for (int j = 0; j < 6; j++) {
      indices.set(6, 0, 0, j, 0);
      indices.set(2, 1, 0, j, 0);
    }
    Path file = folder.resolve("call.safetensors");
    SafetensorsWriter.write(
        file,
        Map.of("op", "paddle.flashmask_attention", "attrs", "{\"causal\": true}"),
        Map.of("query", zeros, "key", zeros, "value", zeros, "startend_row_indices", indices));
    return Files.readAllBytes(file);
  }

  private static long temporaries() throws IOException {
    try (Stream<Path> all =
        Files.walk(Path.of(Objects.requireNonNull(System.getProperty("java.io.tmpdir"))), 2)) {
      return all.filter(file ->
              file.getFileName().toString().startsWith("call")
                  && String.valueOf(file.getParent()).contains("attn4j-masks"))
          .count();
    }
  }

  @Test
  void aCaptureIsOpenedByTheLibrarysReader() throws Exception {
    HttpResponse<String> opened =
        post("api/capture?name=a%2F*%2F%22%3Cb", BYTES, BodyPublishers.ofByteArray(capture()));
    assertThat(opened.statusCode()).as(opened.body()).isEqualTo(200);
    Map<String, ?> view = Json.object(post("api/mask", opened.body()).body());
    assertThat(view.get("title")).isEqualTo("a_____b");
    assertThat(view.get("visible")).isEqualTo(21L);
    String second = opened.body().replace("\"sequence\": 0", "\"sequence\": 1");
    assertThat(Json.object(post("api/mask", second).body()).get("visible")).isEqualTo(3L);
    String third = opened.body().replace("\"sequence\": 0", "\"sequence\": 2");
    assertThat(post("api/mask", third).body()).contains("\"sequence\"", "0 to 1");
    // The JSON of a capture's mask opens as a mask of columns.
    String json = String.valueOf(view.get("json"));
    assertThat(Json.object(post("api/mask", json).body()).get("visible")).isEqualTo(21L);
  }

  /** A row of a mask, for all queries: a small file of many elements. */
  @Test
  void capturesOfTooMuchWorkAreRefused() throws Exception {
    Tensor zeros = Tensor.zeros(DType.FLOAT32, 1, 1, 24_000, 1);
    Path file = folder.resolve("call.safetensors");
    SafetensorsWriter.write(
        file,
        Map.of("op", "onnx.Attention", "attrs", "{}"),
        Map.of(
            "Q", zeros, "K", zeros, "V", zeros, "attn_mask", Tensor.zeros(DType.BOOL, 1, 24_000)));
    HttpResponse<String> answer = post("api/capture", BYTES, BodyPublishers.ofFile(file));
    assertThat(answer.statusCode()).isEqualTo(400);
    assertThat(answer.body()).contains("at most 536870912 elements", "576000000");
  }

  /** The server keeps the last few; closing it leaves nothing on the disk. */
  @Test
  void capturesAreBoundedAndRemoved() throws Exception {
    long before = temporaries();
    byte[] bytes = capture();
    for (int n = 0; n < 6; n++) {
      assertThat(post("api/capture", BYTES, BodyPublishers.ofByteArray(bytes)).statusCode())
          .isEqualTo(200);
    }
    assertThat(post("api/mask", "{\"capture\": \"0\"}").body()).contains("open it again");
    assertThat(post("api/mask", "{\"capture\": \"5\"}").statusCode()).isEqualTo(200);
    server.close();
    assertThat(temporaries()).isEqualTo(before);
  }

  /** What is still arriving when the server ends goes with it, and its folder too. */
  @Test
  void uploadsThatAreCutOffAreRemoved() throws Exception {
    int port = URI.create(server.url()).getPort();
    long before = temporaries();
    try (Socket socket = new Socket(InetAddress.getByAddress(new byte[] {127, 0, 0, 1}), port)) {
      String head =
          "POST /api/capture HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: %s\r\nContent-Length: 1000\r\n\r\nx"
              .formatted(port, BYTES);
      socket.getOutputStream().write(head.getBytes(StandardCharsets.ISO_8859_1));
      for (int wait = 0; wait < 200 && temporaries() == before; wait++) {
        Thread.sleep(50);
      }
      assertThat(temporaries()).isEqualTo(before + 1);
      server.close();
      assertThat(temporaries()).isEqualTo(before);
    }
  }

  @Test
  void whatIsNoCaptureIsRefused() throws Exception {
    for (byte[] bytes : List.of(new byte[0], new byte[] {1, 2, 3}, new byte[64])) {
      HttpResponse<String> answer = post("api/capture", BYTES, BodyPublishers.ofByteArray(bytes));
      assertThat(answer.statusCode()).isEqualTo(400);
      assertThat(answer.body()).contains("\"argument\": \"header\"");
    }
  }

  /** One file: it loads nothing, and the data inside cannot end its script. */
  @Test
  void theSavedPageNeedsNothingElse() throws Exception {
    Map<String, ?> answer =
        Json.object(post("api/html", "{\"mask\": \"share-question\", \"seqlenQ\": 200}").body());
    String html = String.valueOf(answer.get("html"));
    assertThat(html)
        .doesNotContain("http://", "https://", "src=", "@import", "url(", "form.js", "fetch(")
        .contains("default-src 'none'", "FlashMaskPatterns.of(200).shareQuestion(");
    assertThat(html.replace("href=\"data:,\"", "")).doesNotContain("href=");
    int data = html.indexOf("id=\"saved\"");
    assertThat(html.substring(data, html.indexOf("</script>", data))).doesNotContain("</");
    assertThat(post("api/html", "{\"mask\": \"causal\", \"seqlenQ\": 1025}").body())
        .contains("at most 1024")
        .contains("1025");
  }
}
