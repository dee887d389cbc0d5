package io.github.attn4j.examples.gpt;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * Text cut into documents.
 *
 * @param files how many were read
 * @param train documents to learn from, as UTF-8
 * @param heldOut documents that training never sees
 */
record Corpus(int files, List<byte[]> train, List<byte[]> heldOut) {
  /** One document of so many is held out. */
  private static final int HELD_OUT = 10;

  /** The documents of this project, which the build copies beside the classes. */
  static Corpus ofProject() {
    URL text = Objects.requireNonNull(Corpus.class.getResource("text"), "the build copies text");
    try {
      URI uri = text.toURI();
      return read(Path.of(uri));
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Reads text. A document starts with a Markdown heading, or with its file; a file without
   * headings is one document for each paragraph.
   *
   * @param path a file, or a folder whose files are read in the order of their names
   */
  static Corpus read(Path path) throws IOException {
    List<Path> files;
    try (Stream<Path> found = Files.walk(path)) {
      files = found.filter(Files::isRegularFile).sorted().toList();
    }
    List<byte[]> train = new ArrayList<>();
    List<byte[]> heldOut = new ArrayList<>();
    int number = 0;
    for (Path file : files) {
      for (String document : documents(Files.readString(file))) {
        boolean held = ++number % HELD_OUT == 0;
        (held ? heldOut : train).add(document.getBytes(StandardCharsets.UTF_8));
      }
    }
    if (heldOut.isEmpty()) {
      throw new IllegalArgumentException(
          "text: expected at least %d documents in %s, got %d"
              .formatted(HELD_OUT, path, train.size()));
    }
    return new Corpus(files.size(), train, heldOut);
  }

  private static List<String> documents(String text) {
    String headings = "(?m)(?=^#{1,6} )";
    String[] parts = text.split(headings);
    if (parts.length == 1) {
      parts = text.split("(?<=\n)(?:[ \t]*\n)+");
    }
    return Stream.of(parts).map(String::strip).filter(part -> !part.isEmpty()).toList();
  }

  /** The length of all documents. */
  long bytes() {
    return Stream.concat(train.stream(), heldOut.stream()).mapToLong(one -> one.length).sum();
  }

  /**
   * The surprise per byte, in nats, of whoever knows how often each byte comes and nothing else.
   */
  double unigramEntropy() {
    long[] counts = new long[GptConfig.VOCABULARY];
    long total = 0;
    for (byte[] document : heldOut) {
      for (byte b : document) {
        counts[b & 0xff]++;
      }
      total += document.length;
    }
    double entropy = 0;
    for (long count : counts) {
      if (count > 0) {
        entropy -= (double) count / total * Math.log((double) count / total);
      }
    }
    return entropy;
  }
}
