package io.github.attn4j.examples.docs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import io.github.attn4j.cli.capture.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicNode;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a reader copies from a page runs, and prints what the page says. */
final class DocumentationTest {
  @TempDir private Path folder;

  @TestFactory
  Stream<DynamicNode> everyBlockRuns() {
    return Page.all().stream()
        .filter(page -> !page.blocks().isEmpty())
        .map(page -> DynamicTest.dynamicTest(page.name(), () -> run(page)));
  }

  @TestFactory
  Stream<DynamicNode> everyLinkLeadsSomewhere() {
    return Page.all().stream()
        .map(page ->
            DynamicTest.dynamicTest(page.name(), () -> assertThat(page.deadLinks()).isEmpty()));
  }

  private void run(Page page) throws Exception {
    Path own = Files.createDirectories(folder.resolve(page.name().replace('/', '-')));
    writeCapture(own.resolve("call.safetensors"));
    Files.writeString(own.resolve("mask.json"), "{\"mask\": \"causal\", \"seqlenQ\": 8}");
    JavaProgram program = new JavaProgram(page);
    if (!program.isEmpty()) {
      program.compile(own);
      for (String mainClass : program.mainClasses()) {
        String printed = JavaRun.inProcess(mainClass, own);
        program.outputs(mainClass, printed).forEach((block, out) -> Output.check(page, block, out));
      }
    }
    boolean skipped = false;
    for (Block block : page.blocks()) {
      switch (block.language()) {
        case "java" -> {}
        case "text" -> assertFollowsCode(page, block);
        case "xml" -> new PomSnippet(block).check();
        case "bash" -> runCommands(page, block, own);
        case "python" -> {
          skipped |= !PythonSnippet.available();
          if (!skipped) {
            Output.check(page, block, new PythonSnippet(block).run(own));
          }
        }
        default ->
            throw new AssertionError(
                block.place() + ": no way to run a block of \"%s\"".formatted(block.language()));
      }
    }
    assumeTrue(!skipped, "NOT RUN: the Python of " + page.name() + ", there is no python3");
  }

  private static void runCommands(Page page, Block block, Path folder) throws Exception {
    StringBuilder printed = new StringBuilder();
    boolean ran = false;
    for (ShellCommand command : ShellCommand.of(block)) {
      if (!command.runsElsewhere()) {
        printed.append(command.run(folder));
        ran = true;
      }
    }
    if (ran) {
      Output.check(page, block, printed.toString());
    }
  }

  private static void assertFollowsCode(Page page, Block block) {
    int before = page.blocks().indexOf(block) - 1;
    assertThat(
            before >= 0
                && List.of("java", "bash", "python").contains(page.blocks().get(before).language()))
        .as("%s: a text block shows what the code before it prints", block.place())
        .isTrue();
  }

  /** The {@code call.safetensors} of pages that do not write their own. */
  private static void writeCapture(Path file) throws IOException {
    Tensor numbers = Tensor.zeros(DType.FLOAT32, 1, 64, 2, 16);
    Tensor indices = Tensor.zeros(DType.INT32, 1, 1, 64, 1);
    for (int j = 0; j < 64; j++) {
      indices.setLong(j < 40 ? 40 : 64, 0, 0, j, 0);
      numbers.set(Math.sin(j), 0, j, 0, j % 16);
    }
    SafetensorsWriter.write(
        file,
        Map.of("op", "paddle.flashmask_attention", "attrs", "{\"causal\": true}"),
        Map.of(
            "query", numbers, "key", numbers, "value", numbers, "startend_row_indices", indices));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"```json\n{}\n```", "```\nno language\n```", "    rm -r /", "```text\nalone\n```"})
  void whatCannotBeRunFails(String text) {
    Page page = Page.of("page.md", "Words.\n\n" + text + "\n");
    assertThatThrownBy(() -> run(page)).isInstanceOf(AssertionError.class);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "```java\nint x = y;\n```",
        "```java\nthrow new IllegalStateException();\n```",
        "```java\nSystem.out.println(2);\n```\n\n```text\n3\n```",
        "```java\nrecord Wrong(int a) {\n  int b() { return \"\"; }\n}\n```"
      })
  void codeThatIsWrongFails(String text) {
    Page page = Page.of("page.md", text + "\n");
    assertThatThrownBy(() -> run(page)).isInstanceOf(AssertionError.class);
  }
}
