package io.github.attn4j.cli.page;

import io.github.attn4j.Extent;
import io.github.attn4j.cli.capture.Json;
import io.github.attn4j.spi.TileGrid;
import io.github.attn4j.spi.TileKind;
import io.github.attn4j.spi.TilePlan;
import io.github.attn4j.spi.TileRuns;
import io.github.attn4j.spi.TileShape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * All that a page shows of a mask, as JSON: elements and why they are masked, tiles, the column
 * form, work and memory, the mask's Java and its description.
 */
final class MaskData {
  /** Up to this many queries and keys every element is drawn; more are drawn by tiles. */
  static final int DRAWN = 4096;

  /** Runs of elements; more would be megabytes for the page to read. */
  private static final int MOST_RUNS = 400_000;

  /** Tiles along a side whose kinds are told; of more only the counts. */
  private static final int MOST_TILES = 256;

  /** Numbers of a column form that are told. */
  private static final int MOST_COLUMNS = DRAWN;

  private static final int COARSE_CELLS = 512;

  private static final int[] SMALL_TILES = {8, 16, 32};
  private static final int[] TILES = {64, 128, 256};

  private final Subject subject;
  private final Extent extent;
  private final Explanation explanation;
  private final Map<String, @Nullable Object> data = new LinkedHashMap<>();

  private MaskData(Subject subject) {
    this.subject = subject;
    this.extent = subject.extent();
    this.explanation = subject.explanation();
  }

  /** Finds out all there is to show. */
  static Map<String, @Nullable Object> of(Subject subject) {
    return new MaskData(subject).collect();
  }

  private Map<String, @Nullable Object> collect() {
    data.put("title", subject.title());
    data.put("says", subject.says());
    data.put("seqlenQ", extent.seqlenQ());
    data.put("seqlenK", extent.seqlenK());
    data.put("source", subject.source());
    data.put("capture", subject.capture());
    TileGrid grid = grid(TILES[0]);
    long elements = (long) extent.seqlenQ() * extent.seqlenK();
    data.put("visible", grid.visibleElements());
    data.put("total", elements);
    tilings(grid);
    Map<String, Object> exact = exact();
    data.put("elements", exact);
    data.put("coarse", exact == null ? coarse() : null);
    data.put("sentences", explanation.sentences().templates());
    data.put("context", explanation.context());
    data.put("numbers", exact == null ? null : numbers());
    ColumnForm form = ColumnForm.of(new MaskedRows(grid), extent);
    data.put("columns", form == null ? null : columns(form));
    data.put("denseBytes", elements);
    MaskQuery query = subject.query();
    data.put(
        "java",
        query == null ? JavaSnippet.of(subject.title(), form) : JavaSnippet.of(query, form));
    data.put("json", json(form));
    return data;
  }

  private TileGrid grid(int side) {
    TileShape shape = new TileShape(side, side);
    return TilePlan.of(subject.mask(), subject.sequences(), subject.heads(), shape)
        .grid(subject.b(), subject.h());
  }

  private void tilings(TileGrid grid64) {
    List<Object> tilings = new ArrayList<>();
    int longest = Math.max(extent.seqlenQ(), extent.seqlenK());
    for (int side : SMALL_TILES) {
      if (Math.ceilDiv(longest, side) <= MOST_TILES) {
        tilings.add(tiling(grid(side)));
      }
    }
    for (int side : TILES) {
      tilings.add(tiling(side == TILES[0] ? grid64 : grid(side)));
    }
    data.put("tilings", tilings);
  }

  private static Map<String, @Nullable Object> tiling(TileGrid grid) {
    Map<String, @Nullable Object> tiling = new LinkedHashMap<>();
    tiling.put("size", grid.shape().tileM());
    tiling.put("rows", grid.rowTiles());
    tiling.put("columns", grid.columnTiles());
    tiling.put("full", grid.count(TileKind.FULL));
    tiling.put("partial", grid.count(TileKind.PARTIAL));
    tiling.put("empty", grid.count(TileKind.EMPTY));
    boolean told = Math.max(grid.rowTiles(), grid.columnTiles()) <= MOST_TILES;
    tiling.put("cells", told ? cells(grid) : null);
    return tiling;
  }

  /** One line per row of tiles, one letter per tile: full, partial, empty. */
  private static List<String> cells(TileGrid grid) {
    List<String> lines = new ArrayList<>();
    TileRuns runs = grid.rows();
    for (int m = 0; m < grid.rowTiles(); m++) {
      char[] line = new char[grid.columnTiles()];
      Arrays.fill(line, 'e');
      for (int run = runs.firstRun(m); run < runs.firstRun(m + 1); run++) {
        Arrays.fill(line, runs.from(run), runs.to(run), runs.partial(run) ? 'p' : 'f');
      }
      lines.add(new String(line));
    }
    return lines;
  }

  /** What is too long to be drawn element by element, in cells that are large tiles. */
  private Map<String, Object> coarse() {
    int longest = Math.max(extent.seqlenQ(), extent.seqlenK());
    int side = Math.ceilDiv(longest, COARSE_CELLS);
    return Map.of("size", side, "cells", cells(grid(side)));
  }

  /**
   * For every key its rows as runs, each of a kind and an end; a kind is the list of the sentences
   * that forbid it, none for what is visible.
   */
  private @Nullable Map<String, Object> exact() {
    if (Math.max(extent.seqlenQ(), extent.seqlenK()) > DRAWN) {
      return null;
    }
    Map<Long, Integer> kinds = new HashMap<>(Map.of(0L, 0));
    List<Object> told = new ArrayList<>(List.of(new int[0]));
    List<Object> columns = new ArrayList<>();
    long[] why = new long[extent.seqlenQ()];
    int[] runs = new int[2 * extent.seqlenQ()];
    long total = 0;
    for (int j = 0; j < extent.seqlenK(); j++) {
      explanation.column(j, why);
      int size = 0;
      for (int i = 0; i < why.length; i++) {
        if (i + 1 == why.length || why[i + 1] != why[i]) {
          Integer kind = kinds.get(why[i]);
          if (kind == null) {
            kind = told.size();
            kinds.put(why[i], kind);
            told.add(sentences(why[i]));
          }
          runs[size++] = kind;
          runs[size++] = i + 1;
        }
      }
      total += size / 2;
      if (total > MOST_RUNS) {
        return null;
      }
      columns.add(Arrays.copyOf(runs, size));
    }
    return Map.of("kinds", told, "columns", columns);
  }

  private static int[] sentences(long bits) {
    return IntStream.range(0, Long.SIZE).filter(n -> (bits >>> n & 1) == 1).toArray();
  }

  private Map<String, Object> numbers() {
    return Map.of("q", explanation.sentences().rows(), "k", explanation.sentences().keys());
  }

  private Map<String, @Nullable Object> columns(ColumnForm form) {
    Map<String, @Nullable Object> columns = new LinkedHashMap<>();
    columns.put("causal", form.causal());
    columns.put("names", form.names());
    columns.put("bytes", form.bytes());
    columns.put("values", extent.seqlenK() <= MOST_COLUMNS ? Arrays.asList(form.values()) : null);
    return columns;
  }

  /** The description that makes this mask again; of a capture's mask, by its columns. */
  private @Nullable String json(@Nullable ColumnForm form) {
    MaskQuery query = subject.query();
    if (query != null) {
      return Json.write(query.description());
    }
    if (form == null || extent.seqlenK() > MOST_COLUMNS) {
      return null;
    }
    Map<String, Object> description = new LinkedHashMap<>();
    description.put("mask", "columns");
    description.put("seqlenQ", extent.seqlenQ());
    description.put("seqlenK", extent.seqlenK());
    description.put("causal", form.causal());
    List<String> keys = new ArrayList<>();
    for (int j = 0; j < extent.seqlenK(); j++) {
      StringBuilder rows = new StringBuilder();
      for (int[] values : form.values()) {
        rows.append(rows.isEmpty() ? "" : ":").append(values[j]);
      }
      // Without numbers only the flag is left; a start behind the last row masks nothing.
      keys.add(form.values().length == 0 ? "" + extent.seqlenQ() : rows.toString());
    }
    description.put("startend_row_indices", String.join(",", keys));
    return Json.write(description);
  }
}
