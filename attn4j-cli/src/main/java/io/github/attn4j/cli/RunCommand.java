package io.github.attn4j.cli;

import io.github.attn4j.Attention;
import io.github.attn4j.cli.capture.CaptureOperator;
import io.github.attn4j.cli.capture.CaptureRunner;
import io.github.attn4j.spi.AttentionBackend;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "run",
    description = {
      "Replays captured operator calls and compares their results.",
      "",
      "A capture is a safetensors file with the tensors of one call and, in its "
          + "__metadata__, the strings 'op' and "
          + "'attrs' (JSON). 'dout' in it runs the backward too; 'expected.NAME' is compared "
          + "with the result NAME.",
      "",
      "Operators: paddle.flashmask_attention, paddle.flash_attn_varlen_qkvpacked,",
      "paddle.flash_attn_unpadded, torch_npu.npu_fusion_attention,",
      "mindspore.incre_flash_attention, onnx.Attention. docs/captures.md has their tensors,",
      "arguments and results.",
      ""
    },
    footer = {
      "",
      "Each call writes DIR/NAME.safetensors, or DIR/NAME.error.txt with one line if it is "
          + "refused.",
      "An error is within its bound if it is at most twice the error of a plain program in "
          + "the same precision, plus "
          + "rounding noise.",
      "",
      "Exit status: 0 all ran and every comparison held, 1 some call was refused or "
          + "differed, 2 wrong command line.",
      "",
      "Examples:",
      "  attn4j run --out results captures/*-flashmask.safetensors",
      "  attn4j run --backend reference --out truth call.safetensors",
      "",
      "Writing a capture from Python:",
      "  safetensors.numpy.save_file({'query': q, 'key': k, 'value': v}, 'call.safetensors',",
      "      metadata={'op': 'paddle.flashmask_attention', 'attrs': json.dumps({'causal': True})})"
    })
final class RunCommand implements Callable<Integer> {
  private final Terminal terminal;

  @Spec private CommandSpec spec;

  @Option(
      names = "--backend",
      paramLabel = "NAME",
      description = "The backend to use; the best that does not refuse, unless given.")
  private @Nullable String backend;

  @Option(
      names = "--threads",
      paramLabel = "N",
      defaultValue = "0",
      description = "Threads at work; 0, the default, is one per processor.")
  private int threads;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      required = true,
      description = "Folder of the results; made if it is not there.")
  private Path out;

  @Parameters(
      arity = "1..*",
      paramLabel = "CALL.safetensors",
      description = "The captures to replay.")
  private List<Path> calls;

  RunCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() throws IOException {
    CaptureRunner runner = new CaptureRunner(out, new CaptureOperator.Options(backend, threads));
    checkCommandLine(runner);
    Files.createDirectories(out);
    boolean ok = true;
    try (Progress progress = new Progress(terminal, "run", calls.size())) {
      for (Path file : calls) {
        progress.label(CaptureRunner.name(file));
        CaptureRunner.Outcome outcome = runner.run(file);
        ok &= outcome.ok();
        progress.println(outcome.line());
        progress.step();
      }
    }
    return ok ? 0 : 1;
  }

  private void checkCommandLine(CaptureRunner runner) throws IOException {
    if (threads < 0) {
      throw wrong("--threads: expected at least 0, got " + threads);
    }
    List<String> names = Attention.backends().stream().map(AttentionBackend::name).toList();
    if (backend != null && !names.contains(backend)) {
      throw wrong("--backend: expected one of %s, got %s".formatted(names, backend));
    }
    if (Files.exists(out) && !Files.isDirectory(out)) {
      throw wrong("--out: expected a folder, got the file " + out);
    }
    Map<String, Path> byName = new HashMap<>();
    for (Path file : calls) {
      String name = CaptureRunner.name(file);
      Path other = byName.put(name, file);
      if (other != null) {
        throw wrong(
            "%s and %s would both write %s".formatted(other, file, runner.resultFile(name)));
      }
      if (Files.exists(file)
          && Files.exists(runner.resultFile(name))
          && Files.isSameFile(file, runner.resultFile(name))) {
        throw wrong("--out: the results of %s would overwrite it".formatted(file));
      }
    }
  }

  private ParameterException wrong(String message) {
    return new ParameterException(spec.commandLine(), message);
  }
}
