package io.github.attn4j.cli.page;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.Extent;
import io.github.attn4j.Mask;
import io.github.attn4j.Sequences;
import io.github.attn4j.spi.TilePlan;
import io.github.attn4j.spi.TileShape;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ExplanationTest {
  private static final int CASES = 240;

  private static Extent extent(SplittableRandom random) {
    return new Extent(1 + random.nextInt(90), 1 + random.nextInt(40), 1);
  }

  /** Masked elements have a reason, visible ones have none, and no place in a sentence is empty. */
  @Test
  void whatIsExplainedIsWhatTheMaskForbids() {
    for (int seed = 0; seed < CASES; seed++) {
      SplittableRandom random = new SplittableRandom(seed);
      Extent extent = extent(random);
      Mask mask = DrawnMasks.draw(random, seed % DrawnMasks.KINDS, extent);
      int b = mask.batches() - 1;
      Explanation explanation = Explanation.of(mask, b, 0, extent);
      long[] why = new long[extent.seqlenQ()];
      for (int j = 0; j < extent.seqlenK(); j++) {
        explanation.column(j, why);
        for (int i = 0; i < extent.seqlenQ(); i++) {
          assertThat(why[i] == 0)
              .as("seed %d: %s, query %d, key %d", seed, mask, i, j)
              .isEqualTo(mask.allows(b, 0, i, j, extent));
        }
      }
      int i = random.nextInt(extent.seqlenQ());
      int j = random.nextInt(extent.seqlenK());
      assertThat(explanation.reasons(i, j)).noneMatch(text -> text.contains("{"));
    }
  }

  /** A mask's smallest column form, where it has one, is the same mask. */
  @Test
  void theColumnFormIsTheSameMask() {
    int found = 0;
    for (int seed = 0; seed < CASES; seed++) {
      SplittableRandom random = new SplittableRandom(seed);
      Extent extent = extent(random);
      Mask mask = DrawnMasks.draw(random, seed % 10, extent);
      TilePlan plan =
          TilePlan.of(
              mask,
              Sequences.padded(1, extent.seqlenQ(), extent.seqlenK()),
              1,
              new TileShape(16, 16));
      ColumnForm form = ColumnForm.of(new MaskedRows(plan.grid(0, 0)), extent);
      // Dense and block masks may turn at every row; all others have two intervals at most.
      assertThat(form != null || seed % 10 >= 8).as("seed %d: %s", seed, mask).isTrue();
      if (form == null) {
        continue;
      }
      found++;
      Mask again = form.pattern("again").mask();
      for (int i = 0; i < extent.seqlenQ(); i++) {
        for (int j = 0; j < extent.seqlenK(); j++) {
          assertThat(again.allows(0, 0, i, j, extent))
              .as("seed %d: %s as %s, query %d, key %d", seed, mask, form, i, j)
              .isEqualTo(mask.allows(0, 0, i, j, extent));
        }
      }
    }
    assertThat(found).isGreaterThan(CASES * 8 / 10);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "full               | false |",
        "causal             | true  |",
        "sliding-window     | true  | LTS",
        "causal-document    | true  | LTS",
        "share-question     | true  | LTS",
        "random-eviction    | true  | LTS",
        "qk-sparse          | true  | LTS LTE",
        "document           | false | LTS UTE",
        "prefix-lm-document | false | LTS UTE",
        "documents          | false | LTS UTE",
        "window             | true  | LTS",
        "global-sliding-window | false | LTS LTE UTS UTE"
      })
  void theColumnFormIsTheSmallest(String name, boolean causal, String numbers) {
    MaskQuery query = MaskQuery.of(Map.of("mask", name, "seqlenQ", 64L));
    TilePlan plan =
        TilePlan.of(query.make(), Sequences.padded(1, 64, 64), 1, new TileShape(16, 16));
    ColumnForm form = ColumnForm.of(new MaskedRows(plan.grid(0, 0)), query.extent());
    assertThat(form).isNotNull();
    assertThat(form.causal()).isEqualTo(causal);
    assertThat(String.join(" ", form.names())).isEqualTo(numbers == null ? "" : numbers);
  }

  private static List<String> reasons(String json, int i, int j) {
    return Subject.of(MaskQuery.read(json)).explanation().reasons(i, j);
  }

  @Test
  void sentencesNameRowsAndKeys() {
    String documents = "{\"mask\": \"documents\", \"seqlenQ\": 64, \"documents\": \"24,24,10\"}";
    assertThat(reasons(documents, 12, 30))
        .containsExactly(
            "documents: key 30 lies in document 2 (keys 24 to 47), query 12 in document 1 (rows 0 to 23).");
    assertThat(reasons(documents, 12, 60))
        .containsExactly("documents: key 60 lies behind the last document.");
    assertThat(reasons(documents, 60, 12))
        .containsExactly(
            "documents: query 60 lies behind the last document, key 12 in document 1 (keys 0 to 23).");
    assertThat(reasons(documents, 30, 30)).isEmpty();
    assertThat(reasons("{\"mask\": \"causal\", \"seqlenQ\": 4, \"seqlenK\": 6}", 1, 5))
        .containsExactly(
            "causal: key 5 comes after the query's own place, 3 (1 + 2, the ends aligned).");
    assertThat(reasons("{\"mask\": \"causal\", \"seqlenQ\": 4}", 1, 3))
        .containsExactly("causal: key 3 comes after the query's own place, 1.");
    assertThat(reasons("{\"mask\": \"sliding-window\", \"seqlenQ\": 64, \"window\": 8}", 50, 30))
        .containsExactly("column 30: rows [38, 64) are masked (LTS to the end).");
  }

  /** What two parts forbid has two reasons. */
  @Test
  void everyPartThatForbidsIsNamed() {
    String both =
        """
        {"mask": "window", "seqlenQ": 64, "left": 4, "right": 0,
         "and": {"mask": "documents", "documents": "20,44"}}\
        """;
    assertThat(reasons(both, 40, 10))
        .hasSize(2)
        .satisfiesExactly(
            window -> assertThat(window).startsWith("window: key 10 lies more than 4 before"),
            documents -> assertThat(documents).startsWith("documents: key 10 lies in document 1"));
    assertThat(reasons(both, 40, 30)).singleElement().asString().startsWith("window:");
  }

  /** Patterns of columns do not know their documents; the page says them all the same. */
  @Test
  void documentsOfPatternsAreTold() {
    MaskQuery query =
        MaskQuery.read(
            "{\"mask\": \"share-question\", \"seqlenQ\": 30, \"documents\": \"4+3+3,10+5\"}");
    assertThat(Subject.of(query).explanation().context(12, 3))
        .containsExactly(
            "Query 12 lies in document 2, key 3 in document 1 (0 is the padding behind them).");
  }
}
