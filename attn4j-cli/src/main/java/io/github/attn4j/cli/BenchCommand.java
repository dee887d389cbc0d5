package io.github.attn4j.cli;

import io.github.attn4j.AttentionSpec;
import io.github.attn4j.DType;
import io.github.attn4j.RefusedException;
import io.github.attn4j.cli.capture.Json;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
    name = "bench",
    sortOptions = false,
    description = {
      "Measures speed as a share of the machine's peak, measured just before in the same process.",
      "",
      "Every option takes several values separated by commas; all combinations are measured.",
      ""
    },
    footer = {
      "",
      "GFLOP count 4 x batch x heads x seq x seq-k x dim x the visible share of elements, "
          + "2.5 times that for the "
          + "backward. The peak is a loop of fused multiply-adds on registers, on as many "
          + "threads. Times are medians "
          + "of warm runs. The masks are those of 'attn4j mask', at FlashMask's benchmark "
          + "settings.",
      "",
      "Examples:",
      "  attn4j bench --mask full,causal --seq 4096",
      "  attn4j bench --pass forward,backward --dim 64,128 --threads 1,2 --json results.jsonl"
    })
final class BenchCommand implements Callable<Integer> {
  private final Terminal terminal;
  private final double seconds;

  @Spec private CommandSpec spec;

  @Option(
      names = "--pass",
      split = ",",
      defaultValue = "forward",
      description = "forward or backward; forward unless given.")
  private List<String> passes;

  @Option(
      names = "--dtype",
      split = ",",
      defaultValue = "f32",
      description = "f32, bf16 or f16; f32 unless given.")
  private List<String> dtypes;

  @Option(names = "--batch", split = ",", defaultValue = "1", description = "1 unless given.")
  private List<Integer> batches;

  @Option(
      names = "--heads",
      split = ",",
      defaultValue = "8",
      description = "Query heads; 8 unless given.")
  private List<Integer> heads;

  @Option(
      names = "--kv-heads",
      split = ",",
      description = "Key and value heads; as --heads unless given.")
  private @Nullable List<Integer> kvHeads;

  @Option(
      names = "--seq",
      split = ",",
      defaultValue = "2048",
      description = "Query rows; 2048 unless given.")
  private List<Integer> seqs;

  @Option(names = "--seq-k", split = ",", description = "Key rows; as --seq unless given.")
  private @Nullable List<Integer> seqKs;

  @Option(
      names = "--dim",
      split = ",",
      defaultValue = "128",
      description = "Columns of a head; 128 unless given.")
  private List<Integer> dims;

  @Option(
      names = "--mask",
      paramLabel = "NAME",
      split = ",",
      defaultValue = "full",
      description = "A pattern of 'attn4j mask'; full unless given.")
  private List<String> masks;

  @Option(
      names = "--threads",
      paramLabel = "N",
      split = ",",
      defaultValue = "1",
      description = "Threads at work; 1 unless given, 0 for one per processor.")
  private List<Integer> threads;

  @Option(
      names = "--json",
      paramLabel = "FILE",
      description = "Writes one JSON object per measured line.")
  private @Nullable Path json;

  /** The command, taking about a second to warm up and a second to measure. */
  BenchCommand(Terminal terminal) {
    this(terminal, 1);
  }

  BenchCommand(Terminal terminal, double seconds) {
    this.terminal = terminal;
    this.seconds = seconds;
  }

  /** One line of the table. */
  private record Case(
      String pass,
      String dtype,
      String mask,
      int batch,
      int heads,
      int kvHeads,
      int seq,
      int seqK,
      int dim,
      int threads) {}

  @Override
  public Integer call() throws IOException {
    List<Case> cases = cases();
    cases.forEach(this::checkWords);
    // Before anything is measured: a typing error in the last case must not cost the others.
    for (Case one : cases) {
      try {
        attention(one);
      } catch (IllegalArgumentException e) {
        throw wrong(e.getMessage());
      }
    }
    Table table =
        new Table(
                "mask", "pass", "dtype", "B", "H", "Hk", "S", "Sk", "D", "threads", "ms", "GFLOP/s",
                "peak", "share", "tiles")
            .widths(21, 8, 5, 2, 3, 3, 6, 6, 3, 7, 10, 8, 7, 5, 5);
    try (Progress progress = new Progress(terminal, "bench", cases.size());
        BufferedWriter lines = json == null ? null : Files.newBufferedWriter(json)) {
      progress.println(table.last());
      for (Case one : cases) {
        progress.label(one.mask() + " " + one.pass());
        Map<String, Object> line = measure(one);
        progress.println(table.row(cells(one, line)).last());
        if (lines != null) {
          lines.write(Json.write(line));
          lines.newLine();
          lines.flush();
        }
        progress.step();
      }
    } catch (RefusedException e) {
      throw wrong(e.getMessage());
    }
    return 0;
  }

  private List<Case> cases() {
    // Left out, key lengths and heads follow the queries' own; 0 stands for that.
    List<List<?>> axes =
        List.of(
            passes,
            dtypes,
            masks,
            batches,
            heads,
            kvHeads == null ? List.of(0) : kvHeads,
            seqs,
            seqKs == null ? List.of(0) : seqKs,
            dims,
            threads);
    List<List<Object>> rows = List.of(List.of());
    for (List<?> axis : axes) {
      rows = rows.stream().flatMap(row -> axis.stream().map(value -> plus(row, value))).toList();
    }
    return rows.stream().map(BenchCommand::toCase).toList();
  }

  private static List<Object> plus(List<Object> row, Object value) {
    List<Object> longer = new ArrayList<>(row);
    longer.add(value);
    return longer;
  }

  private static Case toCase(List<Object> row) {
    int[] numbers = new int[row.size()];
    for (int n = 3; n < numbers.length; n++) {
      numbers[n] = (Integer) row.get(n);
    }
    return new Case(
        (String) row.get(0),
        (String) row.get(1),
        (String) row.get(2),
        numbers[3],
        numbers[4],
        numbers[5] == 0 ? numbers[4] : numbers[5],
        numbers[6],
        numbers[7] == 0 ? numbers[6] : numbers[7],
        numbers[8],
        numbers[9]);
  }

  private void checkWords(Case one) {
    switch (one.pass()) {
      case "forward", "backward" -> {}
      case "decode" ->
          throw wrong(
              "--pass decode: there is no kernel for decoding yet; expected forward or backward");
      default -> throw wrong("--pass: expected forward or backward, got " + one.pass());
    }
    if (one.dtype().equals("int8")) {
      throw wrong(
          "--dtype int8: keys in int8 belong to decoding, which has no kernel yet;"
              + " expected f32, bf16 or f16");
    }
    dtype(one.dtype());
    int least =
        IntStream.of(one.batch(), one.heads(), one.kvHeads(), one.seq(), one.seqK(), one.dim())
            .min()
            .orElse(1);
    if (least < 1 || one.threads() < 0) {
      throw wrong("expected sizes of at least 1 and threads of at least 0, got " + one);
    }
    if (one.heads() % one.kvHeads() != 0) {
      throw wrong(
          "--kv-heads: expected a divisor of %d heads, got %d"
              .formatted(one.heads(), one.kvHeads()));
    }
  }

  private DType dtype(String name) {
    return switch (name) {
      case "f32" -> DType.FLOAT32;
      case "bf16" -> DType.BFLOAT16;
      case "f16" -> DType.FLOAT16;
      default -> throw wrong("--dtype: expected f32, bf16 or f16, got " + name);
    };
  }

  private AttentionSpec attention(Case one) {
    return AttentionSpec.builder()
        .padded(one.batch(), one.seq(), one.seqK())
        .heads(one.heads(), one.kvHeads())
        .dims(one.dim(), one.dim())
        .dtype(dtype(one.dtype()))
        .mask(
            Patterns.named(
                    one.mask(), one.seq(), one.seqK(), one.heads(), Patterns.Options.defaults())
                .mask())
        .threads(one.threads())
        .build();
  }

  private Map<String, Object> measure(Case one) {
    AttentionSpec call = attention(one);
    Workload work = new Workload(call, 1);
    int count = call.execution().resolvedThreads();
    double peak = Machine.peakGflops(count).orElse(Double.NaN);
    boolean forward = one.pass().equals("forward");
    Timing timing = Timing.of(forward ? work::forward : work::backward, seconds);
    double gflop = work.forwardGflop() * (forward ? 1 : Workload.BACKWARD);
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("pass", one.pass());
    line.put("dtype", one.dtype());
    line.put("mask", one.mask());
    line.put("batch", one.batch());
    line.put("heads", one.heads());
    line.put("kv_heads", one.kvHeads());
    line.put("seq", one.seq());
    line.put("seq_k", one.seqK());
    line.put("dim", one.dim());
    line.put("threads", count);
    line.put("seconds", timing.seconds());
    line.put("gflops", gflop / timing.seconds());
    line.put("peak_gflops", peak);
    line.put("share", gflop / timing.seconds() / peak);
    line.put("tile_density", work.plan().tiles().density());
    line.put("runs", timing.runs());
    line.put("backend", work.plan().backend());
    Machine.vectorBits(work.plan().backend()).ifPresent(bits -> line.put("vector_bits", bits));
    return line;
  }

  private static String[] cells(Case one, Map<String, Object> line) {
    return new String[] {
      one.mask(),
      one.pass(),
      one.dtype(),
      "" + one.batch(),
      "" + one.heads(),
      "" + one.kvHeads(),
      "" + one.seq(),
      "" + one.seqK(),
      "" + one.dim(),
      String.valueOf(line.get("threads")),
      number("%.3f", line.get("seconds"), 1e3),
      number("%.1f", line.get("gflops"), 1),
      number("%.1f", line.get("peak_gflops"), 1),
      number("%.3f", line.get("share"), 1),
      number("%.3f", line.get("tile_density"), 1)
    };
  }

  private static String number(String format, @Nullable Object value, double factor) {
    return value instanceof Double number
        ? String.format(Locale.ROOT, format, number * factor)
        : "";
  }

  private ParameterException wrong(@Nullable String message) {
    return new ParameterException(spec.commandLine(), message);
  }
}
