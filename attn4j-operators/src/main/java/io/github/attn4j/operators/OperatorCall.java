package io.github.attn4j.operators;

import io.github.attn4j.AttentionSpec;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * Where an operator's call runs: the arguments that no document has and every operator here takes.
 *
 * @param <C> the operator
 */
public abstract sealed class OperatorCall<C extends OperatorCall<C>>
    permits FlashmaskAttention,
        NpuFusionAttention,
        IncreFlashAttention,
        FlashAttnVarlen,
        OnnxAttention {
  private @Nullable String backend;
  private int threads;
  private @Nullable Executor executor;

  OperatorCall() {}

  /** This call, without what was made from arguments that have changed. */
  abstract C replan();

  /**
   * The backend to run on; attn4j's own argument.
   *
   * @param name a backend's name, or null for the best that does not refuse
   * @return this
   */
  public C backend(@Nullable String name) {
    backend = name;
    return replan();
  }

  /**
   * How many threads work at once; attn4j's own argument.
   *
   * @param count 0, the default, for one per processor
   * @return this
   */
  public C threads(int count) {
    threads = count;
    return replan();
  }

  /**
   * Where helper threads come from; attn4j's own argument.
   *
   * @param source the executor, or null for the backend's own threads
   * @return this
   */
  public C executor(@Nullable Executor source) {
    executor = source;
    return replan();
  }

  /** This call, run where another one runs. */
  final C whereLike(OperatorCall<?> other) {
    backend = other.backend;
    threads = other.threads;
    executor = other.executor;
    return replan();
  }

  /** The spec of a call, with where it runs. */
  final AttentionSpec.Builder where(AttentionSpec.Builder spec) {
    return spec.backend(backend).threads(threads).executor(executor);
  }
}
