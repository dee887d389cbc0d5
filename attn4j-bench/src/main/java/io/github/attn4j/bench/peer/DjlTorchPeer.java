package io.github.attn4j.bench.peer;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.IValueUtils;
import ai.djl.pytorch.jni.JniUtils;
import io.github.attn4j.DType;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Optional;

/**
 * libtorch as PyTorch itself builds it, with MKL, which Maven Central has as DJL's native library.
 * DJL binds no attention, but runs TorchScript: so the call is written as such a file.
 */
public final class DjlTorchPeer implements Peer {
  private static final String ENGINE = "PyTorch";
  private static final String LIBRARY = "/native/lib/pytorch.properties";

  /** For DJL, whose child process this is for: no look-ups on the network. */
  public DjlTorchPeer() {
    System.setProperty("ai.djl.offline", "true");
    System.setProperty("OPT_OUT_TRACKING", "true");
  }

  @Override
  public String name() {
    return "libtorch (MKL)";
  }

  @Override
  public String version() {
    return "2.7.1, ai.djl.pytorch:pytorch-native-cpu";
  }

  @Override
  public Optional<String> absence() {
    return DjlTorchPeer.class.getResource(LIBRARY) == null
        ? Optional.of("its native library is not on the class path; build with -Ppeers")
        : Optional.empty();
  }

  @Override
  public boolean can(Work work) {
    return work.plainMask();
  }

  @Override
  public Call open(Work work, Inputs inputs) {
    Engine.getEngine(ENGINE);
    JniUtils.setGradMode(work.pass() == Pass.BACKWARD);
    JniUtils.setNumThreads(work.threads());
    return new ScriptCall(work, inputs);
  }

  private static final class ScriptCall implements Call {
    private final Work work;
    private final PtNDManager manager;
    private final PtSymbolBlock script;
    private final NDList arguments;
    private NDList last = new NDList();

    ScriptCall(Work work, Inputs inputs) {
      this.work = work;
      manager = (PtNDManager) NDManager.newBaseManager(ENGINE);
      arguments =
          new NDList(
              tensor(inputs.query(), work.heads(), work.seqQ()),
              tensor(inputs.key(), work.kvHeads(), work.seqK()),
              tensor(inputs.value(), work.kvHeads(), work.seqK()));
      PtSymbolBlock attention =
          load(TorchScriptArchive.forward(work.causal(), work.heads() != work.kvHeads()));
      if (learns()) {
        arguments.forEach(tensor -> tensor.setRequiresGradient(true));
        arguments.addFirst(IValueUtils.forward(attention, arguments, true).singletonOrThrow());
        arguments.add(tensor(inputs.dout(), work.heads(), work.seqQ()));
        script = load(TorchScriptArchive.backward());
      } else {
        script = attention;
      }
    }

    /** Else libtorch makes tensors that can never have a gradient. */
    private boolean learns() {
      return work.pass() == Pass.BACKWARD;
    }

    private NDArray tensor(float[] values, int heads, int rows) {
      NDArray array = manager.create(values, new Shape(work.batch(), heads, rows, work.dim()));
      return work.dtype() == DType.FLOAT32 ? array : converted(array, TorchScriptArchive.BFLOAT16);
    }

    /** By script, since DJL itself ends the process when asked for bfloat16. */
    private NDArray converted(NDArray array, int scalarType) {
      PtSymbolBlock conversion = load(TorchScriptArchive.conversion(scalarType));
      return IValueUtils.forward(conversion, new NDList(array), learns()).singletonOrThrow();
    }

    private PtSymbolBlock load(byte[] archive) {
      try {
        return JniUtils.loadModule(manager, new ByteArrayInputStream(archive), false, false);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    @Override
    public void run() {
      NDList before = last;
      last = IValueUtils.forward(script, arguments, learns());
      before.close();
    }

    @Override
    public float[] result() {
      return Floats.joined(
          last.stream()
              .map(array -> converted(array, TorchScriptArchive.FLOAT).toFloatArray())
              .toArray(float[][]::new));
    }

    @Override
    public void close() {
      manager.close();
    }
  }
}
