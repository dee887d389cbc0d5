package io.github.attn4j.cli.page;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.Mask;
import io.github.attn4j.operators.FlashMaskPattern;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JavaSnippetTest {
  @TempDir Path folder;

  private static List<MaskQuery> queries() {
    List<MaskQuery> queries = new ArrayList<>();
    for (String name : MaskQueryTest.names()) {
      queries.add(MaskQuery.of(Map.of("mask", name, "seqlenQ", 40L)));
      queries.add(
          MaskQuery.of(Map.of("mask", "prefix", "seqlenQ", 40L, "and", Map.of("mask", name))));
    }
    for (String json :
        List.of(
            "{\"mask\": \"causal\", \"seqlenQ\": 5, \"seqlenK\": 9, \"alignment\": \"top-left\"}",
            "{\"mask\": \"causal\", \"seqlenQ\": 9, \"seqlenK\": 5}",
            "{\"mask\": \"window\", \"seqlenQ\": 9, \"left\": \"open\", \"right\": \"-2\", \"alignment\": \"top-left\"}",
            "{\"mask\": \"window\", \"seqlenQ\": 12, \"left\": \"010\"}",
            "{\"mask\": \"window\", \"seqlenQ\": 7, \"seqlenK\": 11, \"left\": 2, \"right\": \"open\"}",
            "{\"mask\": \"prefix\", \"seqlenQ\": 7, \"seqlenK\": 11, \"alignment\": \"top-left\"}",
            "{\"mask\": \"documents\", \"seqlenQ\": 9, \"seqlenK\": 6, \"documents\": \"4,5\", \"documentsK\": \"2,3\"}",
            "{\"mask\": \"prefix-lm-document\", \"seqlenQ\": 9, \"documents\": \"4,2:5\"}",
            "{\"mask\": \"global-sliding-window\", \"seqlenQ\": 9, \"window\": \"2\"}",
            "{\"mask\": \"ernie-packed\", \"seqlenQ\": 9, \"documents\": \"4,4\"}",
            "{\"mask\": \"causal-document\", \"seqlenQ\": 9, \"documents\": \"3,3,3\"}",
            "{\"mask\": \"qk-sparse\", \"seqlenQ\": 9, \"spans\": \"\"}",
            "{\"mask\": \"columns\", \"seqlenQ\": 2, \"startend_row_indices\": [[1, 2, 0, 1], [2, 2, 0, 0]]}")) {
      queries.add(MaskQuery.read(json));
    }
    return queries;
  }

  private void compile(List<String> sources) throws Exception {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "-d",
                folder.toString(),
                "-proc:none",
                "-Xlint:all",
                "-Werror",
                "-cp",
                System.getProperty("java.class.path")));
    for (int n = 0; n < sources.size(); n++) {
      Path file = Files.createDirectories(folder.resolve("p" + n)).resolve("CopiedMask.java");
      Files.writeString(file, "package p" + n + ";\n\n" + sources.get(n));
      arguments.add(file.toString());
    }
    JavaCompiler compiler = Objects.requireNonNull(ToolProvider.getSystemJavaCompiler());
    assertThat(compiler.run(null, null, null, arguments.toArray(String[]::new))).isZero();
  }

  private static Object call(Class<?> type, String name) throws ReflectiveOperationException {
    Method method = type.getDeclaredMethod(name);
    method.setAccessible(true);
    return Objects.requireNonNull(method.invoke(null));
  }

  /** Every snippet compiles without a warning, and both of its masks are the one on the page. */
  @Test
  void whatIsCopiedMakesTheMask() throws Exception {
    List<MaskQuery> queries = queries();
    List<String> sources =
        queries.stream()
            .map(query -> String.valueOf(MaskData.of(Subject.of(query)).get("java")))
            .toList();
    compile(sources);
    try (URLClassLoader loader = new URLClassLoader(new URL[] {folder.toUri().toURL()})) {
      for (int n = 0; n < queries.size(); n++) {
        MaskQuery query = queries.get(n);
        Class<?> type = loader.loadClass("p" + n + ".CopiedMask");
        Mask mask = (Mask) call(type, "mask");
        MaskQueryTest.assertSame(mask, query.make(), query.extent());
        if (sources.get(n).contains("pattern()")) {
          FlashMaskPattern pattern = (FlashMaskPattern) call(type, "pattern");
          MaskQueryTest.assertSame(pattern.mask(), query.make(), query.extent());
        } else {
          assertThat(sources.get(n)).contains("No FlashMask form");
        }
      }
    }
  }

  @Test
  void whatIsTooLongToBeWrittenDownSaysSo() {
    MaskQuery query = MaskQuery.of(Map.of("mask", "window", "seqlenQ", 5000L));
    assertThat(String.valueOf(MaskData.of(Subject.of(query)).get("java")))
        .contains("Mask.window(625, 0)")
        .contains("too many to be written down here");
  }
}
