package io.github.attn4j.testkit;

import org.junit.jupiter.api.Tag;

/**
 * What every backend must keep. A backend's test class is
 *
 * <pre>{@code
 * final class CpuBackendTest extends BackendContract {
 *   @Override
 *   public String backend() {
 *     return "cpu";
 *   }
 * }
 * }</pre>
 */
@Tag("contract")
public abstract class BackendContract
    implements RandomContract,
        NamedContract,
        AlgebraContract,
        HostileValuesContract,
        DeterminismContract,
        ExecutorContract,
        MaskFormContract,
        DropoutContract,
        StorageContract,
        PartsContract,
        ResourceContract {
  /** For subclasses. */
  protected BackendContract() {}

  @Override
  public abstract String backend();
}
