package io.github.attn4j.examples.gpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Text to documents to rows of tokens. */
class CorpusTest {
  @TempDir private Path folder;

  @Test
  void projectHasText() {
    Corpus corpus = Corpus.ofProject();
    assertThat(corpus.files()).isGreaterThan(5);
    assertThat(corpus.bytes()).isGreaterThan(50_000);
    assertThat(new String(corpus.train().getFirst(), StandardCharsets.UTF_8)).startsWith("# ");
    assertThat(corpus.heldOut().stream().mapToInt(document -> document.length).sum())
        .isGreaterThan(2000);
  }

  @Test
  void cutsPlainTextAtEmptyLinesAndHoldsEveryTenthOut() throws IOException {
    StringBuilder text = new StringBuilder();
    for (int n = 1; n <= 20; n++) {
      text.append("paragraph ").append(n).append("\nof two lines\n\n");
    }
    Files.writeString(folder.resolve("text.txt"), text);
    Corpus corpus = Corpus.read(folder);
    assertThat(corpus.train()).hasSize(18);
    assertThat(corpus.heldOut())
        .extracting(document -> new String(document, StandardCharsets.UTF_8))
        .containsExactly("paragraph 10\nof two lines", "paragraph 20\nof two lines");
  }

  @Test
  void refusesTooLittleText() throws IOException {
    Files.writeString(folder.resolve("text.txt"), "one\n\ntwo\n");
    assertThatThrownBy(() -> Corpus.read(folder))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("text: expected at least 10 documents in %s, got 2".formatted(folder));
  }

  /** Two equally likely bytes: ln 2. */
  @Test
  void entropyOfBytes() {
    byte[] document = "abab".getBytes(StandardCharsets.UTF_8);
    Corpus corpus = new Corpus(1, List.of(document), List.of(document));
    assertThat(corpus.unigramEntropy()).isEqualTo(Math.log(2));
  }

  /** Whatever the cuts, tokens and targets are neighbours in some document or its ends. */
  @Test
  void packedRowsHoldPiecesOfDocuments() {
    List<String> texts = List.of("alpha beta", "x", "the longest of them, much longer than a row");
    List<byte[]> documents =
        texts.stream().map(text -> text.getBytes(StandardCharsets.UTF_8)).toList();
    Packer packer = new Packer(documents, 8, 20, 1);
    for (int n = 0; n < 50; n++) {
      Batch batch = packer.next();
      assertThat(batch.rows()).isEqualTo(20);
      int at = 0;
      for (int length : batch.lengths()) {
        assertThat(length).isBetween(1, 8);
        for (int i = 0; i < length; i++, at++) {
          assertThat(batch.positions()[at]).isEqualTo(i);
          if (i > 0) {
            assertThat(batch.tokens()[at]).isEqualTo(batch.targets()[at - 1]);
          }
          String pair = "" + (char) batch.tokens()[at] + (char) batch.targets()[at];
          assertThat(texts).anyMatch(text -> ("\0" + text + "\0").contains(pair));
        }
      }
      assertThat(at).isEqualTo(20);
    }
  }

  @Test
  void heldOutTextIsPredictedOnceByteByByte() {
    byte[] document = "0123456789".getBytes(StandardCharsets.UTF_8);
    List<Batch> batches = Packer.inOrder(List.of(document, document), 4, 8);
    assertThat(batches).extracting(Batch::rows).containsExactly(8, 7, 7);
    assertThat(batches.getFirst().tokens()).containsExactly(0, '0', '1', '2', '3', '4', '5', '6');
    assertThat(batches.getFirst().targets())
        .containsExactly('0', '1', '2', '3', '4', '5', '6', '7');
    assertThat(batches.get(1).targets()).containsExactly('8', '9', 0, '0', '1', '2', '3');
  }
}
