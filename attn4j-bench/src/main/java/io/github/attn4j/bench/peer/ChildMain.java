package io.github.attn4j.bench.peer;

import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** The child's side of {@link ChildPeer}: serves one peer through standard input and output. */
public final class ChildMain {
  private final Peer peer;
  private final DataInputStream requests;
  private final DataOutputStream replies;
  private @Nullable Call call;

  private ChildMain(Peer peer, DataInputStream requests, DataOutputStream replies) {
    this.peer = peer;
    this.requests = requests;
    this.replies = replies;
  }

  /**
   * Serves until the input ends.
   *
   * @param arguments the peer's class
   */
  public static void main(String[] arguments) throws Exception {
    DataOutputStream replies = new DataOutputStream(new BufferedOutputStream(System.out));
    // What libraries print must not get between the replies.
    System.setOut(System.err);
    Peer peer = Class.forName(arguments[0]).asSubclass(Peer.class).getConstructor().newInstance();
    new ChildMain(peer, new DataInputStream(System.in), replies).serve();
  }

  private void serve() throws IOException {
    for (int kind = requests.read(); kind >= 0; kind = requests.read()) {
      try {
        answer(kind);
      } catch (RuntimeException | LinkageError e) {
        replies.writeUTF(e.toString());
      }
      replies.flush();
    }
  }

  /** Answers with an empty text first, which says that all went well. */
  private void answer(int kind) throws IOException {
    switch (kind) {
      case Wire.OPEN -> {
        Work work = Wire.readWork(requests);
        call = peer.open(work, Inputs.of(work));
        replies.writeUTF("");
      }
      case Wire.RUNS -> {
        double seconds = opened().seconds(requests.readInt());
        replies.writeUTF("");
        replies.writeDouble(seconds);
      }
      case Wire.RESULT -> {
        float[] result = opened().result();
        replies.writeUTF("");
        Wire.writeFloats(replies, result);
      }
      case Wire.CLOSE -> {
        opened().close();
        call = null;
        replies.writeUTF("");
      }
      default -> throw new IOException("expected a kind of request, got " + kind);
    }
  }

  private Call opened() {
    if (call == null) {
      throw new IllegalStateException("no call is open");
    }
    return call;
  }
}
