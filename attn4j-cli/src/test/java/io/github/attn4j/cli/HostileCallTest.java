package io.github.attn4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import io.github.attn4j.testkit.Cases;
import io.github.attn4j.testkit.Draw;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Captures that something is wrong with: each runs or is refused in one line, none is a fault. */
class HostileCallTest {
  private static final long FIRST = Long.getLong(Cases.SEED, 1);
  private static final int COUNT = Integer.getInteger(Cases.COUNT, 300);

  private static final List<String> VALUES =
      List.of(
          "-1",
          "0",
          "1",
          "2",
          "3",
          "7",
          "2147483647",
          "-2147483648",
          "4294967296",
          "1e300",
          "0.5",
          "-0.0",
          "true",
          "false",
          "null",
          "\"\"",
          "\"TND\"",
          "\"BSH\"",
          "\"SBH\"",
          "[]",
          "[0]",
          "[3, 1]",
          "[-1, 5]",
          "[5, 10]",
          "[0, 9223372036854775807]",
          "[null]",
          "{}",
          "99999999999999999999");

  private static final List<String> NAMES =
      List.of(
          "head_num",
          "input_layout",
          "scale",
          "keep_prob",
          "pre_tockens",
          "next_tockens",
          "prefix",
          "actual_seq_qlen",
          "actual_seq_kvlen",
          "sparse_mode",
          "softmax_layout",
          "seed",
          "pse_type",
          "q_start_idx",
          "kv_start_idx",
          "inner_precise",
          "num_heads",
          "num_key_value_heads",
          "scale_value",
          "actual_seq_lengths",
          "block_size",
          "max_seqlen_q",
          "max_seqlen_k",
          "dropout",
          "causal",
          "return_softmax",
          "varlen_padded",
          "training",
          "is_causal",
          "opset",
          "q_num_heads",
          "kv_num_heads",
          "softcap",
          "qk_matmul_output_mode",
          "softmax_precision");

  @TempDir Path folder;

  @Test
  void whateverAFileHoldsTheAnswerIsOneLine() throws IOException {
    Path file = folder.resolve("call.safetensors");
    for (long seed = FIRST; seed < FIRST + COUNT; seed++) {
      Draw draw = new Draw(seed);
      OperatorCalls.Call call = draw.pick(OperatorCalls.all());
      for (int change = draw.between(1, 3); change > 0; change--) {
        call = changed(call, draw);
      }
      call.write(file);
      if (draw.chance(0.2)) {
        damage(file, draw);
      }
      Cli.Said said = Cli.run("run", "--out", folder.resolve("out").toString(), file.toString());
      String what = "-Dattn4j.seed=%d: %s %s".formatted(seed, call, said.out());
      assertThat(said.status()).as(what).isBetween(0, 1);
      assertThat(said.err()).as(what).isEmpty();
      assertThat(said.out().lines()).as(what).hasSize(1);
      assertThat(said.out()).as(what).doesNotContain("expected no fault");
      Cli.Said drawn = Cli.run("mask", file.toString());
      assertThat(drawn.status()).as(what).isBetween(0, 2);
      assertThat(drawn.err())
          .as(what)
          .doesNotContain("expected no fault", "\tat ")
          .matches("\\P{Cntrl}*\n?|(?s)attn4j mask: .*");
    }
  }

  private static OperatorCalls.Call changed(OperatorCalls.Call call, Draw draw) {
    List<String> names = new ArrayList<>(call.tensors().keySet());
    String name = draw.pick(names);
    Tensor tensor = call.tensor(name);
    return switch (draw.between(0, 6)) {
      case 0 -> call.without(name);
      case 1 -> call.with(name, call.tensor(draw.pick(names)));
      case 2 -> call.with(name, tensor.to(draw.pick(List.of(DType.values()))));
      case 3 -> call.with(name, reshaped(tensor, draw));
      case 4 -> call.with(name, poisoned(tensor, draw));
      default -> {
        String value = "\"" + draw.pick(NAMES) + "\": " + draw.pick(VALUES);
        String key = value.substring(0, value.indexOf(':'));
        // A key that is there gets the value in place of its own.
        yield call.attrs().contains(key)
            ? call.attrs(
                call.attrs().replaceAll(key + ": (\\[[^]]*]|[^,}]*)", value.replace("$", "")))
            : call.attrs(call.attrs().replaceFirst("}$", ", " + value + "}"));
      }
    };
  }

  private static Tensor reshaped(Tensor tensor, Draw draw) {
    if (tensor.rank() == 0) {
      return Tensor.zeros(tensor.dtype(), draw.between(0, 3));
    }
    int dimension = draw.between(0, tensor.rank() - 1);
    return switch (draw.between(0, 3)) {
      case 0 -> tensor.slice(dimension, 0, draw.between(0, (int) tensor.dim(dimension))).copy();
      case 1 -> tensor.reshape(tensor.elements());
      case 2 -> tensor.transpose(dimension, draw.between(0, tensor.rank() - 1)).copy();
      default -> {
        long[] shape = tensor.shape();
        shape[dimension] += draw.between(1, 2);
        yield Tensor.zeros(tensor.dtype(), shape);
      }
    };
  }

  private static Tensor poisoned(Tensor tensor, Draw draw) {
    Tensor copy = tensor.copy();
    Tensor flat = copy.reshape(copy.elements());
    for (long n = 0; n < flat.elements(); n += draw.between(1, 9)) {
      if (tensor.dtype().isFloating()) {
        flat.set(draw.pick(List.of(Double.NaN, Double.POSITIVE_INFINITY, -1e38, 0.0)), n);
      } else {
        flat.setLong(draw.pick(-1, 0, 1, 127, -128), n);
      }
    }
    return copy;
  }

  private static void damage(Path file, Draw draw) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    if (draw.chance(0.3)) {
      bytes = Arrays.copyOf(bytes, draw.between(0, bytes.length - 1));
    }
    for (int flips = draw.between(0, 3); flips > 0 && bytes.length > 0; flips--) {
      bytes[draw.between(0, Math.min(bytes.length, 900) - 1)] ^= (byte) (1 << draw.between(0, 7));
    }
    Files.write(file, bytes);
  }
}
