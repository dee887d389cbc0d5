package io.github.attn4j.bench.measure;

import io.github.attn4j.bench.ladder.Rung;
import io.github.attn4j.bench.peer.Call;
import java.util.List;

/**
 * A rung as something to take turns.
 *
 * @param rung to run
 */
public record RungCall(Rung rung) implements Call {
  /** GFLOP/s of each rung, measured in turn. */
  public static double[] rates(List<Rung> rungs, Turns turns) {
    List<Call> calls = rungs.stream().<Call>map(RungCall::new).toList();
    double[] estimates = calls.stream().mapToDouble(turns::warm).toArray();
    double[] rates = turns.measure(calls, estimates).seconds();
    for (int n = 0; n < rates.length; n++) {
      rates[n] = rungs.get(n).gflop() / rates[n];
    }
    return rates;
  }

  @Override
  public void run() {
    rung.run();
  }

  @Override
  public float[] result() {
    return new float[0];
  }
}
