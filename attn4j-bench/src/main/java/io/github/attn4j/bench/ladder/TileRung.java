package io.github.attn4j.bench.ladder;

/** A rung that computes a {@link Tile}. */
abstract class TileRung implements Rung {
  final Tile tile = new Tile();
  private final String name;
  private final String change;

  TileRung(String name, String change) {
    this.name = name;
    this.change = change;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public String change() {
    return change;
  }

  @Override
  public double gflop() {
    return Tile.gflop();
  }

  @Override
  public double error() {
    return tile.error((m, n) -> tile.c[m * Tile.N + n]);
  }
}
