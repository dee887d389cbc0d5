package io.github.attn4j.cli.capture;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.github.attn4j.DType;
import io.github.attn4j.RefusedException;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The JSON head of a safetensors file: what each tensor is and where it lies. Nothing here is
 * believed before it is checked, and nothing is allocated by what a number in it says.
 *
 * @param metadata the {@code __metadata__} strings
 * @param entries the tensors, in the order of the header
 */
record SafetensorsHeader(Map<String, String> metadata, Map<String, Entry> entries) {
  static final String METADATA = "__metadata__";

  /** A call has a dozen tensors; a file with more than this wants our memory. */
  private static final int MAX_TENSORS = 65_536;

  private static final int MAX_RANK = 32;

  /**
   * One tensor.
   *
   * @param dtype its type
   * @param shape its extents
   * @param begin first byte, counted from the end of the header
   * @param end behind its last byte
   */
  record Entry(DType dtype, long[] shape, long begin, long end) {}

  /**
   * Reads and checks a header.
   *
   * @param json its bytes
   * @param dataBytes how many bytes of tensors follow it
   * @throws RefusedException naming {@code header} or a tensor
   */
  static SafetensorsHeader read(InputStream json, long dataBytes) {
    // Decoded here, strictly: left to itself the parser would guess at UTF-16 and let some broken
    // UTF-8 pass.
    Reader reader =
        new InputStreamReader(
            json,
            StandardCharsets.UTF_8
                .newDecoder()
                .onMalformedInput(CodingErrorAction.REPORT)
                .onUnmappableCharacter(CodingErrorAction.REPORT));
    SafetensorsHeader header = new SafetensorsHeader(new LinkedHashMap<>(), new LinkedHashMap<>());
    try (JsonParser parser = Json.FACTORY.createParser(reader)) {
      header.parse(parser);
    } catch (CharacterCodingException e) {
      throw refused("expected UTF-8, got bytes that are not");
    } catch (IOException e) {
      throw refused("expected a JSON object of tensors, got: " + Json.problem(e));
    }
    header.checkPlaces(dataBytes);
    return header;
  }

  private static RefusedException refused(String problem) {
    return RefusedException.value("header", problem);
  }

  private void parse(JsonParser parser) throws IOException {
    if (parser.nextToken() != JsonToken.START_OBJECT) {
      throw refused("expected a JSON object of tensors, got another value");
    }
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String name = parser.currentName();
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw RefusedException.value(
            name.equals(METADATA) ? "header" : name,
            "expected a JSON object under \"%s\" in the header, got another value".formatted(name));
      }
      if (name.equals(METADATA)) {
        parseMetadata(parser);
      } else if (entries.size() == MAX_TENSORS) {
        throw refused("expected at most %d tensors, got more".formatted(MAX_TENSORS));
      } else {
        entries.put(name, parseEntry(name, parser));
      }
    }
    if (parser.nextToken() != null) {
      throw refused("expected nothing after the JSON object, got another value");
    }
  }

  private void parseMetadata(JsonParser parser) throws IOException {
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String key = parser.currentName();
      if (parser.nextToken() != JsonToken.VALUE_STRING) {
        throw refused(
            "expected strings in %s, got another value for \"%s\"".formatted(METADATA, key));
      }
      metadata.put(key, parser.getText());
    }
  }

  private static Entry parseEntry(String name, JsonParser parser) throws IOException {
    DType dtype = null;
    long[] shape = null;
    long[] offsets = null;
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String field = parser.currentName();
      parser.nextToken();
      switch (field) {
        case "dtype" -> dtype = parseDtype(name, parser);
        case "shape" -> shape = parseLongs(name, field, parser);
        case "data_offsets" -> offsets = parseLongs(name, field, parser);
        default ->
            throw RefusedException.value(
                name, "expected dtype, shape and data_offsets in the header, got \"" + field + '"');
      }
    }
    if (dtype == null || shape == null || offsets == null) {
      throw RefusedException.value(
          name,
          "expected dtype, shape and data_offsets in the header, got no "
              + (dtype == null ? "dtype" : shape == null ? "shape" : "data_offsets"));
    }
    if (offsets.length != 2) {
      throw RefusedException.value(
          name, "expected 2 data_offsets, got " + Arrays.toString(offsets));
    }
    return new Entry(dtype, shape, offsets[0], offsets[1]);
  }

  private static DType parseDtype(String name, JsonParser parser) throws IOException {
    String tag = parser.currentToken() == JsonToken.VALUE_STRING ? parser.getText() : "no string";
    DType dtype = DTypeTags.dtype(tag);
    if (dtype == null) {
      throw RefusedException.type(
          name, "expected a dtype of %s, got %s".formatted(DTypeTags.known(), tag));
    }
    return dtype;
  }

  private static long[] parseLongs(String name, String field, JsonParser parser)
      throws IOException {
    if (parser.currentToken() != JsonToken.START_ARRAY) {
      throw RefusedException.value(
          name, "expected a list of integers as %s, got another value".formatted(field));
    }
    long[] numbers = new long[MAX_RANK];
    int count = 0;
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      if (parser.currentToken() != JsonToken.VALUE_NUMBER_INT
          || parser.getNumberType() == JsonParser.NumberType.BIG_INTEGER
          || parser.getLongValue() < 0) {
        throw RefusedException.value(
            name, "expected integers from 0 to 2^63 - 1 in %s, got another value".formatted(field));
      }
      if (count == MAX_RANK) {
        throw RefusedException.value(
            name, "expected at most %d numbers in %s, got more".formatted(MAX_RANK, field));
      }
      numbers[count++] = parser.getLongValue();
    }
    return Arrays.copyOf(numbers, count);
  }

  /**
   * The tensors must lie one behind the other and fill the file: no overlap, no hole, nothing
   * outside.
   */
  private void checkPlaces(long dataBytes) {
    List<Map.Entry<String, Entry>> byPlace = new ArrayList<>(entries.entrySet());
    byPlace.sort(
        Comparator.comparingLong((Map.Entry<String, Entry> e) -> e.getValue().begin())
            .thenComparingLong(e -> e.getValue().end()));
    for (Map.Entry<String, Entry> entry : byPlace) {
      checkSize(entry.getKey(), entry.getValue(), dataBytes);
    }
    long end = 0;
    for (Map.Entry<String, Entry> entry : byPlace) {
      long begin = entry.getValue().begin();
      if (begin != end) {
        throw RefusedException.value(
            entry.getKey(),
            "expected data_offsets that start where the tensor before ends, at %d, got %d (%s)"
                .formatted(end, begin, begin < end ? "they overlap" : "a hole"));
      }
      end = entry.getValue().end();
    }
    if (end != dataBytes) {
      throw refused(
          "expected the tensors to fill the %d bytes behind the header, got %d"
              .formatted(dataBytes, end));
    }
  }

  private static void checkSize(String name, Entry entry, long dataBytes) {
    if (entry.begin() > entry.end() || entry.end() > dataBytes) {
      throw RefusedException.value(
          name,
          "expected ascending data_offsets within the file's %d bytes of data, got [%d, %d]"
              .formatted(dataBytes, entry.begin(), entry.end()));
    }
    long bytes = entry.dtype().bytes();
    boolean empty = Arrays.stream(entry.shape()).anyMatch(extent -> extent == 0);
    for (long extent : entry.shape()) {
      // Nothing larger than the file can be right, so the product never comes near an overflow.
      if (!empty && bytes > dataBytes / extent) {
        bytes = Long.MAX_VALUE;
        break;
      }
      bytes *= extent;
    }
    if (bytes != entry.end() - entry.begin()) {
      throw RefusedException.value(
          name,
          "expected as many bytes as %s%s has, got data_offsets [%d, %d] (%d bytes)"
              .formatted(
                  entry.dtype(),
                  Arrays.toString(entry.shape()),
                  entry.begin(),
                  entry.end(),
                  entry.end() - entry.begin()));
    }
  }
}
