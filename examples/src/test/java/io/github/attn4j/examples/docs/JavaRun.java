package io.github.attn4j.examples.docs;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** Runs compiled classes: in this process, or in one of their own as a reader would. */
final class JavaRun {
  private static final Duration LIMIT = Duration.ofSeconds(60);

  private JavaRun() {}

  /** The class path of the tests. */
  static String classPath() {
    return System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
  }

  /** Runs {@code main} in a class loader of its own; returns what it printed. */
  static String inProcess(String mainClass, Path classes) throws Exception {
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    PrintStream before = System.out;
    try (URLClassLoader loader =
            new URLClassLoader(
                new URL[] {classes.toUri().toURL()}, JavaRun.class.getClassLoader());
        PrintStream out = new PrintStream(printed, true, StandardCharsets.UTF_8)) {
      Thread thread =
          Thread.ofPlatform()
              .daemon()
              .name(mainClass)
              .unstarted(() -> {
                try {
                  Method main =
                      Class.forName(mainClass, true, loader)
                          .getDeclaredMethod("main", String[].class);
                  main.setAccessible(true);
                  main.invoke(null, (Object) new String[0]);
                } catch (InvocationTargetException thrown) {
                  failure.set(thrown.getCause());
                } catch (ReflectiveOperationException | RuntimeException | Error thrown) {
                  failure.set(thrown);
                }
              });
      System.setOut(out);
      thread.start();
      if (!thread.join(LIMIT)) {
        throw new AssertionError(mainClass + " still runs after " + LIMIT);
      }
    } finally {
      System.setOut(before);
    }
    Throwable thrown = failure.get();
    if (thrown != null) {
      throw new AssertionError(mainClass + " failed: " + thrown, thrown);
    }
    return printed.toString(StandardCharsets.UTF_8);
  }

  /** A page's own {@code java} command, with the class path of the tests in place of the page's. */
  static String inChild(List<String> words, Path classes) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(words);
    command.set(0, Path.of(System.getProperty("java.home"), "bin", "java").toString());
    int classPath = command.indexOf("-cp") + 1;
    if (classPath == 0) {
      throw new AssertionError("expected -cp in " + words);
    }
    command.set(classPath, classes + File.pathSeparator + classPath());
    return process(command, classes, List.of());
  }

  /** Runs a program; returns what it printed, and fails if it fails. */
  static String process(List<String> command, Path folder, List<String> environment)
      throws IOException, InterruptedException {
    Path printed = Files.createTempFile(folder, "printed", ".txt");
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .directory(folder.toFile())
            .redirectErrorStream(true)
            .redirectOutput(printed.toFile());
    for (int n = 0; n + 1 < environment.size(); n += 2) {
      builder.environment().put(environment.get(n), environment.get(n + 1));
    }
    Process process = builder.start();
    if (!process.waitFor(LIMIT)) {
      process.destroyForcibly();
      throw new AssertionError(command + " still runs after " + LIMIT);
    }
    String text = Files.readString(printed);
    if (process.exitValue() != 0) {
      throw new AssertionError(command + " ended with " + process.exitValue() + ":\n" + text);
    }
    return text;
  }
}
