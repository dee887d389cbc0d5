package io.github.attn4j.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.attn4j.AttentionGradients;
import io.github.attn4j.AttentionInputs;
import io.github.attn4j.AttentionResult;
import io.github.attn4j.ColumnMask;
import io.github.attn4j.DType;
import io.github.attn4j.Extent;
import io.github.attn4j.Mask;
import io.github.attn4j.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** NaN and infinity propagate to what sees them, and to nothing else. */
public interface HostileValuesContract {
  /** The name of the backend under test. */
  String backend();

  /** Where a hostile number stands. */
  enum Place {
    /** A whole key. */
    KEY,
    /** One column of a value. */
    VALUE,
    /** A whole query row. */
    QUERY,
    /** One column of a row of dout. */
    DOUT
  }

  private static Materials problem(DType dtype) {
    return Materials.of(new AttentionCase(1, 140, 150).heads(2, 1).dims(17, 19).dtype(dtype));
  }

  /** Without and with what acts on scores, where a masked NaN could find another way. */
  private static List<Materials> problems(DType dtype) {
    AttentionCase all = new AttentionCase(1, 140, 150).heads(2, 1).dims(17, 19).dtype(dtype);
    all.softcap = 5;
    all.sink = true;
    all.dropout = 0.2;
    all.biasBroadcast = new boolean[] {true, true, false, false};
    return List.of(problem(dtype), Materials.of(all));
  }

  private static Materials poison(
      Materials clean, Place place, double number, int from, int to, boolean wholeRow) {
    AttentionInputs inputs = clean.inputs();
    Tensor query = inputs.query().copy();
    Tensor key = inputs.key().copy();
    Tensor value = inputs.value().copy();
    Tensor dout = clean.dout().copy();
    Tensor target =
        switch (place) {
          case QUERY -> query;
          case KEY -> key;
          case VALUE -> value;
          case DOUT -> dout;
        };
    Tensor rows = target.slice(2, from, to);
    Storage.fill(wholeRow ? rows : rows.slice(3, 5, 6), number);
    AttentionInputs poisoned =
        new AttentionInputs(
            query, key, value, inputs.bias(), inputs.sink(), inputs.dropout(), inputs.storage());
    return new Materials(clean.choices(), clean.mask(), poisoned, dout);
  }

  /** Masks under which no row sees keys 40 to 59 (or more). */
  private static List<Mask> hidingKeys() {
    List<Mask> masks = new ArrayList<>();
    Tensor dense = Tensor.zeros(DType.BOOL, 1, 1, 140, 150);
    MaskKind.randomBits(new Draw(1), dense, 0.8);
    Storage.fill(dense.slice(3, 40, 60), 0);
    masks.add(Mask.dense(dense));
    Tensor row = Tensor.zeros(DType.BOOL, 1, 1, 1, 150);
    Storage.fill(row, 1);
    Storage.fill(row.slice(3, 40, 60), 0);
    masks.add(Mask.dense(row));
    Tensor starts = Tensor.zeros(DType.INT32, 1, 1, 150, 1);
    Storage.fill(starts, 140);
    Storage.fill(starts.slice(2, 40, 60), 0);
    Mask columns = Mask.columns(starts, ColumnMask.Form.START);
    masks.add(columns);
    masks.add(columns.and(Mask.causal()));
    Tensor blocks = Tensor.zeros(DType.INT32, 1, 1, 14, 15);
    Storage.fill(blocks, 1);
    Storage.fill(blocks.slice(3, 4, 6), 0);
    masks.add(Mask.blocks(blocks, 10, 10));
    return masks;
  }

  /** Masks under which rows 0 to 19 see nothing. */
  private static List<Mask> hidingRows() {
    Tensor dense = Tensor.zeros(DType.BOOL, 1, 1, 140, 150);
    MaskKind.randomBits(new Draw(2), dense, 0.8);
    Storage.fill(dense.slice(2, 0, 20), 0);
    Tensor ends = Tensor.zeros(DType.INT32, 1, 1, 150, 2);
    Storage.fill(ends.slice(3, 1, 2), 20);
    Mask columns = Mask.columns(ends, ColumnMask.Form.START_END);
    return List.of(Mask.dense(dense), columns, columns.and(Mask.causal()));
  }

  private static List<Double> hostile() {
    return List.of(Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY);
  }

  /**
   * Keys and values that nobody sees may hold anything: not a bit changes, forward and backward.
   */
  @Test
  default void hiddenKeysAndValuesNeverReachResults() {
    for (DType dtype : List.of(DType.FLOAT32, DType.BFLOAT16, DType.FLOAT16)) {
      for (Mask mask : hidingKeys()) {
        for (Materials problem : problems(dtype)) {
          Materials clean = problem.withMask(mask);
          Outcome expected = Outcome.of(backend(), clean);
          for (double number : hostile()) {
            for (Place place : List.of(Place.KEY, Place.VALUE)) {
              Materials poisoned = poison(clean, place, number, 40, 60, true);
              String what = "%s %s under %s, %s".formatted(place, number, mask, dtype);
              SameBits.check(what, Outcome.of(backend(), poisoned), expected);
            }
          }
        }
      }
    }
  }

  /** Rows that see nothing may hold anything in query and dout. */
  @Test
  default void hiddenRowsNeverReachResults() {
    for (DType dtype : List.of(DType.FLOAT32, DType.BFLOAT16, DType.FLOAT16)) {
      for (Mask mask : hidingRows()) {
        for (Materials problem : problems(dtype)) {
          Materials clean = problem.withMask(mask);
          Outcome expected = Outcome.of(backend(), clean);
          for (double number : hostile()) {
            for (Place place : List.of(Place.QUERY, Place.DOUT)) {
              Materials poisoned = poison(clean, place, number, 0, 20, true);
              String what = "%s %s under %s, %s".formatted(place, number, mask, dtype);
              SameBits.check(what, Outcome.of(backend(), poisoned), expected);
            }
          }
        }
      }
    }
  }

  /** A sink that outweighs a row's scores leaves small gradients, not none. */
  @Test
  default void rowsUnderALargeSinkKeepTheirGradients() {
    AttentionCase c = new AttentionCase(1, 40, 40).dims(8, 8);
    c.sink = true;
    Materials problem = Materials.of(c);
    Tensor sink = Tensor.of(new float[] {20}, 1);
    AttentionInputs inputs = problem.inputs().withSink(sink);
    Materials heavy = new Materials(problem.choices(), problem.mask(), inputs, problem.dout());
    double[] got = Views.flat(Outcome.of(backend(), heavy).gradients().value());
    double[] truth = Views.flat(Outcome.of("reference", heavy).gradients().value());
    double largest = 0;
    for (double value : truth) {
      largest = Math.max(largest, Math.abs(value));
    }
    assertThat(largest).isGreaterThan(0);
    Tolerance.check("dvalue", new long[] {1, 1, 40, 8}, got, truth, 1e-4 * largest);
  }

  /** NaN reaches what sees it, as in the reference; what does not see it keeps its bits. */
  @Test
  default void nanReachesExactlyWhatSeesIt() {
    Tensor dense = Tensor.zeros(DType.BOOL, 1, 1, 140, 150);
    MaskKind.randomBits(new Draw(4), dense, 0.1);
    Tensor mixed = Tensor.zeros(DType.INT32, 1, 1, 150, 2);
    for (int j = 0; j < 150; j++) {
      int start = j - j / 3;
      mixed.set(start, 0, 0, j, 0);
      mixed.set(start + 30, 0, 0, j, 1);
    }
    List<Mask> masks =
        List.of(
            Mask.full(),
            Mask.causal(),
            Mask.window(20, 3),
            Mask.documents(33, 50, 57),
            Mask.dense(dense),
            Mask.columns(mixed, ColumnMask.Form.START_END));
    List<String> failures = new ArrayList<>();
    for (DType dtype : List.of(DType.FLOAT32, DType.BFLOAT16)) {
      for (Mask mask : masks) {
        Materials clean = problem(dtype).withMask(mask);
        Outcome cleanResult = Outcome.of(backend(), clean);
        for (Place place : Place.values()) {
          boolean wholeRow = place == Place.KEY || place == Place.QUERY;
          Materials poisoned = poison(clean, place, Double.NaN, 70, 71, wholeRow);
          String what = "NaN in %s under %s, %s".formatted(place, mask, dtype);
          Outcome got = Outcome.of(backend(), poisoned);
          try {
            Touched.by(mask, place, 70)
                .check(what, got, Outcome.of("reference", poisoned), cleanResult);
          } catch (AssertionError failure) {
            failures.add(String.valueOf(failure.getMessage()));
          }
        }
      }
    }
    assertThat(failures).as("which NaN reached what").isEmpty();
  }

  /** Rows that see the hostile number, and keys that one of those rows sees. */
  record Touched(boolean[] rows, boolean[] keys) {
    static Touched by(Mask mask, Place place, int at) {
      Extent extent = new Extent(140, 150, 2);
      Touched touched = new Touched(new boolean[140], new boolean[150]);
      for (int i = 0; i < 140; i++) {
        boolean ofRow = place == Place.QUERY || place == Place.DOUT;
        touched.rows[i] = ofRow ? i == at : mask.allows(0, 0, i, at, extent);
        for (int j = 0; touched.rows[i] && j < 150; j++) {
          touched.keys[j] |= mask.allows(0, 0, i, j, extent);
        }
      }
      return touched;
    }

    void check(String what, Outcome got, Outcome reference, Outcome clean) {
      AttentionResult result = got.result();
      AttentionGradients gradients = got.gradients();
      Tensor out = reference.result().out();
      check(what + ": out", rows, result.out(), out, clean.result().out());
      Tensor lse = reference.result().lse();
      check(what + ": lse", rows, result.lse(), lse, clean.result().lse());
      Tensor dquery = reference.gradients().query();
      check(what + ": dquery", rows, gradients.query(), dquery, clean.gradients().query());
      Tensor dkey = reference.gradients().key();
      check(what + ": dkey", keys, gradients.key(), dkey, clean.gradients().key());
      Tensor dvalue = reference.gradients().value();
      check(what + ": dvalue", keys, gradients.value(), dvalue, clean.gradients().value());
    }

    /**
     * NaN where the reference has NaN; else a number, and outside what is touched the bits of the
     * clean run.
     */
    private static void check(
        String what, boolean[] lines, Tensor got, Tensor reference, Tensor clean) {
      for (int line = 0; line < lines.length; line++) {
        Tensor part = got.slice(2, line, line + 1);
        Tensor cleanPart = clean.slice(2, line, line + 1);
        if (lines[line]) {
          double[] expected = Views.flat(cleanPart);
          double[] truth = Views.flat(reference.slice(2, line, line + 1));
          double largest = 1;
          for (int at = 0; at < expected.length; at++) {
            largest = Math.max(largest, Math.abs(expected[at]));
            expected[at] = Double.isNaN(truth[at]) ? Double.NaN : expected[at];
          }
          // The same numbers, perhaps summed another way.
          double bound = 8 * Tolerance.ulp(largest, got.dtype());
          Tolerance.check(what + " line " + line, part.shape(), Views.flat(part), expected, bound);
        } else {
          SameBits.check(what + " line " + line, part, cleanPart);
        }
      }
    }
  }

  /**
   * An infinite value reaches the output of the rows that see it; infinite scores do as in the
   * reference.
   */
  @Test
  default void infinityReachesWhatSeesIt() {
    for (Mask mask : List.of(Mask.full(), Mask.causal())) {
      Materials clean = problem(DType.FLOAT32).withMask(mask);
      Tensor cleanOut = clean.plan(backend()).forward(clean.inputs()).out();
      for (double number : hostile()) {
        for (Place place : List.of(Place.KEY, Place.VALUE, Place.QUERY)) {
          Materials poisoned = poison(clean, place, number, 70, 71, false);
          String what = "%s in %s under %s".formatted(number, place, mask);
          Tensor got = poisoned.plan(backend()).forward(poisoned.inputs()).out();
          Tensor truth = poisoned.plan("reference").forward(poisoned.inputs()).out();
          double[] expected = Views.flat(truth);
          // 140 rows of standard normal numbers: float32 is good for 1e-5.
          Tolerance.check(what, got.shape(), Views.flat(got), expected, 1e-5);
          if (mask.intervals() > 0 && place != Place.QUERY) {
            // Causal, 10 more keys than rows: rows before 60 do not see key 70.
            SameBits.check(what, got.slice(2, 0, 60), cleanOut.slice(2, 0, 60));
          }
        }
      }
    }
  }

  /** NaN in a value that is seen reaches the output from a part of the keys that weighs nothing. */
  @Test
  default void nanComesThroughFromAPartOfNoWeight() {
    for (int rows : new int[] {1, 140}) {
      AttentionCase c = new AttentionCase(1, rows, 500).heads(2, 1).dims(8, 8);
      c.splitKeys = 1;
      c.biasBroadcast = new boolean[4];
      Materials materials = Materials.of(c);
      @Nullable Tensor bias =
          materials.inputs().bias() == null ? null : materials.inputs().bias().parameter();
      if (bias != null) {
        Storage.fill(bias.slice(3, 300, 500), -5000);
      }
      Storage.fill(materials.inputs().value().slice(2, 499, 500).slice(3, 5, 6), Double.NaN);
      Tensor out = materials.plan(backend()).forward(materials.inputs()).out();
      for (double number : Views.flat(out.select(3, 5))) {
        assertThat(number).isNaN();
      }
      for (double number : Views.flat(out.slice(3, 0, 5))) {
        assertThat(number).isFinite();
      }
    }
  }

  /**
   * A bias of the lowest finite number over a whole row leaves equal scores, of which a float32 lse
   * has lost the number of keys; with the stats the backward still knows it.
   */
  @Test
  default void theLowestFiniteBiasSharesARowEvenlyBackwardToo() {
    AttentionCase c = new AttentionCase(1, 20, 70).dims(8, 8);
    c.biasBroadcast = new boolean[4];
    c.stats = true;
    Materials materials = Materials.of(c);
    Storage.fill(
        Objects.requireNonNull(materials.inputs().bias()).parameter().slice(2, 3, 9),
        -Float.MAX_VALUE);
    Outcome got = Outcome.of(backend(), materials);
    Outcome exact = Outcome.of("reference", materials);
    double[] dvalue = Views.flat(exact.gradients().value());
    Tolerance.check(
        "dvalue",
        exact.gradients().value().shape(),
        Views.flat(got.gradients().value()),
        dvalue,
        1e-5);
    Tolerance.check(
        "dkey",
        exact.gradients().key().shape(),
        Views.flat(got.gradients().key()),
        Views.flat(exact.gradients().key()),
        1e-5);
  }

  /** A bias of negative infinity hides keys as a mask does, whole rows included. */
  @Test
  default void negativeInfinityInTheBiasHidesKeys() {
    for (DType dtype : List.of(DType.FLOAT32, DType.BFLOAT16)) {
      AttentionCase c = new AttentionCase(1, 90, 140).dims(16, 16).dtype(dtype);
      c.biasBroadcast = new boolean[4];
      Materials materials = Materials.of(c);
      @Nullable Tensor bias =
          materials.inputs().bias() == null ? null : materials.inputs().bias().parameter();
      if (bias != null) {
        Storage.fill(bias.slice(2, 10, 12), Double.NEGATIVE_INFINITY);
        Storage.fill(bias.slice(3, 3, 9), Double.NEGATIVE_INFINITY);
        Storage.fill(bias.slice(3, 64, 140).slice(2, 30, 60), Double.NEGATIVE_INFINITY);
        Storage.fill(bias.slice(3, 0, 70).slice(2, 62, 64), Double.NEGATIVE_INFINITY);
      }
      CaseRunner.check(backend(), materials);
    }
  }
}
