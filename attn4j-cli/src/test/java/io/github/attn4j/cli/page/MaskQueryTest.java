package io.github.attn4j.cli.page;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.attn4j.Extent;
import io.github.attn4j.Mask;
import io.github.attn4j.RefusedException;
import io.github.attn4j.cli.capture.Json;
import io.github.attn4j.cli.pattern.Patterns;
import io.github.attn4j.operators.FlashMaskBenchmark;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class MaskQueryTest {
  static List<String> names() {
    return MaskKind.ALL.stream().map(MaskKind::name).toList();
  }

  static void assertSame(Mask one, Mask other, Extent extent) {
    for (int i = 0; i < extent.seqlenQ(); i++) {
      for (int j = 0; j < extent.seqlenK(); j++) {
        assertThat(one.allows(0, 0, i, j, extent))
            .as("query %d, key %d", i, j)
            .isEqualTo(other.allows(0, 0, i, j, extent));
      }
    }
  }

  @Test
  void everyPatternOfTheCommandIsThere() {
    assertThat(names()).containsAll(Patterns.names()).doesNotHaveDuplicates();
  }

  /** What a description makes describes itself in words that make it again. */
  @ParameterizedTest
  @MethodSource("names")
  void descriptionsRoundTrip(String name) {
    for (long length : new long[] {1, 2, 7, 64}) {
      MaskQuery query = MaskQuery.of(Map.of("mask", name, "seqlenQ", length));
      MaskQuery again = MaskQuery.read(Json.write(query.description()));
      assertThat(again).isEqualTo(query);
      assertSame(again.make(), query.make(), query.extent());
      MaskQuery and =
          MaskQuery.of(Map.of("mask", "window", "seqlenQ", length, "and", Map.of("mask", name)));
      assertThat(MaskQuery.read(Json.write(and.description()))).isEqualTo(and);
    }
  }

  /** What is not given is what FlashMask's benchmark has at that length. */
  @ParameterizedTest
  @MethodSource("published")
  void defaultsAreTheBenchmarks(String name) {
    for (int length : new int[] {10, 64, 130}) {
      MaskQuery query = MaskQuery.of(Map.of("mask", name, "seqlenQ", (long) length));
      assertSame(query.make(), FlashMaskBenchmark.pattern(name, length, 1).mask(), query.extent());
    }
  }

  /** All but random-eviction, whose seed on the command line has always been 1. */
  static List<String> published() {
    return Patterns.names().stream().filter(name -> !name.equals("random-eviction")).toList();
  }

  @Test
  void listsMayBeListsOrTexts() {
    MaskQuery text =
        MaskQuery.read(
            "{\"mask\": \"prefix-lm-document\", \"seqlenQ\": 9, \"documents\": \" 2 :04, 01:5 \"}");
    MaskQuery list =
        MaskQuery.read(
            "{\"mask\": \"prefix-lm-document\", \"seqlenQ\": 9, \"documents\": [[2, 4], [1, 5]]}");
    assertThat(text).isEqualTo(list);
    assertThat(text.values()).containsEntry("documents", "2:4,1:5");
    MaskQuery columns =
        MaskQuery.read(
            """
            {"mask": "columns", "seqlenQ": 4, "seqlenK": 3, "causal": true,
             "startend_row_indices": [4, 2, 4]}\
            """);
    assertThat(columns.make().allows(0, 0, 2, 1, columns.extent())).isFalse();
    assertThat(columns.make().allows(0, 0, 3, 0, columns.extent())).isTrue();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "mask                 | {}",
        "mask                 | {\"mask\": \"nonsense\"}",
        "mask                 | {\"mask\": {}}",
        "seqlenQ              | {\"mask\": \"causal\", \"seqlenQ\": -1}",
        "seqlenQ              | {\"mask\": \"causal\", \"seqlenQ\": 0}",
        "seqlenQ              | {\"mask\": \"causal\", \"seqlenQ\": 1048577}",
        "seqlenQ              | {\"mask\": \"causal\", \"seqlenQ\": \"NaN\"}",
        "seqlenQ              | {\"mask\": \"causal\", \"seqlenQ\": 1e3}",
        "seqlenQ              | {\"mask\": \"causal\", \"seqlenQ\": 99999999999999999999}",
        "seqlenQ              | {\"mask\": \"causal\", \"seqlenQ\": \"9999999999999999999\"}",
        "seqlenK              | {\"mask\": \"document\", \"seqlenQ\": 8, \"seqlenK\": 9}",
        "seqlenK              | {\"mask\": \"window\", \"seqlenK\": \"0x10\"}",
        "window               | {\"mask\": \"causal\", \"window\": 4}",
        "window               | {\"mask\": \"global-sliding-window\", \"window\": \"1,2,3\"}",
        "window               | {\"mask\": \"sliding-window\", \"window\": \"4294967297\"}",
        "documents            | {\"mask\": \"document\", \"seqlenQ\": 8, \"documents\": \"4,5\"}",
        "documents            | {\"mask\": \"document\", \"seqlenQ\": 8, \"documents\": \"-4,5\"}",
        "documents            | {\"mask\": \"document\", \"documents\": \"2147483647,2147483647\"}",
        "documents            | {\"mask\": \"documents\", \"documents\": \"2147483647,2147483647\"}",
        "documents            | {\"mask\": \"share-question\", \"documents\": \"4++4\"}",
        "documents            | {\"mask\": \"document\", \"documents\": \"٣\"}",
        "documents            | {\"mask\": \"document\", \"documents\": \"1 2\"}",
        "documents            | {\"mask\": \"document\", \"documents\": \"1);System.exit(0\"}",
        "start                | {\"mask\": \"random-eviction\", \"start\": 0}",
        "seed                 | {\"mask\": \"random-eviction\", \"seed\": \"1.5\"}",
        "left                 | {\"mask\": \"window\", \"left\": \"wide\"}",
        "alignment            | {\"mask\": \"window\", \"alignment\": \"middle\"}",
        "prefix               | {\"mask\": \"prefix\", \"prefix\": -1}",
        "and                  | {\"mask\": \"causal\", \"and\": \"document\"}",
        "and                  | {\"mask\": \"causal\", \"and\": {\"mask\": \"full\", \"and\": {\"mask\": \"full\"}}}",
        "seqlenQ              | {\"mask\": \"causal\", \"and\": {\"mask\": \"full\", \"seqlenQ\": 4}}",
        "seqlenK              | {\"mask\": \"causal\", \"seqlenQ\": 4, \"seqlenK\": 5, \"and\": {\"mask\": \"document\"}}",
        "startend_row_indices | {\"mask\": \"columns\", \"seqlenQ\": 2, \"startend_row_indices\": [1]}",
        "startend_row_indices | {\"mask\": \"columns\", \"seqlenQ\": 2, \"startend_row_indices\": [[1, 1, 1], [1, 1, 1]]}",
        "startend_row_indices | {\"mask\": \"columns\", \"seqlenQ\": 1000000}",
        "json                 | [1]",
        "json                 | {\"mask\": \"causal\"",
        "json                 | {\"mask\": \"causal\", \"mask\": \"full\"}"
      })
  void whatDoesNotFitIsRefusedByName(String argument, String json) {
    assertThatThrownBy(() -> MaskQuery.read(json))
        .isInstanceOfSatisfying(
            RefusedException.class, e -> assertThat(e.argument()).isEqualTo(argument))
        .hasMessageContaining("expected")
        .satisfies(e -> assertThat(String.valueOf(e.getMessage())).hasSizeLessThan(600));
  }
}
