package io.github.attn4j.bench.peer;

import io.github.attn4j.DType;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;

/** What passes between {@link ChildPeer} and {@link ChildMain}. */
final class Wire {
  static final int OPEN = 'o';
  static final int RUNS = 'r';
  static final int RESULT = 'f';
  static final int CLOSE = 'c';

  /** Writes a request. */
  interface Request {
    void send() throws IOException;
  }

  private Wire() {}

  static void writeOpen(DataOutputStream out, Work work) throws IOException {
    out.writeByte(OPEN);
    out.writeUTF(work.pass().name());
    out.writeUTF(work.dtype().name());
    out.writeUTF(work.mask());
    for (int number :
        new int[] {
          work.batch(),
          work.heads(),
          work.kvHeads(),
          work.seqQ(),
          work.seqK(),
          work.dim(),
          work.threads()
        }) {
      out.writeInt(number);
    }
  }

  /** Reads what {@link #writeOpen} wrote behind the kind. */
  static Work readWork(DataInputStream in) throws IOException {
    return new Work(
        Pass.valueOf(in.readUTF()),
        DType.valueOf(in.readUTF()),
        in.readUTF(),
        in.readInt(),
        in.readInt(),
        in.readInt(),
        in.readInt(),
        in.readInt(),
        in.readInt(),
        in.readInt());
  }

  static void writeRuns(DataOutputStream out, int runs) throws IOException {
    out.writeByte(RUNS);
    out.writeInt(runs);
  }

  static void writeFloats(DataOutputStream out, float[] values) throws IOException {
    out.writeInt(values.length);
    for (float value : values) {
      out.writeFloat(value);
    }
  }

  static float[] readFloats(DataInputStream in) throws IOException {
    float[] values = new float[in.readInt()];
    for (int n = 0; n < values.length; n++) {
      values[n] = in.readFloat();
    }
    return values;
  }
}
