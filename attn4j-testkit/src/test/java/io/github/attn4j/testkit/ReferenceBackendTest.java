package io.github.attn4j.testkit;

/** The reference keeps the contract too: this tests the kit more than the reference. */
final class ReferenceBackendTest extends BackendContract {
  @Override
  public String backend() {
    return "reference";
  }

  @Override
  public boolean fast() {
    return false;
  }

  @Override
  public boolean dequantisesToFloat32() {
    return false;
  }

  /** Few: the reference is compared with itself here, rounded. */
  @Override
  public int cases() {
    return 60;
  }
}
