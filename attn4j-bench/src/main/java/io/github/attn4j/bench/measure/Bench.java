package io.github.attn4j.bench.measure;

import io.github.attn4j.Attention;
import io.github.attn4j.AttentionSpec;
import io.github.attn4j.DType;
import io.github.attn4j.bench.peer.Attn4jPeer;
import io.github.attn4j.bench.peer.Call;
import io.github.attn4j.bench.peer.Floats;
import io.github.attn4j.bench.peer.Inputs;
import io.github.attn4j.bench.peer.Pass;
import io.github.attn4j.bench.peer.Peer;
import io.github.attn4j.bench.peer.Work;
import io.github.attn4j.cpu.MachinePeak;
import io.github.attn4j.spi.TilePlan;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Measures one item after the other. */
public final class Bench {
  private final Turns turns;
  private final List<Peer> peers;
  private final Host host = Host.here();

  /**
   * A bench.
   *
   * @param turns how long
   * @param peers who is there; attn4j first
   */
  public Bench(Turns turns, List<Peer> peers) {
    this.turns = turns;
    this.peers = List.copyOf(peers);
  }

  /** Measures all who can do it. */
  public List<Measurement> measure(Suite.Item item) {
    return item.section() == Section.PLAN ? List.of(plan(item)) : calls(item);
  }

  private List<Measurement> calls(Suite.Item item) {
    Work work = item.work();
    List<Peer> able =
        peers.stream()
            .filter(
                peer -> peer.can(work) && (!item.alone() || peer.name().equals(Attn4jPeer.NAME)))
            .toList();
    TilePlan tiles = Attention.plan(work.spec()).tiles();
    List<Call> calls = new ArrayList<>();
    try {
      Inputs inputs = Inputs.of(work);
      able.forEach(peer -> calls.add(peer.open(work, inputs)));
      double[] estimates = calls.stream().mapToDouble(turns::warm).toArray();
      double before = peak(work);
      Turns.Medians medians = turns.measure(calls, estimates);
      double after = peak(work);
      float @Nullable [] expected = null;
      List<Measurement> measured = new ArrayList<>();
      for (int n = 0; n < able.size(); n++) {
        float[] result = calls.get(n).result();
        double seconds = medians.seconds()[n];
        double amount = decodes(work) ? work.cacheGigabytes() : work.gflop(tiles.visibleElements());
        measured.add(
            new Measurement(
                item.section(),
                able.get(n).name(),
                able.get(n).version(),
                work,
                seconds,
                medians.rounds(),
                Measurement.Rate.of(amount / seconds, before, after),
                tiles.density(),
                expected == null ? null : Floats.maxDifference(expected, result),
                host));
        expected = expected == null ? result : expected;
      }
      return measured;
    } finally {
      calls.forEach(Call::close);
    }
  }

  private static boolean decodes(Work work) {
    return work.pass() == Pass.DECODE;
  }

  private static double peak(Work work) {
    if (decodes(work)) {
      return MachinePeak.readGigabytes(work.threads());
    }
    return work.spec().dtype() == DType.BFLOAT16
        ? MachinePeak.bf16Gflops(work.threads())
        : MachinePeak.fmaGflops(work.threads());
  }

  private Measurement plan(Suite.Item item) {
    AttentionSpec spec = item.work().spec();
    Call planning = new PlanCall(spec);
    double[] estimates = {turns.warm(planning)};
    Turns.Medians medians = turns.measure(List.of(planning), estimates);
    Peer attn4j = peers.getFirst();
    return new Measurement(
        item.section(),
        attn4j.name(),
        attn4j.version(),
        item.work(),
        medians.seconds()[0],
        medians.rounds(),
        null,
        null,
        null,
        host);
  }

  private record PlanCall(AttentionSpec spec) implements Call {
    @Override
    public void run() {
      Attention.plan(spec);
    }

    @Override
    public float[] result() {
      return new float[0];
    }
  }
}
