package io.github.attn4j.examples.minilm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Numbers that BERT's uncased vocabulary gives, as its reference tokenizers print them. */
class WordPieceTest {
  private static final int UNKNOWN = 100;
  private static WordPiece tokenizer;

  @BeforeAll
  static void load() throws IOException {
    tokenizer = MiniLm.tokenizer();
  }

  static Stream<Arguments> golden() {
    return Stream.of(
        Arguments.of("hello world", new int[] {7592, 2088}),
        Arguments.of("", new int[] {}),
        Arguments.of(" \t ", new int[] {}),
        Arguments.of("Hello,   WORLD!", new int[] {7592, 1010, 2088, 999}),
        Arguments.of("embeddings", new int[] {7861, 8270, 4667, 2015}),
        Arguments.of("unaffable", new int[] {14477, 20961, 3468}),
        Arguments.of("don't", new int[] {2123, 1005, 1056}),
        // Accents, composed and not; a dot that only lower case would leave; a sigma at the end.
        Arguments.of("Héllo Wörld, naïve CAFÉ", new int[] {7592, 2088, 1010, 15743, 7668}),
        Arguments.of("e\u0301 e\u0327\u0301", new int[] {1041, 1041}),
        Arguments.of("\u0130stanbul", new int[] {9960}),
        Arguments.of("ΟΔΥΣΣΕΥΣ", new int[] {1169, 29722, 29735, 29733, 29733, 29723, 29735, 29733}),
        // Ideographs are words, kana are not, Hangul comes apart.
        Arguments.of("中国人 and 日本 text", new int[] {1746, 1799, 1756, 1998, 1864, 1876, 3793}),
        Arguments.of("\ud840\udc00\ud869\udf00", new int[] {UNKNOWN, UNKNOWN}),
        Arguments.of("カタカナ ひらがな", new int[] {1700, 30235, 30226, 30241, 1673, 30211, 30177, 30193}),
        Arguments.of("한국어", new int[] {1469, 30006, 30021, 29991, 30014, 30020, 29999, 30008}),
        // Emoji, one of them with a joiner and a variation selector, are unknown words.
        Arguments.of("I \ud83d\ude00 it", new int[] {1045, UNKNOWN, 2009}),
        Arguments.of("\ud83d\udc69\u200d\ud83d\ude80\ufe0f", new int[] {UNKNOWN}),
        // Symbols of ASCII stand alone like punctuation, others do not.
        Arguments.of(
            "$5+3=8 <tag> `x` ^~|",
            new int[] {
              1002, 1019, 1009, 1017, 1027, 1022, 1026, 6415, 1028, 1036, 1060, 1036, 1034, 1066,
              1064
            }),
        Arguments.of(
            "\u201cquotes\u201d \u2014 dash\u2026 ¿qué?",
            new int[] {1523, 16614, 1524, 1517, 11454, 1529, 1094, 10861, 1029}),
        // Invisible characters vanish, blanks of all kinds split.
        Arguments.of(
            "tab\tnew\nline\rvt\u000bend\u0000\ufffd\u0085x",
            new int[] {21628, 2047, 2240, 28879, 10497, 2595}),
        Arguments.of("a\u00a0b\u3000c\u2028d", new int[] {1037, 1038, 1039, 1040}),
        Arguments.of("\ue000private", new int[] {2797}),
        Arguments.of("\ud800world", new int[] {2088}),
        // Longer words are not looked up.
        Arguments.of("x".repeat(101), new int[] {UNKNOWN}));
  }

  @ParameterizedTest
  @MethodSource("golden")
  void givesTheNumbersOfTheVocabulary(String text, int[] expected) {
    int[] framed = new int[expected.length + 2];
    framed[0] = 101;
    System.arraycopy(expected, 0, framed, 1, expected.length);
    framed[framed.length - 1] = 102;
    assertThat(tokenizer.encode(text, 512)).isEqualTo(framed);
  }

  @Test
  void markersInATextAreText() {
    assertThat(tokenizer.encode("[SEP]", 512)).startsWith(101, 1031).endsWith(1033, 102).hasSize(5);
  }

  @Test
  void cutsLongTextsBeforeTheEndMarker() {
    int[] ids = tokenizer.encode("hello ".repeat(600), 512);
    int[] expected = new int[512];
    Arrays.fill(expected, 7592);
    expected[0] = 101;
    expected[511] = 102;
    assertThat(ids).isEqualTo(expected);
    assertThat(tokenizer.encode("hello embeddings", 4)).containsExactly(101, 7592, 7861, 102);
  }

  @Test
  void refusesVocabulariesItCannotUse() {
    assertRefused("{\"model\": {\"vocab\": {\"[CLS]\": 0, \"[UNK]\": 1}}}", "expected [SEP]");
    assertRefused("{\"vocab\": {\"[CLS]\": 0, \"[UNK]\": 1, \"[SEP]\": 2}}", "expected [CLS]");
    assertRefused(
        "{\"model\": {\"vocab\": {\"[CLS]\": 0, \"[UNK]\": 1, \"[SEP]\": 3}}}", "below 3");
    assertRefused("{\"model\": {\"vocab\": {\"[CLS]\": 0, \"[UN", "");
  }

  private static void assertRefused(String json, String message) {
    byte[] bytes = json.getBytes(StandardCharsets.UTF_8);
    assertThatThrownBy(() -> WordPiece.read(new ByteArrayInputStream(bytes)))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(message);
  }
}
