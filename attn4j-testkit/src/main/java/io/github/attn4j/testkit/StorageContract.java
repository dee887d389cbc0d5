package io.github.attn4j.testkit;

import io.github.attn4j.AttentionResult;
import io.github.attn4j.DType;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Where keys and values lie, and what integers stand for their numbers, does not change a bit. */
public interface StorageContract {
  /** The name of the backend under test. */
  String backend();

  /**
   * Whether the backend computes with the float32 products of integers and scales; one in float64
   * does not, and is compared by the tolerance rule only.
   */
  default boolean dequantisesToFloat32() {
    return true;
  }

  private void sameAsPlain(AttentionCase c) {
    StoredAs stored = c.stored;
    if (stored != null && stored.key() != null && !dequantisesToFloat32()) {
      CaseRunner.check(backend(), c);
      return;
    }
    Materials materials = Materials.of(c);
    Materials plain = materials.unstored();
    AttentionResult expected = plain.plan(backend()).forward(plain.inputs());
    SameBits.check(c.toString(), materials.plan(backend()).forward(materials.inputs()), expected);
  }

  private static AttentionCase problem(int rows, int keys) {
    AttentionCase c = new AttentionCase(2, rows, keys).heads(4, 2).dims(17, 24);
    c.lengthsK[1] = keys / 3;
    c.masks(MaskKind.CAUSAL);
    return c;
  }

  /** Pages in any order, of sizes around the tiles', in every dtype. */
  @Test
  default void pagesGiveTheSameBitsAsOnePiece() {
    for (DType dtype : List.of(DType.FLOAT32, DType.BFLOAT16, DType.FLOAT16)) {
      for (int pageSize : new int[] {1, 7, 16, 128, 500}) {
        for (int rows : new int[] {1, 140}) {
          AttentionCase c = problem(rows, 330);
          c.keyDtype = dtype;
          c.stored = new StoredAs(pageSize, null, null);
          sameAsPlain(c);
        }
      }
    }
  }

  /** Every width and grain of integers, with offsets and without, in pages and in one piece. */
  @Test
  default void integersGiveTheSameBitsAsTheNumbersTheyStandFor() {
    for (int bits : new int[] {8, 4}) {
      for (StoredAs.Grain grain : StoredAs.Grain.values()) {
        for (int pageSize : new int[] {0, 16}) {
          AttentionCase c = problem(grain == StoredAs.Grain.TOKEN ? 140 : 2, 210);
          c.strided = pageSize == 0;
          boolean offset = grain != StoredAs.Grain.TENSOR;
          c.stored =
              new StoredAs(
                  pageSize,
                  new StoredAs.Integers(bits, grain, offset, DType.FLOAT32),
                  new StoredAs.Integers(12 - bits, grain, !offset, DType.FLOAT16));
          sameAsPlain(c);
        }
      }
    }
  }

  /** Composed with everything else. */
  @Test
  default void randomStorageGivesTheSameBitsAsPlainRows() {
    int stored = 0;
    for (long seed = 0x570; stored < 25; seed++) {
      AttentionCase c = Cases.draw(seed);
      if (c.stored != null) {
        stored++;
        sameAsPlain(c);
      }
    }
  }
}
