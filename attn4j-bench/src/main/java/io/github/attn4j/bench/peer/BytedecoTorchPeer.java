package io.github.attn4j.bench.peer;

import io.github.attn4j.DType;
import java.util.List;
import java.util.Optional;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.openblas.presets.openblas_nolapack;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/** libtorch as JavaCPP builds it, with OpenBLAS: scaled_dot_product_attention and its autograd. */
public final class BytedecoTorchPeer implements Peer {
  private static final String LIBRARY = "/org/bytedeco/pytorch/linux-x86_64/libtorch_cpu.so";

  @Override
  public String name() {
    return "libtorch (OpenBLAS)";
  }

  @Override
  public String version() {
    return "2.10.0, org.bytedeco:pytorch";
  }

  @Override
  public Optional<String> absence() {
    return BytedecoTorchPeer.class.getResource(LIBRARY) == null
        ? Optional.of("its native library is not on the class path; build with -Ppeers")
        : Optional.empty();
  }

  @Override
  public boolean can(Work work) {
    return work.plainMask();
  }

  @Override
  public Call open(Work work, Inputs inputs) {
    torch.set_num_threads(work.threads());
    // The kernel shares out heads and rows itself; threads of the BLAS below it would only get in
    // each other's way, by a factor of ten and more.
    openblas_nolapack.blas_set_num_threads(1);
    return new TorchCall(work, inputs);
  }

  private static final class TorchCall implements Call {
    private final Work work;
    private final Tensor query;
    private final Tensor key;
    private final Tensor value;
    private final TensorVector leaves;
    private final TensorVector douts;
    private final TensorVector outs;
    private TensorVector last;

    TorchCall(Work work, Inputs inputs) {
      this.work = work;
      query = tensor(inputs.query(), work.heads(), work.seqQ());
      key = tensor(inputs.key(), work.kvHeads(), work.seqK());
      value = tensor(inputs.value(), work.kvHeads(), work.seqK());
      leaves = new TensorVector(query, key, value);
      douts = new TensorVector();
      if (work.pass() == Pass.BACKWARD) {
        query.requires_grad_(true);
        key.requires_grad_(true);
        value.requires_grad_(true);
        douts.push_back(tensor(inputs.dout(), work.heads(), work.seqQ()));
      }
      outs = attention();
      last = outs;
    }

    private Tensor tensor(float[] values, int heads, int rows) {
      Tensor tensor = Tensor.create(values, work.batch(), heads, rows, work.dim());
      return work.dtype() == DType.FLOAT32 ? tensor : tensor.to(torch.ScalarType.BFloat16);
    }

    private TensorVector attention() {
      boolean grouped = work.heads() != work.kvHeads();
      return new TensorVector(
          torch.scaled_dot_product_attention(
              query,
              key,
              value,
              new TensorOptional(),
              0.0,
              work.causal(),
              new DoubleOptional(),
              grouped));
    }

    /** The graph is kept, as it is needed again; gradients are returned, not added up. */
    private TensorVector gradients() {
      return torch.grad(outs, leaves, douts, new BoolOptional(true), false, false);
    }

    @Override
    public void run() {
      // What a run allocates outside the heap goes at its end, not when the collector comes by.
      try (PointerScope _ = new PointerScope()) {
        TensorVector before = last;
        last = work.pass() == Pass.BACKWARD ? gradients() : attention();
        last.retainReference();
        if (!before.equals(outs)) {
          before.close();
        }
      }
    }

    @Override
    public float[] result() {
      float[][] parts = new float[(int) last.size()][];
      for (int n = 0; n < parts.length; n++) {
        Tensor part = last.get(n).detach().to(torch.ScalarType.Float).contiguous();
        parts[n] = new float[(int) part.numel()];
        part.data_ptr_float().get(parts[n]);
      }
      return Floats.joined(parts);
    }

    @Override
    public void close() {
      List.of(last, outs, douts, leaves, query, key, value).forEach(Pointer::close);
    }
  }
}
