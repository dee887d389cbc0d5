package io.github.attn4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.time.Duration;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** Where sequences lie, and lengths that make no sense. */
final class SequencesTest {
  @Test
  void paddedSequencesFillTheirEntries() {
    Sequences s = Sequences.padded(8, 9, new int[] {8, 3, 0}, new int[] {9, 9, 1});
    assertThat(s.count()).isEqualTo(3);
    assertThat(s.isRagged()).isFalse();
    assertThat(s.entries()).isEqualTo(3);
    assertThat(s.entry(2)).isEqualTo(2);
    assertThat(s.startQ(2)).isZero();
    assertThat(s.lengthQ(1)).isEqualTo(3);
    assertThat(s.lengthK(2)).isEqualTo(1);
    assertThat(s.extentQ()).isEqualTo(8);
    assertThat(s.extentK()).isEqualTo(9);
    assertThat(s.coversQueries()).isFalse();
    assertThat(s.coversKeys()).isFalse();
    assertThat(Sequences.padded(2, 4, 5).coversQueries()).isTrue();
    assertThat(Sequences.padded(0, 4, 5).count()).isZero();
    assertThat(s).hasToString("padded to 8 by 9, query [8, 3, 0], key [9, 9, 1]");
  }

  @Test
  void raggedSequencesLieBehindEachOther() {
    Sequences s = Sequences.ragged(new long[] {0, 3, 3, 10}, new long[] {0, 1, 5, 6});
    assertThat(s.count()).isEqualTo(3);
    assertThat(s.isRagged()).isTrue();
    assertThat(s.entries()).isEqualTo(1);
    assertThat(s.entry(2)).isZero();
    assertThat(s.startQ(2)).isEqualTo(3);
    assertThat(s.startK(2)).isEqualTo(5);
    assertThat(s.lengthQ(1)).isZero();
    assertThat(s.lengthK(1)).isEqualTo(4);
    assertThat(s.extentQ()).isEqualTo(10);
    assertThat(s.coversQueries()).isTrue();
    long[] far = {0, Integer.MAX_VALUE, 2L * Integer.MAX_VALUE, 2L * Integer.MAX_VALUE + 7};
    assertThat(Sequences.ragged(far, far).startK(2)).isEqualTo(4294967294L);
    assertThat(Sequences.ragged(far, far).extentQ()).isEqualTo(4294967301L);
  }

  @Test
  void lengthsAreCopied() {
    int[] lengths = {1, 2};
    Sequences s = Sequences.padded(4, 4, lengths, lengths);
    lengths[0] = 99;
    assertThat(s.lengthQ(0)).isEqualTo(1);
  }

  @Test
  void lengthsThatMakeNoSenseAreRefused() {
    assertThatThrownBy(() -> Sequences.padded(-1, 2, 3))
        .isInstanceOf(RefusedException.class)
        .hasMessage("batch: expected at least 0, got -1");
    assertThatThrownBy(() -> Sequences.padded(1, -2, 3))
        .hasMessage("seqlenQ: expected at least 0, got -2");
    assertThatThrownBy(() -> Sequences.padded(1, 2, -3))
        .hasMessage("seqlenK: expected at least 0, got -3");
    assertThatThrownBy(() -> Sequences.padded(4, 4, new int[] {5}, new int[] {1}))
        .hasMessage("lengthsQ: expected lengths between 0 and 4, got [5]");
    assertThatThrownBy(() -> Sequences.padded(4, 4, new int[] {4}, new int[] {-1}))
        .hasMessage("lengthsK: expected lengths between 0 and 4, got [-1]");
    assertThatThrownBy(() -> Sequences.padded(4, 4, new int[] {4}, new int[] {1, 1}))
        .hasMessage("lengthsK: expected as many entries as for the query, 1, got 2");
    assertThatThrownBy(() -> Sequences.ragged(new long[] {0, 1}, new long[] {0}))
        .hasMessageContaining("cumulativeK: expected as many entries");
    assertThatThrownBy(() -> Sequences.ragged(new long[] {1, 2}, new long[] {0, 1}))
        .hasMessage("cumulativeQ: expected numbers that start at 0, got [1, 2]");
    assertThatThrownBy(() -> Sequences.ragged(new long[0], new long[0]))
        .hasMessageContaining("cumulativeQ: expected numbers that start at 0");
    assertThatThrownBy(() -> Sequences.ragged(new long[] {0, 2}, new long[] {0, -1}))
        .hasMessageContaining("cumulativeK: expected ascending numbers");
    assertThatThrownBy(() -> Sequences.ragged(new long[] {0, 1L << 31}, new long[] {0, 1}))
        .hasMessageContaining("each sequence below 2^31");
  }

  @Test
  void paddedSequencesMayStartAnywhere() {
    Sequences s =
        Sequences.padded(
            4, 6, new int[] {1, 4}, new int[] {3, 0}, new int[] {0, 2}, new int[] {6, 4});
    assertThat(s.isRagged()).isFalse();
    assertThat(s.count()).isEqualTo(2);
    assertThat(s.startQ(0)).isEqualTo(1);
    assertThat(s.lengthQ(0)).isEqualTo(3);
    assertThat(s.startQ(1)).isEqualTo(4);
    assertThat(s.startK(1)).isEqualTo(2);
    assertThat(s.lengthK(1)).isEqualTo(4);
    assertThat(s.extentQ()).isEqualTo(4);
    assertThat(s.extentK()).isEqualTo(6);
    assertThat(s.coversQueries()).isFalse();
    assertThat(s.coversKeys()).isFalse();
  }

  @Test
  void raggedSequencesMayLeaveGaps() {
    Sequences s =
        Sequences.ragged(
            9,
            8,
            new long[] {1, 4, 4},
            new int[] {2, 0, 3},
            new long[] {0, 3, 8},
            new int[] {3, 5, 0});
    assertThat(s.isRagged()).isTrue();
    assertThat(s.entry(2)).isZero();
    assertThat(s.startQ(2)).isEqualTo(4);
    assertThat(s.lengthQ(2)).isEqualTo(3);
    assertThat(s.startK(1)).isEqualTo(3);
    assertThat(s.extentQ()).isEqualTo(9);
    assertThat(s.extentK()).isEqualTo(8);
    assertThat(s.coversQueries()).isFalse();
    assertThat(s.coversKeys()).isTrue();
  }

  @Test
  void runsThatMakeNoSenseAreRefused() {
    int[] one = {1};
    assertThatThrownBy(() -> Sequences.padded(4, 4, new int[] {2}, new int[] {3}, one, one))
        .isInstanceOf(RefusedException.class)
        .hasMessage("startsQ: expected runs inside 4 rows, got 3 rows from 2 in sequence 0");
    assertThatThrownBy(() -> Sequences.padded(4, 4, one, one, new int[] {-1}, one))
        .hasMessage("startsK: expected runs inside 4 rows, got 1 rows from -1 in sequence 0");
    assertThatThrownBy(() -> Sequences.padded(4, 4, new int[2], one, one, one))
        .hasMessage("startsQ: expected as many entries as for the query, 1, got 2");
    assertThatThrownBy(() -> Sequences.padded(4, 4, one, one, new int[0], one))
        .hasMessage("startsK: expected as many entries as for the query, 1, got 0");
    assertThatThrownBy(() -> Sequences.padded(4, 4, one, one, one, new int[] {5}))
        .hasMessage("lengthsK: expected lengths between 0 and 4, got [5]");
    long[] zero = {0};
    assertThatThrownBy(() -> Sequences.ragged(4, 4, zero, new int[] {5}, zero, one))
        .hasMessage("startsQ: expected runs inside 4 rows, got 5 rows from 0 in sequence 0");
    assertThatThrownBy(() -> Sequences.ragged(4, 4, zero, one, zero, new int[] {-1}))
        .hasMessage("startsK: expected runs inside 4 rows, got -1 rows from 0 in sequence 0");
    assertThatThrownBy(() -> Sequences.ragged(4, 4, new long[] {Long.MAX_VALUE}, one, zero, one))
        .hasMessageStartingWith("startsQ: expected runs inside 4 rows, got 1 rows from 9223");
    assertThatThrownBy(() -> Sequences.ragged(4, 4, zero, one, zero, new int[2]))
        .hasMessage("lengthsK: expected as many entries as for the query, 1, got 2");
    int[] two = {2, 2};
    assertThatThrownBy(() -> Sequences.ragged(4, 4, new long[] {0, 1}, two, new long[] {0, 2}, two))
        .hasMessage(
            "startsQ: expected ascending runs that do not overlap, got 2 rows from 1 behind 2 from 0");
    assertThatThrownBy(() -> Sequences.ragged(4, 4, new long[] {0, 2}, two, new long[] {2, 0}, two))
        .hasMessageStartingWith("startsK: expected ascending runs that do not overlap");
  }

  /** Whatever way it was made: the same places are the same batch. */
  @Test
  void batchesAreEqualByTheirPlaces() {
    Sequences ragged = Sequences.ragged(new long[] {0, 2, 5}, new long[] {0, 1, 2});
    Sequences same =
        Sequences.ragged(
            5, 2, new long[] {0, 2}, new int[] {2, 3}, new long[] {0, 1}, new int[] {1, 1});
    Sequences gap =
        Sequences.ragged(
            5, 3, new long[] {0, 2}, new int[] {2, 3}, new long[] {0, 2}, new int[] {1, 1});
    assertThat(ragged).isEqualTo(same).hasSameHashCodeAs(same).isNotEqualTo(gap);
    assertThat(Sequences.padded(1, 2, 2))
        .isEqualTo(Sequences.padded(2, 2, new int[] {2}, new int[] {2}))
        .isNotEqualTo(Sequences.padded(1, 2, 3))
        .isNotEqualTo(Sequences.ragged(new long[] {0, 2}, new long[] {0, 2}));
  }

  /** Steps for every pair of sequences would be a million millions: minutes, not a moment. */
  @Test
  void aPlanOfAMillionSequencesTakesAMoment() {
    long[] cumulative = LongStream.rangeClosed(0, 1_000_000).toArray();
    AttentionSpec spec =
        AttentionSpec.builder()
            .layout(Layout.TND)
            .sequences(Sequences.ragged(cumulative, cumulative))
            .heads(1, 1)
            .dims(1, 1)
            .mask(Mask.causal())
            .backend("reference")
            .build();
    assertTimeoutPreemptively(Duration.ofSeconds(60), () -> Attention.plan(spec));
  }
}
