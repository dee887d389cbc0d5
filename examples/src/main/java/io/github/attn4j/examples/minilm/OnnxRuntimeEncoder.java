package io.github.attn4j.examples.minilm;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.util.Arrays;
import java.util.Map;

/**
 * The model in ONNX Runtime, which wants texts padded to the length of the longest and a mask that
 * says where the padding is.
 */
final class OnnxRuntimeEncoder implements Encoder, AutoCloseable {
  private final OrtEnvironment environment = OrtEnvironment.getEnvironment();
  private final OrtSession session;
  private final int together;

  /**
   * @param file the bytes of the ONNX file
   * @param threads how many it may use
   * @param together texts of one run; 1 needs no padding
   * @throws IllegalStateException if ONNX Runtime refuses the file
   */
  OnnxRuntimeEncoder(byte[] file, int threads, int together) {
    this.together = together;
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setIntraOpNumThreads(threads);
      options.setInterOpNumThreads(1);
      session = environment.createSession(file, options);
    } catch (OrtException e) {
      throw new IllegalStateException("ONNX Runtime: " + e.getMessage(), e);
    }
  }

  /** Its version. */
  String version() {
    return environment.getVersion();
  }

  @Override
  public float[] encode(Batch batch) {
    float[] hidden = new float[Math.multiplyExact(batch.tokens(), MiniLm.HIDDEN)];
    for (int from = 0; from < batch.texts(); from += together) {
      Batch part = batch.slice(from, Math.min(from + together, batch.texts()));
      run(part, hidden, batch.starts()[from] * MiniLm.HIDDEN);
    }
    return hidden;
  }

  private void run(Batch batch, float[] hidden, int to) {
    int width = batch.longest();
    long[] shape = {batch.texts(), width};
    long[] ids = new long[Math.multiplyExact(batch.texts(), width)];
    long[] mask = new long[ids.length];
    for (int text = 0; text < batch.texts(); text++) {
      for (int n = 0; n < batch.length(text); n++) {
        ids[text * width + n] = batch.ids()[batch.starts()[text] + n];
      }
      Arrays.fill(mask, text * width, text * width + batch.length(text), 1);
    }
    try (OnnxTensor inputIds = tensor(ids, shape);
        OnnxTensor attentionMask = tensor(mask, shape);
        OnnxTensor tokenTypeIds = tensor(new long[ids.length], shape);
        OrtSession.Result result =
            session.run(
                Map.of(
                    "input_ids", inputIds,
                    "attention_mask", attentionMask,
                    "token_type_ids", tokenTypeIds))) {
      FloatBuffer padded = ((OnnxTensor) result.get(0)).getFloatBuffer();
      for (int text = 0; text < batch.texts(); text++) {
        padded.position(text * width * MiniLm.HIDDEN);
        int at = to + batch.starts()[text] * MiniLm.HIDDEN;
        padded.get(hidden, at, batch.length(text) * MiniLm.HIDDEN);
      }
    } catch (OrtException e) {
      throw new IllegalStateException("ONNX Runtime: " + e.getMessage(), e);
    }
  }

  private OnnxTensor tensor(long[] numbers, long[] shape) throws OrtException {
    return OnnxTensor.createTensor(environment, LongBuffer.wrap(numbers), shape);
  }

  @Override
  public void close() {
    try {
      session.close();
    } catch (OrtException e) {
      throw new IllegalStateException("ONNX Runtime: " + e.getMessage(), e);
    }
  }
}
