package io.github.attn4j.examples.minilm;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.examples.math.Workers;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The whole model against ONNX Runtime, and what packing must not change. */
class EncoderTest {
  private static final Workers WORKERS = new Workers(2);
  private static List<String> texts;
  private static byte[] file;
  private static WordPiece tokenizer;
  private static MiniLm model;
  private static PackedEncoder encoder;

  @BeforeAll
  static void load() throws IOException {
    texts = MiniLmCommand.texts();
    file = MiniLm.file();
    tokenizer = MiniLm.tokenizer();
    model = MiniLm.read(file, WORKERS);
    encoder = new PackedEncoder(model, WORKERS);
  }

  @AfterAll
  static void close() {
    WORKERS.close();
  }

  private static Batch batch(List<String> texts) {
    return MiniLmCommand.batch(texts, tokenizer);
  }

  @Test
  void equalsOnnxRuntime() {
    assertThat(texts).hasSize(64);
    Batch all = batch(texts);
    Batch one = batch(List.of("Which mask hides the padding?"));
    try (OnnxRuntimeEncoder peer = new OnnxRuntimeEncoder(file, 2, all.texts())) {
      for (Batch batch : List.of(all, one)) {
        Agreement agreement = Agreement.of(batch, encoder.encode(batch), peer.encode(batch));
        assertThat(agreement.holds()).as("%d texts: %s", batch.texts(), agreement).isTrue();
      }
    }
  }

  @Test
  void agreementFailsOnNaNAndOnDifferences() {
    Batch batch = batch(List.of("one", "two"));
    float[] hidden = encoder.encode(batch);
    assertThat(Agreement.of(batch, hidden, hidden).holds()).isTrue();
    float[] changed = hidden.clone();
    changed[500] = Float.NaN;
    assertThat(Agreement.of(batch, changed, hidden).holds()).isFalse();
    assertThat(Agreement.of(batch, changed, changed).holds()).isFalse();
    changed[500] = hidden[500] + 3e-4f;
    assertThat(Agreement.of(batch, changed, hidden).holds()).isFalse();
  }

  /** In another place tiles may begin elsewhere in it, and sums are rounded otherwise. */
  @Test
  void aTextDoesNotDependOnItsNeighbours() {
    String wanted = texts.get(29);
    float[] first = hidden(List.of("Our train leaves at seven.", wanted, "Where is the key?"), 1);
    float[] second = hidden(List.of("Her train leaves at eight.", wanted, texts.get(5)), 1);
    assertThat(second).as("bits in the same place").isEqualTo(first);
    float[] alone = hidden(List.of(wanted), 0);
    for (int n = 0; n < alone.length; n++) {
      assertThat(first[n]).as("number %d", n).isBetween(alone[n] - 1e-5f, alone[n] + 1e-5f);
    }
  }

  private static float[] hidden(List<String> row, int text) {
    Batch batch = batch(row);
    float[] hidden = encoder.encode(batch);
    int from = batch.starts()[text] * MiniLm.HIDDEN;
    int to = batch.starts()[text + 1] * MiniLm.HIDDEN;
    return Arrays.copyOfRange(hidden, from, to);
  }

  @Test
  void threadsDoNotChangeBits() {
    Batch batch = batch(texts.subList(0, 12));
    try (Workers alone = new Workers(1)) {
      assertThat(new PackedEncoder(model, alone).encode(batch)).isEqualTo(encoder.encode(batch));
    }
  }

  @Test
  void nearSentencesAreNear() {
    Batch batch =
        batch(
            List.of(
                "A man is eating food.", "Somebody has a meal.", "The stock market fell sharply."));
    float[][] embeddings = Embeddings.of(batch, encoder.encode(batch));
    double near = Embeddings.cosine(embeddings[0], embeddings[1], 0);
    double far = Embeddings.cosine(embeddings[0], embeddings[2], 0);
    assertThat(near).isGreaterThan(0.4).isGreaterThan(far + 0.3);
  }

  @Test
  void nothingGivesNothing() {
    assertThat(encoder.encode(Batch.of(List.of()))).isEmpty();
  }
}
