package io.github.attn4j.examples.docs;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.cli.CommandLineRun;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A Python block: a module if its first line names a file, else a script whose captures are
 * replayed.
 *
 * @param block the block
 */
record PythonSnippet(Block block) {
  private static final Pattern FILE = Pattern.compile("# (\\w+\\.py)\\b");

  /** Packages that a snippet may import, of which this machine may have none. */
  private static final List<String> PACKAGES =
      List.of("numpy", "torch", "torch_npu", "paddle", "mindspore", "onnx");

  static boolean available() {
    try {
      return new ProcessBuilder("python3", "--version").start().waitFor() == 0;
    } catch (IOException missing) {
      return false;
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** Keeps a module, or runs a script and replays what it wrote; returns what it printed. */
  String run(Path folder) throws Exception {
    Matcher file = FILE.matcher(block.text());
    if (file.lookingAt()) {
      Files.writeString(folder.resolve(file.group(1)), block.text());
      return "";
    }
    Files.writeString(folder.resolve("snippet.py"), block.text());
    Set<Path> before = captures(folder);
    String printed =
        JavaRun.process(
            List.of("python3", "snippet.py"),
            folder,
            List.of("PYTHONPATH", standIns(folder), "PYTHONDONTWRITEBYTECODE", "1"));
    Set<Path> written = captures(folder);
    written.removeAll(before);
    assertThat(written).as("captures written by %s", block.place()).isNotEmpty();
    written.forEach(capture -> replay(folder, capture));
    return printed;
  }

  private static Set<Path> captures(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .filter(file -> file.toString().endsWith(".safetensors"))
          .collect(Collectors.toCollection(HashSet::new));
    }
  }

  private void replay(Path folder, Path capture) {
    CommandLineRun run =
        CommandLineRun.of(
            "run", "--out", folder.resolve("replayed").toString(), capture.toString());
    assertThat(run.status()).as("%s: %s%s", block.place(), run.out(), run.err()).isZero();
    assertThat(run.out()).as("%s compares something", block.place()).contains(", ok");
  }

  /** Folders of stand-ins, for those packages that are not here. */
  private static String standIns(Path folder) throws IOException, InterruptedException {
    Path resources = resources();
    String asked =
        "import importlib.util as u; print(*[p for p in '%s'.split() if not u.find_spec(p)])"
            .formatted(String.join(" ", PACKAGES));
    String absent = JavaRun.process(List.of("python3", "-c", asked), folder, List.of());
    return Stream.concat(
            Stream.of("attention"), Pattern.compile("\\s+").splitAsStream(absent.strip()))
        .map(name -> resources.resolve(name).toString())
        .collect(Collectors.joining(File.pathSeparator));
  }

  private static Path resources() {
    try {
      return Path.of(Objects.requireNonNull(PythonSnippet.class.getResource("/python")).toURI());
    } catch (java.net.URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }
}
