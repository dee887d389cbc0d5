package io.github.attn4j.bench.peer;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A peer in a JVM of its own, started when it is first needed. The child makes its own inputs and
 * reads its own clock; only requests, times and results pass through the pipes.
 */
public final class ChildPeer implements Peer {
  private final Peer twin;
  private @Nullable Child child;

  /**
   * A peer to run elsewhere.
   *
   * @param twin answers what needs no native library; its class, which needs a constructor without
   *     parameters, does the rest in the child
   */
  public ChildPeer(Peer twin) {
    this.twin = twin;
  }

  @Override
  public String name() {
    return twin.name();
  }

  @Override
  public String version() {
    return twin.version();
  }

  @Override
  public Optional<String> absence() {
    return twin.absence();
  }

  @Override
  public boolean can(Work work) {
    return twin.can(work);
  }

  @Override
  public Call open(Work work, Inputs inputs) {
    Child running = child;
    if (running == null) {
      running = new Child(twin.getClass());
      child = running;
    }
    running.open(work);
    return running;
  }

  @Override
  public void close() {
    if (child != null) {
      child.end();
    }
  }

  /** The parent's end of the pipes, and the one call that is open in the child. */
  private static final class Child implements Call {
    private final Process process;
    private final DataOutputStream requests;
    private final DataInputStream replies;

    Child(Class<? extends Peer> peer) {
      List<String> command = new ArrayList<>();
      command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
      command.addAll(List.of("--add-modules", "jdk.incubator.vector"));
      command.add("--enable-native-access=ALL-UNNAMED");
      command.addAll(List.of("-cp", System.getProperty("java.class.path")));
      command.addAll(List.of(ChildMain.class.getName(), peer.getName()));
      try {
        process =
            new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      requests = new DataOutputStream(process.getOutputStream());
      replies = new DataInputStream(new BufferedInputStream(process.getInputStream()));
    }

    void open(Work work) {
      ask(() -> Wire.writeOpen(requests, work));
    }

    @Override
    public void run() {
      seconds(1);
    }

    @Override
    public double seconds(int runs) {
      ask(() -> Wire.writeRuns(requests, runs));
      try {
        return replies.readDouble();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    @Override
    public float[] result() {
      ask(() -> requests.writeByte(Wire.RESULT));
      try {
        return Wire.readFloats(replies);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    @Override
    public void close() {
      ask(() -> requests.writeByte(Wire.CLOSE));
    }

    /** Sends a request and waits for the child to have done it. */
    private void ask(Wire.Request request) {
      try {
        request.send();
        requests.flush();
        String problem = replies.readUTF();
        if (!problem.isEmpty()) {
          throw new IllegalStateException("in the child JVM: " + problem);
        }
      } catch (IOException e) {
        throw new UncheckedIOException("the child JVM has ended; its messages are above", e);
      }
    }

    /** At the end of its input the child ends. */
    void end() {
      try {
        requests.close();
        process.waitFor();
      } catch (IOException e) {
        process.destroy();
      } catch (InterruptedException e) {
        process.destroy();
        Thread.currentThread().interrupt();
      }
    }
  }
}
