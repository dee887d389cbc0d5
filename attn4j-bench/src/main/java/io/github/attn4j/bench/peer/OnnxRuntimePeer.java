package io.github.attn4j.bench.peer;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import io.github.attn4j.DType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * ONNX Runtime's fused operators in a model written here: MultiHeadAttention, and for decoding
 * GroupQueryAttention with past and present in one buffer, so that the cache is not copied. Inputs
 * and outputs are direct buffers bound in advance.
 */
public final class OnnxRuntimePeer implements Peer {
  @Override
  public String name() {
    return "ONNX Runtime";
  }

  @Override
  public String version() {
    return OrtEnvironment.getEnvironment().getVersion();
  }

  @Override
  public boolean can(Work work) {
    return work.dtype() == DType.FLOAT32
        && work.plainMask()
        && (work.pass() == Pass.DECODE
            || (work.pass() == Pass.FORWARD && work.heads() == work.kvHeads()));
  }

  @Override
  public Call open(Work work, Inputs inputs) {
    try {
      return new SessionCall(work, inputs);
    } catch (OrtException e) {
      throw failed(e);
    }
  }

  private static IllegalStateException failed(OrtException e) {
    return new IllegalStateException("ONNX Runtime: " + e.getMessage(), e);
  }

  private static final class SessionCall implements Call {
    private final OrtEnvironment environment = OrtEnvironment.getEnvironment();
    private final Work work;
    private final Map<String, OnnxTensor> inputs = new LinkedHashMap<>();
    private final Map<String, OnnxTensor> outputs = new LinkedHashMap<>();
    private final FloatBuffer out;
    private final OrtSession session;

    SessionCall(Work work, Inputs given) throws OrtException {
      this.work = work;
      out = direct(work.queryElements());
      OnnxModel model = work.pass() == Pass.DECODE ? decode(given) : forward(given);
      try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
        options.setIntraOpNumThreads(work.threads());
        options.setInterOpNumThreads(1);
        session = environment.createSession(model.toByteArray(), options);
      }
    }

    /** Rows of all heads lie side by side here: (batch, rows, heads × dim). */
    private OnnxModel forward(Inputs given) throws OrtException {
      long hidden = (long) work.heads() * work.dim();
      long[] queryShape = {work.batch(), work.seqQ(), hidden};
      long[] keyShape = {work.batch(), work.seqK(), hidden};
      OnnxModel model =
          new OnnxModel(
              "MultiHeadAttention",
              Map.of("num_heads", work.heads(), "unidirectional", work.causal() ? 1 : 0));
      input(model, "query", rows(given.query(), work.heads(), work.seqQ()), queryShape);
      input(model, "key", rows(given.key(), work.heads(), work.seqK()), keyShape);
      input(model, "value", rows(given.value(), work.heads(), work.seqK()), keyShape);
      output(model, "output", out, queryShape);
      return model;
    }

    /** The last key is this step's; those before it are the past. */
    private OnnxModel decode(Inputs given) throws OrtException {
      int batch = work.batch();
      long[] queryShape = {batch, 1, (long) work.heads() * work.dim()};
      long[] stepShape = {batch, 1, (long) work.kvHeads() * work.dim()};
      long[] cacheShape = {batch, work.kvHeads(), work.seqK(), work.dim()};
      OnnxModel model =
          new OnnxModel(
              "GroupQueryAttention",
              Map.of("num_heads", work.heads(), "kv_num_heads", work.kvHeads()));
      FloatBuffer keys = buffer(given.key());
      FloatBuffer values = buffer(given.value());
      input(model, "query", buffer(given.query()), queryShape);
      input(model, "key", lastRows(given.key()), stepShape);
      input(model, "value", lastRows(given.value()), stepShape);
      input(model, "past_key", keys, cacheShape);
      input(model, "past_value", values, cacheShape);
      IntBuffer past = ints(batch);
      for (int b = 0; b < batch; b++) {
        past.put(b, work.seqK() - 1);
      }
      integers(model, "seqlens_k", past, batch);
      integers(model, "total_sequence_length", ints(1).put(0, work.seqK()));
      output(model, "output", out, queryShape);
      output(model, "present_key", keys, cacheShape);
      output(model, "present_value", values, cacheShape);
      return model;
    }

    private void input(OnnxModel model, String name, FloatBuffer values, long... shape)
        throws OrtException {
      model.input(name, OnnxModel.FLOAT, shape);
      inputs.put(name, OnnxTensor.createTensor(environment, values, shape));
    }

    private void integers(OnnxModel model, String name, IntBuffer values, long... shape)
        throws OrtException {
      model.input(name, OnnxModel.INT32, shape);
      inputs.put(name, OnnxTensor.createTensor(environment, values, shape));
    }

    private void output(OnnxModel model, String name, FloatBuffer values, long... shape)
        throws OrtException {
      model.output(name, OnnxModel.FLOAT, shape);
      outputs.put(name, OnnxTensor.createTensor(environment, values, shape));
    }

    private FloatBuffer rows(float[] values, int heads, int rows) {
      return buffer(Floats.swapped(values, work.batch(), heads, rows, work.dim()));
    }

    private FloatBuffer lastRows(float[] cache) {
      int dim = work.dim();
      int heads = work.batch() * work.kvHeads();
      FloatBuffer last = direct(heads * dim);
      for (int head = 0; head < heads; head++) {
        last.put(head * dim, cache, ((head + 1) * work.seqK() - 1) * dim, dim);
      }
      return last;
    }

    private static FloatBuffer buffer(float[] values) {
      return direct(values.length).put(0, values);
    }

    private static FloatBuffer direct(int count) {
      return bytes(count * (long) Float.BYTES).asFloatBuffer();
    }

    private static IntBuffer ints(int count) {
      return bytes(count * (long) Integer.BYTES).asIntBuffer();
    }

    private static ByteBuffer bytes(long count) {
      return ByteBuffer.allocateDirect(Math.toIntExact(count)).order(ByteOrder.nativeOrder());
    }

    @Override
    public void run() {
      try {
        session.run(inputs, outputs).close();
      } catch (OrtException e) {
        throw failed(e);
      }
    }

    @Override
    public float[] result() {
      float[] values = new float[work.queryElements()];
      out.get(0, values);
      return Floats.swapped(values, work.batch(), work.seqQ(), work.heads(), work.dim());
    }

    @Override
    public void close() {
      inputs.values().forEach(OnnxTensor::close);
      outputs.values().forEach(OnnxTensor::close);
      try {
        session.close();
      } catch (OrtException e) {
        throw failed(e);
      }
    }
  }
}
