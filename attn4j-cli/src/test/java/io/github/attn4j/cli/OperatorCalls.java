package io.github.attn4j.cli;

import io.github.attn4j.DType;
import io.github.attn4j.Tensor;
import io.github.attn4j.cli.capture.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;

/** One small call of every operator, with every result it can have, expected in float64. */
final class OperatorCalls {
  private final Random random = new Random(3);

  /**
   * A call as its file will hold it.
   *
   * @param op the operator
   * @param attrs its arguments as JSON
   * @param tensors the others, dout and what is expected
   */
  record Call(String op, String attrs, Map<String, Tensor> tensors) {
    Path write(Path file) throws IOException {
      SafetensorsWriter.write(file, Map.of("op", op, "attrs", attrs), tensors);
      return file;
    }

    Call with(String name, Tensor tensor) {
      Map<String, Tensor> changed = new LinkedHashMap<>(tensors);
      changed.put(name, tensor);
      return new Call(op, attrs, changed);
    }

    Call without(String name) {
      Map<String, Tensor> changed = new LinkedHashMap<>(tensors);
      changed.remove(name);
      return new Call(op, attrs, changed);
    }

    Call attrs(String json) {
      return new Call(op, json, tensors);
    }

    Tensor tensor(String name) {
      return Objects.requireNonNull(tensors.get(name), name);
    }

    List<String> expected() {
      return tensors.keySet().stream().filter(name -> name.startsWith("expected.")).toList();
    }
  }

  static List<Call> all() {
    OperatorCalls calls = new OperatorCalls();
    return List.of(
        calls.npuMasked(),
        calls.npuEverything(),
        calls.increLeftPadded(),
        calls.increPaged(),
        calls.increAllMasked(),
        calls.qkvpacked(),
        calls.unpadded(),
        calls.onnx(),
        calls.onnxJoined());
  }

  private Tensor random(DType dtype, long... shape) {
    Tensor tensor = Tensor.zeros(DType.FLOAT32, shape);
    Tensor flat = tensor.reshape(tensor.elements());
    for (long n = 0; n < flat.elements(); n++) {
      flat.set(random.nextGaussian(), n);
    }
    return tensor.to(dtype);
  }

  private Tensor random(long... shape) {
    return random(DType.FLOAT32, shape);
  }

  private static Tensor lanes(Tensor rows) {
    long[] shape = rows.shape();
    long[] wide = Arrays.copyOf(shape, shape.length + 1);
    wide[shape.length] = 8;
    long[] one = wide.clone();
    one[shape.length] = 1;
    return rows.reshape(one).expand(wide).copy();
  }

  private static Tensor scalar(long value) {
    Tensor scalar = Tensor.zeros(DType.INT64);
    scalar.setLong(value);
    return scalar;
  }

  /** BSND, GQA, a mask per batch entry under which one row sees nothing. */
  private Call npuMasked() {
    Tensor query = random(2, 5, 4, 16);
    Tensor key = random(2, 7, 2, 16);
    Tensor value = random(2, 7, 2, 8);
    Tensor dout = random(2, 5, 4, 8);
    Tensor mask = Tensor.zeros(DType.BOOL, 2, 1, 5, 7);
    for (int j = 0; j < 7; j++) {
      mask.set(1, 1, 0, 2, j);
      mask.set(j % 2, 0, 0, 3, j);
    }
    Oracle truth = new Oracle(query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2));
    truth.scale = 0.3;
    truth.visible = (b, h, i, j) -> mask.get(b, 0, i, j) == 0 ? 1 : 0;
    truth.run(dout.transpose(1, 2));
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put("query", query);
    tensors.put("key", key);
    tensors.put("value", value);
    tensors.put("atten_mask", mask);
    tensors.put("dout", dout);
    tensors.put("expected.attention_out", truth.out.transpose(1, 2).copy());
    tensors.put("expected.softmax_max", lanes(truth.max));
    tensors.put("expected.softmax_sum", lanes(truth.sum));
    tensors.put("expected.seed", scalar(0));
    tensors.put("expected.offset", scalar(0));
    tensors.put("expected.numels", scalar(2 * 4 * 5 * 7));
    tensors.put("expected.dquery", truth.dq.transpose(1, 2).copy());
    tensors.put("expected.dkey", truth.dk.transpose(1, 2).copy());
    tensors.put("expected.dvalue", truth.dv.transpose(1, 2).copy());
    return new Call(
        "torch_npu.npu_fusion_attention",
        "{\"head_num\": 4, \"input_layout\": \"BSND\", \"scale\": 0.3, \"sparse_mode\": 1}",
        tensors);
  }

  /** BNSD with a pse that is added before the scale, sinks, and dropout by given bits. */
  private Call npuEverything() {
    Tensor query = random(1, 2, 4, 8);
    Tensor key = random(1, 2, 6, 8);
    Tensor value = random(1, 2, 6, 8);
    Tensor dout = random(1, 2, 4, 8);
    Tensor pse = random(1, 2, 4, 6);
    Tensor sink = random(2);
    byte[] bits = new byte[16];
    random.nextBytes(bits);
    Oracle truth = new Oracle(query, key, value);
    truth.scale = 0.25;
    truth.added = (b, h, i, j) -> 0.25 * pse.get(b, h, i, j);
    truth.kept =
        (b, h, i, j) -> {
          int bit = (h * 4 + i) * 6 + j;
          return ((bits[bit / 8] >> (bit % 8)) & 1) / 0.75;
        };
    truth.sink[0] = sink.get(0);
    truth.sink[1] = sink.get(1);
    truth.run(dout);
    Tensor dpse = Tensor.zeros(DType.FLOAT32, 1, 2, 4, 6);
    Tensor flat = dpse.reshape(48);
    Tensor dadded = truth.dadded.reshape(48);
    for (int n = 0; n < 48; n++) {
      flat.set(0.25 * dadded.get(n), n);
    }
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put("query", query);
    tensors.put("key", key);
    tensors.put("value", value);
    tensors.put("pse", pse);
    tensors.put("sink", sink);
    tensors.put("dropout_mask", Tensor.of(bits, DType.INT8, 16));
    tensors.put("dout", dout);
    tensors.put("expected.attention_out", truth.out);
    tensors.put("expected.softmax_max", lanes(truth.max));
    tensors.put("expected.softmax_sum", lanes(truth.sum));
    tensors.put("expected.numels", scalar(48));
    tensors.put("expected.dquery", truth.dq);
    tensors.put("expected.dkey", truth.dk);
    tensors.put("expected.dvalue", truth.dv);
    tensors.put("expected.dpse", dpse);
    tensors.put(
        "expected.dsink",
        Tensor.of(new float[] {(float) truth.dsink[0], (float) truth.dsink[1]}, 2));
    return new Call(
        "torch_npu.npu_fusion_attention",
        "{\"head_num\": 2, \"input_layout\": \"BNSD\", \"scale\": 0.25, \"keep_prob\": 0.75}",
        tensors);
  }

  /** BSH in float16, a window that ends before the cache, pse, a mask, int8 out. */
  private Call increLeftPadded() {
    Tensor query = random(DType.FLOAT16, 2, 1, 32);
    Tensor key = random(DType.FLOAT16, 2, 9, 16);
    Tensor value = random(DType.FLOAT16, 2, 9, 16);
    Tensor mask = Tensor.zeros(DType.BOOL, 2, 9);
    mask.set(1, 1, 5);
    Tensor pse = random(DType.FLOAT16, 1, 2, 1, 9);
    int[] lengths = {4, 6};
    Oracle truth =
        new Oracle(
            query.reshape(2, 1, 2, 16).transpose(1, 2),
            key.reshape(2, 9, 1, 16).transpose(1, 2),
            value.reshape(2, 9, 1, 16).transpose(1, 2));
    truth.scale = 0.25;
    truth.visible = (b, h, i, j) -> j >= 7 - lengths[b] && j < 7 && mask.get(b, j) == 0 ? 1 : 0;
    truth.added = (b, h, i, j) -> pse.get(0, h, 0, j);
    truth.run(Tensor.zeros(DType.FLOAT32, 2, 2, 1, 16));
    Tensor out = Tensor.zeros(DType.INT8, 2, 1, 32);
    for (int b = 0; b < 2; b++) {
      for (int c = 0; c < 32; c++) {
        double wide = truth.out.get(b, c / 16, 0, c % 16) * 30 + 2;
        double half = Float.float16ToFloat(Float.floatToFloat16((float) wide));
        double rounded = Math.signum(half) * Math.floor(Math.abs(half) + 0.5);
        out.set(Math.clamp(rounded, -128, 127), b, 0, c);
      }
    }
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put("query", query);
    tensors.put("key", key);
    tensors.put("value", value);
    tensors.put("attn_mask", mask);
    tensors.put("pse_shift", pse);
    tensors.put("quant_scale2", Tensor.of(new float[] {30}, 1));
    tensors.put("quant_offset2", Tensor.of(new float[] {2}, 1));
    tensors.put("kv_padding_size", Tensor.of(new long[] {2}, 1));
    tensors.put("expected.attention_out", out);
    return new Call(
        "mindspore.incre_flash_attention",
        "{\"num_heads\": 2, \"num_key_value_heads\": 1, \"input_layout\": \"BSH\","
            + " \"scale_value\": 0.25, \"actual_seq_lengths\": [4, 6]}",
        tensors);
  }

  /** BNSD over int8 pages that two sequences share in part. */
  private Call increPaged() {
    Tensor query = random(DType.FLOAT16, 2, 4, 1, 16);
    Tensor key = Tensor.zeros(DType.INT8, 3, 2, 32, 16);
    Tensor value = Tensor.zeros(DType.INT8, 3, 2, 32, 16);
    for (Tensor pages : List.of(key.reshape(3072), value.reshape(3072))) {
      for (int n = 0; n < 3072; n++) {
        pages.set(random.nextInt(-128, 128), n);
      }
    }
    Tensor scale = Tensor.zeros(DType.FLOAT16, 2, 2, 1, 16);
    Tensor offset = Tensor.zeros(DType.FLOAT16, 2, 2, 1, 16);
    Tensor flatScale = scale.reshape(64);
    Tensor flatOffset = offset.reshape(64);
    for (int n = 0; n < 64; n++) {
      flatScale.set(random.nextDouble(0.01, 0.03), n);
      flatOffset.set(random.nextInt(-20, 20), n);
    }
    int[][] table = {{2, 0}, {1, 2}};
    int[] lengths = {37, 50};
    Tensor wideKey = Tensor.zeros(DType.FLOAT32, 2, 2, 64, 16);
    Tensor wideValue = Tensor.zeros(DType.FLOAT32, 2, 2, 64, 16);
    for (int b = 0; b < 2; b++) {
      for (int h = 0; h < 2; h++) {
        for (int j = 0; j < 64; j++) {
          for (int c = 0; c < 16; c++) {
            int page = table[b][j / 32];
            double integer = key.get(page, h, j % 32, c);
            wideKey.set((integer + offset.get(0, h, 0, c)) * scale.get(0, h, 0, c), b, h, j, c);
            integer = value.get(page, h, j % 32, c);
            wideValue.set((integer + offset.get(1, h, 0, c)) * scale.get(1, h, 0, c), b, h, j, c);
          }
        }
      }
    }
    Oracle truth = new Oracle(query, wideKey, wideValue);
    truth.scale = 0.25;
    truth.visible = (b, h, i, j) -> j < lengths[b] ? 1 : 0;
    truth.run(Tensor.zeros(DType.FLOAT32, 2, 4, 1, 16));
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put("query", query);
    tensors.put("key", key);
    tensors.put("value", value);
    tensors.put("antiquant_scale", scale);
    tensors.put("antiquant_offset", offset);
    tensors.put("block_table", Tensor.of(new int[] {2, 0, 1, 2}, 2, 2));
    tensors.put("expected.attention_out", truth.out.to(DType.FLOAT16));
    tensors.put("expected.softmax_lse", truth.lse);
    return new Call(
        "mindspore.incre_flash_attention",
        "{\"num_heads\": 4, \"num_key_value_heads\": 2, \"input_layout\": \"BNSD\","
            + " \"scale_value\": 0.25, \"actual_seq_lengths\": [37, 50], \"block_size\": 32}",
        tensors);
  }

  /** BSH in float32: the average of the values under a mask that hides all keys. */
  private Call increAllMasked() {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put("query", random(1, 1, 32));
    tensors.put("key", random(1, 7, 32));
    Tensor value = random(1, 7, 32);
    tensors.put("value", value);
    Tensor mask = Tensor.zeros(DType.INT8, 1, 7);
    Tensor out = Tensor.zeros(DType.FLOAT32, 1, 1, 32);
    for (int j = 0; j < 7; j++) {
      mask.set(1, 0, j);
    }
    for (int c = 0; c < 32; c++) {
      double sum = 0;
      for (int j = 0; j < 7; j++) {
        sum += value.get(0, j, c);
      }
      out.set(sum / 7, 0, 0, c);
    }
    tensors.put("attn_mask", mask);
    tensors.put("expected.attention_out", out);
    return new Call(
        "mindspore.incre_flash_attention", "{\"num_heads\": 2, \"scale_value\": 0.5}", tensors);
  }

  /** Padded to 6 rows each, two query heads per key head, causal. */
  private Call qkvpacked() {
    Tensor qkv = random(12, 4, 2, 8);
    int[] lengths = {6, 4};
    Tensor dout = random(12, 4, 8);
    // Slot (g, k) is head 2 g + k, which attends key head (2 g + k) / 2 = g.
    Tensor query = qkv.slice(1, 0, 2).copy().reshape(2, 6, 4, 8).transpose(1, 2);
    Tensor key = qkv.select(1, 2).copy().reshape(2, 6, 2, 8).transpose(1, 2);
    Tensor value = qkv.select(1, 3).copy().reshape(2, 6, 2, 8).transpose(1, 2);
    Oracle truth = new Oracle(query, key, value);
    truth.scale = 0.4;
    truth.visible = (b, h, i, j) -> i < lengths[b] && j <= i ? 1 : 0;
    truth.run(dout.reshape(2, 6, 4, 8).transpose(1, 2));
    Tensor dqkv = Tensor.zeros(DType.FLOAT32, 12, 4, 2, 8);
    dqkv.slice(1, 0, 2).assign(truth.dq.transpose(1, 2).copy().reshape(12, 2, 2, 8));
    dqkv.select(1, 2).assign(truth.dk.transpose(1, 2).copy().reshape(12, 2, 8));
    dqkv.select(1, 3).assign(truth.dv.transpose(1, 2).copy().reshape(12, 2, 8));
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put("qkv", qkv);
    tensors.put("cu_seqlens_q", Tensor.of(new int[] {0, 6, 10}, 3));
    tensors.put("cu_seqlens_k", Tensor.of(new int[] {0, 6, 10}, 3));
    tensors.put("dout", dout);
    tensors.put("expected.out", truth.out.transpose(1, 2).copy().reshape(12, 4, 8));
    tensors.put("expected.dqkv", dqkv);
    return new Call(
        "paddle.flash_attn_varlen_qkvpacked",
        "{\"max_seqlen_q\": 6, \"max_seqlen_k\": 6, \"scale\": 0.4, \"causal\": true}",
        tensors);
  }

  /** One sequence of 5 query and 7 key rows, so that cu_seqlens differ. */
  private Call unpadded() {
    Tensor query = random(5, 2, 8);
    Tensor key = random(7, 1, 8);
    Tensor value = random(7, 1, 8);
    Tensor dout = random(5, 2, 8);
    Oracle truth = new Oracle(heads(query), heads(key), heads(value));
    truth.scale = 0.4;
    truth.run(heads(dout));
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put("query", query);
    tensors.put("key", key);
    tensors.put("value", value);
    tensors.put("cu_seqlens_q", Tensor.of(new int[] {0, 5}, 2));
    tensors.put("cu_seqlens_k", Tensor.of(new int[] {0, 7}, 2));
    tensors.put("dout", dout);
    tensors.put("expected.out", truth.out.select(0, 0).transpose(0, 1).copy());
    tensors.put("expected.dquery", truth.dq.select(0, 0).transpose(0, 1).copy());
    tensors.put("expected.dkey", truth.dk.select(0, 0).transpose(0, 1).copy());
    tensors.put("expected.dvalue", truth.dv.select(0, 0).transpose(0, 1).copy());
    return new Call(
        "paddle.flash_attn_unpadded",
        "{\"max_seqlen_q\": 5, \"max_seqlen_k\": 7, \"scale\": 0.4}",
        tensors);
  }

  /** (rows, heads, columns) as (1, heads, rows, columns). */
  private static Tensor heads(Tensor tensor) {
    return tensor.transpose(0, 1).reshape(1, tensor.dim(1), tensor.dim(0), tensor.dim(2));
  }

  /** The next call with the columns of all heads joined. */
  private Call onnxJoined() {
    Call call = onnx().without("expected.qk_matmul_output");
    for (String name : List.of("Q", "K", "V", "dout", "Y", "dQ", "dK", "dV")) {
      String full = call.tensors().containsKey(name) ? name : "expected." + name;
      Tensor rows = call.tensor(full).transpose(1, 2).copy();
      call = call.with(full, rows.reshape(rows.dim(0), rows.dim(1), rows.dim(2) * rows.dim(3)));
    }
    return call.attrs(call.attrs().replace("}", ", \"q_num_heads\": 4, \"kv_num_heads\": 2}"));
  }

  /** A past of 3 keys, softcap before a floating mask, GQA, scores as they are after the scale. */
  private Call onnx() {
    Tensor query = random(2, 4, 3, 8);
    Tensor key = random(2, 2, 5, 8);
    Tensor value = random(2, 2, 5, 6);
    Tensor dout = random(2, 4, 3, 6);
    Tensor mask = random(3, 5);
    mask.set(Double.NEGATIVE_INFINITY, 1, 4);
    Oracle truth = new Oracle(query, key, value);
    truth.scale = 0.5;
    truth.softcap = 2;
    truth.visible = (b, h, i, j) -> j <= i + 3 && mask.get(i, j) > -1e30 ? 1 : 0;
    truth.added = (b, h, i, j) -> mask.get(i, j);
    truth.run(dout);
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put("Q", query);
    tensors.put("K", key.slice(2, 3, 5).copy());
    tensors.put("V", value.slice(2, 3, 5).copy());
    tensors.put("past_key", key.slice(2, 0, 3).copy());
    tensors.put("past_value", value.slice(2, 0, 3).copy());
    tensors.put("attn_mask", mask);
    tensors.put("dout", dout);
    tensors.put("expected.Y", truth.out);
    tensors.put("expected.present_key", key);
    tensors.put("expected.present_value", value);
    tensors.put("expected.qk_matmul_output", truth.scaled);
    tensors.put("expected.dQ", truth.dq);
    tensors.put("expected.dK", truth.dk.slice(2, 3, 5).copy());
    tensors.put("expected.dV", truth.dv.slice(2, 3, 5).copy());
    return new Call(
        "onnx.Attention", "{\"is_causal\": 1, \"scale\": 0.5, \"softcap\": 2.0}", tensors);
  }
}
