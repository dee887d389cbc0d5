package io.github.attn4j.examples.minilm;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonPointer;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.filter.FilteringParserDelegate;
import com.fasterxml.jackson.core.filter.JsonPointerBasedFilter;
import com.fasterxml.jackson.core.filter.TokenFilter.Inclusion;
import java.io.IOException;
import java.io.InputStream;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * BERT's uncased tokenizer: clean, lower-case and strip accents, split at blanks and punctuation,
 * then take the longest pieces the vocabulary has.
 *
 * <p>Markers such as {@code [SEP]} in a text are text: they are split like any other.
 */
final class WordPiece {
  /** A word longer than this many code points is unknown. */
  private static final int LONGEST_WORD = 100;

  private static final int REPLACEMENT = 0xfffd;

  private final Map<String, Integer> vocabulary;
  private final int start;
  private final int end;
  private final int unknown;

  /**
   * @param vocabulary from pieces to their numbers, below their count; pieces inside a word begin
   *     with {@code ##}
   * @throws IOException if [CLS], [SEP] or [UNK] is missing, or a number is out of range
   */
  WordPiece(Map<String, Integer> vocabulary) throws IOException {
    this.vocabulary = Map.copyOf(vocabulary);
    this.start = marker("[CLS]");
    this.end = marker("[SEP]");
    this.unknown = marker("[UNK]");
    for (Map.Entry<String, Integer> entry : vocabulary.entrySet()) {
      if (entry.getValue() < 0 || entry.getValue() >= vocabulary.size()) {
        throw new IOException(
            "vocabulary: expected numbers below %d, got %s".formatted(vocabulary.size(), entry));
      }
    }
  }

  private int marker(String name) throws IOException {
    Integer id = vocabulary.get(name);
    if (id == null) {
      throw new IOException(
          "vocabulary: expected %s, got %d pieces without it".formatted(name, vocabulary.size()));
    }
    return id;
  }

  /**
   * Reads the vocabulary of a {@code tokenizer.json}.
   *
   * @throws IOException if it is no JSON or has no vocabulary in {@code model.vocab}
   */
  static WordPiece read(InputStream json) throws IOException {
    Map<String, Integer> vocabulary = new HashMap<>();
    JsonPointerBasedFilter wanted = new JsonPointerBasedFilter(JsonPointer.compile("/model/vocab"));
    try (JsonParser parser =
        new FilteringParserDelegate(
            new JsonFactory().createParser(json), wanted, Inclusion.ONLY_INCLUDE_ALL, false)) {
      while (parser.nextToken() != null) {
        if (parser.currentToken() == JsonToken.VALUE_NUMBER_INT) {
          vocabulary.put(parser.currentName(), parser.getIntValue());
        }
      }
    }
    return new WordPiece(vocabulary);
  }

  /** How many pieces there are. */
  int size() {
    return vocabulary.size();
  }

  /**
   * The numbers of a text's pieces, between [CLS] and [SEP].
   *
   * @param limit how many at most, both markers included; the rest is cut off
   */
  int[] encode(String text, int limit) {
    List<Integer> ids = new ArrayList<>();
    ids.add(start);
    for (String word : words(text)) {
      if (ids.size() >= limit - 1) {
        break;
      }
      ids.addAll(pieces(word));
    }
    List<Integer> kept = ids.subList(0, Math.min(ids.size(), limit - 1));
    kept.add(end);
    return kept.stream().mapToInt(Integer::intValue).toArray();
  }

  private List<Integer> pieces(String word) {
    if (word.codePointCount(0, word.length()) > LONGEST_WORD) {
      return List.of(unknown);
    }
    List<Integer> ids = new ArrayList<>();
    for (int from = 0; from < word.length(); ) {
      String prefix = from == 0 ? "" : "##";
      int to = word.length();
      Integer id = vocabulary.get(prefix + word.substring(from, to));
      while (id == null && to > from + 1) {
        to--;
        id = vocabulary.get(prefix + word.substring(from, to));
      }
      if (id == null) {
        return List.of(unknown);
      }
      ids.add(id);
      from = to;
    }
    return ids;
  }

  /** Words and single punctuation characters, as they are looked up. */
  private static List<String> words(String text) {
    List<String> words = new ArrayList<>();
    StringBuilder word = new StringBuilder();
    normalize(text)
        .codePoints()
        .forEach(c -> {
          boolean alone = isPunctuation(c) || isIdeograph(c);
          if (alone || c == ' ') {
            flush(word, words);
          }
          if (alone) {
            words.add(Character.toString(c));
          } else if (c != ' ') {
            word.appendCodePoint(c);
          }
        });
    flush(word, words);
    return words;
  }

  private static void flush(StringBuilder word, List<String> words) {
    if (!word.isEmpty()) {
      words.add(word.toString());
      word.setLength(0);
    }
  }

  private static String normalize(String text) {
    StringBuilder clean = new StringBuilder(text.length());
    text.codePoints()
        .forEach(c -> {
          if (isBlank(c)) {
            clean.append(' ');
          } else if (!isInvisible(c)) {
            clean.appendCodePoint(c);
          }
        });
    StringBuilder bare = new StringBuilder(clean.length());
    Normalizer.normalize(clean, Normalizer.Form.NFD)
        .codePoints()
        .filter(c -> Character.getType(c) != Character.NON_SPACING_MARK)
        // One by one: a sigma is the same at the end of a word.
        .map(Character::toLowerCase)
        .forEach(bare::appendCodePoint);
    return bare.toString();
  }

  private static boolean isBlank(int c) {
    return c == '\t' || c == '\n' || c == '\r' || Character.isSpaceChar(c);
  }

  /** Control characters, formats, surrogates, private ones, and what decoders put for rubbish. */
  private static boolean isInvisible(int c) {
    return switch (Character.getType(c)) {
      case Character.CONTROL, Character.FORMAT, Character.SURROGATE, Character.PRIVATE_USE -> true;
      default -> c == REPLACEMENT;
    };
  }

  /** Unicode's punctuation, and whatever is neither letter, digit nor blank in ASCII. */
  private static boolean isPunctuation(int c) {
    if (c < 0x80) {
      return c > ' ' && c < 0x7f && !Character.isLetterOrDigit(c);
    }
    return switch (Character.getType(c)) {
      case Character.CONNECTOR_PUNCTUATION,
          Character.DASH_PUNCTUATION,
          Character.START_PUNCTUATION,
          Character.END_PUNCTUATION,
          Character.INITIAL_QUOTE_PUNCTUATION,
          Character.FINAL_QUOTE_PUNCTUATION,
          Character.OTHER_PUNCTUATION ->
          true;
      default -> false;
    };
  }

  /** The blocks of Chinese characters, each of which is a word; not those of kana or Hangul. */
  private static boolean isIdeograph(int c) {
    return (c >= 0x4e00 && c <= 0x9fff)
        || (c >= 0x3400 && c <= 0x4dbf)
        || (c >= 0x20000 && c <= 0x2a6df)
        || (c >= 0x2a700 && c <= 0x2b73f)
        || (c >= 0x2b740 && c <= 0x2b81f)
        || (c >= 0x2b820 && c <= 0x2ceaf)
        || (c >= 0xf900 && c <= 0xfaff)
        || (c >= 0x2f800 && c <= 0x2fa1f);
  }
}
