package io.github.attn4j.cli;

import io.github.attn4j.AttentionPlan;
import io.github.attn4j.RefusedException;
import io.github.attn4j.cli.capture.Json;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
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
      "Measures speed as a share of what the machine can do, measured just before in the same "
          + "process:",
      "forward and backward of its multiply-add peak, decode of its read bandwidth.",
      "",
      "Every option takes several values separated by commas; all combinations are measured.",
      ""
    },
    footer = {
      "",
      "GFLOP count 4 x batch x heads x seq x seq-k x dim x the visible share of elements, "
          + "2.5 times that for the "
          + "backward. The peak is a loop of fused multiply-adds on registers, on as many "
          + "threads; of bfloat16 where the kernels multiply that. Times are medians "
          + "of warm runs. The masks are those of 'attn4j mask', at FlashMask's benchmark "
          + "settings.",
      "",
      "A decode step has one query row per sequence and reads a cache of --seq-k, or --seq, rows. "
          + "Tokens are "
          + "batch / time of a step, of one layer; bytes are those of key and value. Steps take "
          + "turns over caches "
          + "of 256 MiB together (64 of them at most), as the layers of a model do, so that a step "
          + "finds none of its keys in the "
          + "processor's own caches. The query of an int8 or int4 cache is f32.",
      "",
      "Examples:",
      "  attn4j bench --mask full,causal --seq 4096",
      "  attn4j bench --pass forward,backward --dim 64,128 --threads 1,2 --json results.jsonl",
      "  attn4j bench --pass decode --dtype f32,bf16,int8 --heads 32 --kv-heads 8 --seq-k 8192 "
          + "--page-size 0,128"
    })
final class BenchCommand implements Callable<Integer> {
  private final Terminal terminal;
  private final double seconds;

  @Spec private CommandSpec spec;

  @Option(
      names = "--pass",
      split = ",",
      defaultValue = "forward",
      description = "forward, backward or decode; forward unless given.")
  private List<String> passes;

  @Option(
      names = "--dtype",
      split = ",",
      defaultValue = "f32",
      description = "f32, bf16 or f16, for decode int8 or int4 too; f32 unless given.")
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
      names = "--page-size",
      paramLabel = "N",
      split = ",",
      defaultValue = "0",
      description = "Keys of a page when decoding; 0, a cache in one piece, unless given.")
  private List<Integer> pageSizes;

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

  @Override
  public Integer call() throws IOException {
    List<BenchCase> cases = cases();
    // Before anything is measured: a typing error in the last case must not cost the others.
    for (BenchCase one : cases) {
      try {
        one.check();
        one.spec();
      } catch (IllegalArgumentException e) {
        throw wrong(e.getMessage());
      }
    }
    BenchTable table = null;
    try (Progress progress = new Progress(terminal, "bench", cases.size());
        BufferedWriter lines = json == null ? null : Files.newBufferedWriter(json)) {
      for (BenchCase one : cases) {
        BenchTable fitting = one.decodes() ? BenchTable.DECODE : BenchTable.PASSES;
        if (!fitting.equals(table)) {
          table = fitting;
          progress.println(fitting.titles());
        }
        progress.label(one.mask() + " " + one.pass());
        Map<String, Object> line = measure(one);
        progress.println(fitting.line(line));
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

  private List<BenchCase> cases() {
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
            threads,
            pageSizes);
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

  private static BenchCase toCase(List<Object> row) {
    int[] numbers = new int[row.size()];
    for (int n = 3; n < numbers.length; n++) {
      numbers[n] = (Integer) row.get(n);
    }
    String pass = (String) row.get(0);
    return new BenchCase(
        pass,
        (String) row.get(1),
        (String) row.get(2),
        numbers[3],
        numbers[4],
        numbers[5] == 0 ? numbers[4] : numbers[5],
        pass.equals(BenchCase.DECODE) ? 1 : numbers[6],
        numbers[7] == 0 ? numbers[6] : numbers[7],
        numbers[8],
        numbers[9],
        numbers[10]);
  }

  private Map<String, Object> measure(BenchCase one) {
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
    AttentionPlan plan = one.decodes() ? decode(one, line) : pass(one, line);
    line.put("backend", plan.backend());
    Machine.vectorBits(plan.backend()).ifPresent(bits -> line.put("vector_bits", bits));
    return line;
  }

  private AttentionPlan pass(BenchCase one, Map<String, Object> line) {
    Workload work = new Workload(one.spec(), 1);
    int count = work.plan().spec().execution().resolvedThreads();
    double peak = Machine.peakGflops(count, work.plan().spec().dtype()).orElse(Double.NaN);
    boolean forward = one.pass().equals("forward");
    Timing timing = Timing.of(forward ? work::forward : work::backward, seconds);
    double gflop = work.forwardGflop() * (forward ? 1 : Workload.BACKWARD);
    line.put("threads", count);
    line.put("seconds", timing.seconds());
    line.put("gflops", gflop / timing.seconds());
    line.put("peak_gflops", peak);
    line.put("share", gflop / timing.seconds() / peak);
    line.put("tile_density", work.plan().tiles().density());
    line.put("runs", timing.runs());
    return work.plan();
  }

  private AttentionPlan decode(BenchCase one, Map<String, Object> line) {
    DecodeWorkload work = new DecodeWorkload(one, 1);
    int count = work.plan().spec().execution().resolvedThreads();
    double peak = Machine.readGigabytes(count).orElse(Double.NaN);
    Timing timing = Timing.of(work::step, seconds);
    double gigabytes = work.bytes() * 1e-9 / timing.seconds();
    line.put("page_size", one.pageSize());
    line.put("threads", count);
    line.put("seconds", timing.seconds());
    line.put("tokens_per_second", one.batch() / timing.seconds());
    line.put("cache_gb_per_second", gigabytes);
    line.put("read_gb_per_second", peak);
    line.put("share", gigabytes / peak);
    line.put("runs", timing.runs());
    return work.plan();
  }

  private ParameterException wrong(@Nullable String message) {
    return new ParameterException(spec.commandLine(), message);
  }
}
