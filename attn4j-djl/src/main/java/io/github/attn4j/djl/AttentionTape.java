package io.github.attn4j.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.training.GradientCollector;
import java.util.ArrayList;
import java.util.List;

/**
 * Joins the gradients of attention to those that DJL's {@link GradientCollector} finds, for one
 * step of training.
 *
 * <p>DJL's autograd cannot be given an operator of one's own. So its graph is cut at every call:
 * the output is a new leaf. {@link #backward} lets DJL find the gradient of the last outputs,
 * computes those of query, key and value from it, and hands these to DJL as the gradient of {@code
 * sum(query * dquery) + ...}, which has just that gradient; and so on back to the first call.
 *
 * <pre>{@code
 * try (GradientCollector collector = manager.getEngine().newGradientCollector()) {
 *   AttentionTape tape = new AttentionTape();
 *   NDArray x = tape.cut(embedded);
 *   NDArray out = tape.forward(attention, DjlInputs.of(project(x, wq), project(x, wk), project(x, wv)));
 *   NDArray loss = loss(x.add(out));
 *   tape.backward(collector, loss);      // in place of collector.backward(loss)
 * }
 * }</pre>
 *
 * <p>DJL releases a piece of graph once it has been walked through, so no piece may lie on two
 * ways: where a computed array goes around a call as well as into it, like a residual connection,
 * {@link #cut} it first. Otherwise DJL refuses with "Trying to backward through the graph a second
 * time". Leaves, like parameters and data, need no cut.
 *
 * <p>Arrays of the graph stay open until {@link #backward} returns. Not for several threads; DJL
 * has one collector at a time.
 */
public final class AttentionTape {
  private final List<Joint> joints = new ArrayList<>();

  /** Makes an empty tape. */
  public AttentionTape() {}

  /** Where the graph is cut: DJL goes on from the leaf. */
  private interface Joint {
    NDArray leaf();

    /** A scalar of scratch whose gradient is what the leaf's gradient is before the cut. */
    NDArray surrogate(NDArray gradient, NDManager scratch);
  }

  private record Cut(NDArray source, NDArray leaf) implements Joint {
    @Override
    public NDArray surrogate(NDArray gradient, NDManager scratch) {
      return product(source, gradient, scratch);
    }
  }

  private record Call(DjlAttention attention, DjlInputs inputs, DjlResult result) implements Joint {
    @Override
    public NDArray leaf() {
      return result.out();
    }

    @Override
    public NDArray surrogate(NDArray gradient, NDManager scratch) {
      DjlGradients gradients = attention.backward(inputs.withManager(scratch), result, gradient);
      result.closeStatistics();
      NDArray sum =
          product(inputs.query(), gradients.query(), scratch)
              .add(product(inputs.key(), gradients.key(), scratch))
              .add(product(inputs.value(), gradients.value(), scratch));
      DjlBias bias = inputs.bias();
      if (bias != null && gradients.bias() != null) {
        sum = sum.add(product(bias.parameter(), gradients.bias(), scratch));
      }
      if (inputs.sink() != null && gradients.sink() != null) {
        sum = sum.add(product(inputs.sink(), gradients.sink(), scratch));
      }
      return sum;
    }
  }

  /** The sum of an array times its gradient, of which only the gradient matters. */
  private static NDArray product(NDArray array, NDArray gradient, NDManager scratch) {
    NDArray product = array.mul(gradient);
    product.attach(scratch);
    return product.sum();
  }

  /**
   * Computes attention and notes the call.
   *
   * @param attention a plan
   * @param inputs computed by DJL from what has gradients, or leaves; where none of them has any,
   *     as in layers that are frozen, call {@link DjlAttention#forward(DjlInputs)} instead, as DJL
   *     refuses to walk back through constants
   * @return the output in the plan's layout, a leaf with a gradient
   */
  public NDArray forward(DjlAttention attention, DjlInputs inputs) {
    DjlResult result = attention.forward(inputs);
    result.out().setRequiresGradient(true);
    joints.add(new Call(attention, inputs, result));
    return result.out();
  }

  /**
   * Cuts the graph at an array that is used around a call of attention as well as inside it.
   *
   * @param array computed by DJL from what has gradients
   * @return the same numbers in the same memory, a leaf with a gradient, to be used instead
   */
  public NDArray cut(NDArray array) {
    NDArray leaf = array.stopGradient();
    leaf.setRequiresGradient(true);
    joints.add(new Cut(array, leaf));
    return leaf;
  }

  /**
   * Finds the gradients of everything the loss was computed from, through all noted calls, and
   * empties the tape. Their results other than the outputs are closed.
   *
   * @param collector the open collector
   * @param loss a scalar, or an array whose sum is meant
   */
  public void backward(GradientCollector collector, NDArray loss) {
    collector.backward(loss);
    for (Joint joint : joints.reversed()) {
      // What was noted later has been walked through, so the leaf's gradient is complete.
      try (NDManager scratch = joint.leaf().getManager().newSubManager()) {
        NDArray gradient = joint.leaf().getGradient();
        gradient.attach(scratch);
        collector.backward(joint.surrogate(gradient, scratch));
      }
    }
    joints.clear();
  }
}
