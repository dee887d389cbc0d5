package io.github.attn4j.bench.peer;

import java.util.List;

/** All there are. */
public final class Peers {
  private Peers() {}

  /**
   * attn4j first, since the others' results are compared with its.
   *
   * <p>The two builds of libtorch carry the same library names, of which a process keeps the first
   * it loads. So the one of DJL runs in a JVM of its own, which takes its turn like the others.
   */
  public static List<Peer> all() {
    return List.of(
        new Attn4jPeer(),
        new OnnxRuntimePeer(),
        new BytedecoTorchPeer(),
        new ChildPeer(new DjlTorchPeer()),
        new LoopPeer());
  }
}
