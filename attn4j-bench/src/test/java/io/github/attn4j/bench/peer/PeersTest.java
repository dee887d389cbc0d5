package io.github.attn4j.bench.peer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import io.github.attn4j.DType;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Peers are asked for the same thing: what is timed side by side gives the same numbers. */
@Tag("peers")
class PeersTest {
  private static final double F32 = 1e-4;

  /** Two roundings to eight bits of results of order one. */
  private static final double BF16 = 2e-2;

  private static final Work FORWARD =
      new Work(Pass.FORWARD, DType.FLOAT32, "full", 2, 4, 4, 80, 80, 32, 2);
  private static final Work CAUSAL =
      new Work(Pass.FORWARD, DType.FLOAT32, "causal", 1, 2, 2, 80, 80, 64, 1);
  private static final Work DECODE =
      new Work(Pass.DECODE, DType.FLOAT32, "full", 2, 4, 2, 1, 80, 32, 1);
  private static final List<Work> WORKS =
      List.of(
          FORWARD,
          CAUSAL,
          DECODE,
          FORWARD.with(Pass.BACKWARD),
          CAUSAL.with(Pass.BACKWARD),
          FORWARD.with(DType.BFLOAT16),
          CAUSAL.with(DType.BFLOAT16),
          DECODE.with(DType.BFLOAT16));

  static Stream<Peer> others() {
    return Peers.all().stream().skip(1);
  }

  @ParameterizedTest
  @MethodSource("others")
  void everyPeerComputesWhatAttn4jComputes(Peer peer) {
    Optional<String> absence = peer.absence();
    if (absence.isPresent()) {
      System.err.printf("SKIPPED: %s is not compared: %s%n", peer.name(), absence.get());
      abort(peer.name() + ": " + absence.get());
    }
    try (peer) {
      for (Work work : WORKS.stream().filter(peer::can).toList()) {
        float[] expected = result(new Attn4jPeer(), work);
        float[] actual = result(peer, work);
        double bound = work.dtype() == DType.FLOAT32 ? F32 : BF16;
        assertThat(Floats.maxDifference(expected, actual))
            .as("%s: %s", peer.name(), work)
            .isLessThanOrEqualTo(bound);
      }
    }
  }

  /** What every peer must be able to do to stand in the tables. */
  @Test
  void everyPeerCanForwardAndDecodeInFloat32() {
    assertThat(Peers.all())
        .allSatisfy(peer -> {
          assertThat(peer.can(FORWARD)).isTrue();
          assertThat(peer.can(CAUSAL)).isTrue();
          assertThat(peer.can(DECODE)).isTrue();
        });
  }

  /** Runs twice: a run must not depend on what the one before left. */
  private static float[] result(Peer peer, Work work) {
    try (Call call = peer.open(work, Inputs.of(work))) {
      assertThat(call.seconds(2)).isPositive();
      float[] result = call.result();
      assertThat(result).hasSize(work.resultElements());
      return result;
    }
  }
}
