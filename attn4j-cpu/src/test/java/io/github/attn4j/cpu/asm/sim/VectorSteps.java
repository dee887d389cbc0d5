package io.github.attn4j.cpu.asm.sim;

import static io.github.attn4j.cpu.asm.sim.Machine.WORDS;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.function.LongBinaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Vector registers. */
final class VectorSteps {
  private static final Map<String, LaneOp> LANES = new HashMap<>();

  static {
    FloatKernels.define(LANES);
    IntegerKernels.define(LANES);
    ConvertKernels.define(LANES);
    Bfloat16Kernels.define(LANES);
    ShuffleKernels.define(LANES);
  }

  private static final Pattern COMPARISON = Pattern.compile("v(p?)cmp([a-z_]*?)(ps|ud|d)");

  private VectorSteps() {}

  /** The instruction, or null if it is none of these. */
  static @Nullable Step decode(Instruction i) {
    LaneOp op = LANES.get(i.mnemonic());
    if (op != null) {
      return new LaneStep(op, i);
    }
    Matcher comparison = COMPARISON.matcher(i.mnemonic());
    if (comparison.matches()) {
      return comparison(i, comparison.group(2), comparison.group(3));
    }
    return switch (i.mnemonic()) {
      case "vmovd" -> move(i);
      case "vmovmskps" -> signs(i);
      case "vblendvps" -> blend(i);
      case "vmaskmovps" -> loadWhere(i);
      case "vptestmd" -> intoMask(i, (a, b) -> (a & b) != 0 ? 1 : 0);
      case "vptestnmd" -> intoMask(i, (a, b) -> (a & b) == 0 ? 1 : 0);
      case "vzeroupper" -> VectorSteps::zeroUpper;
      default -> null;
    };
  }

  private static void zeroUpper(Machine m) {
    for (int r = 0; r < 16; r++) {
      Arrays.fill(m.vectors, r * WORDS + 4, (r + 1) * WORDS, 0);
    }
  }

  /** Between one lane and a general register or memory. */
  private static Step move(Instruction i) {
    if (i.operand(0) instanceof Operand.Vector(int to, int _, int _, boolean _)) {
      return switch (i.operand(1)) {
        case Operand.Register(int from, int _) -> m -> single(m, to, m.general[from]);
        default -> {
          Operand.Place place = i.place(1);
          yield m -> single(m, to, m.memory.get(m.address(place), 4));
        }
      };
    }
    int from = i.vector(1).number() * WORDS;
    return switch (i.operand(0)) {
      case Operand.Register(int to, int _) -> m -> m.general[to] = m.vectors[from] & 0xFFFFFFFFL;
      default -> {
        Operand.Place place = i.place(0);
        yield m -> m.memory.put(m.address(place), 4, m.vectors[from]);
      }
    };
  }

  private static void single(Machine m, int to, long value) {
    Arrays.fill(m.vectors, to * WORDS, (to + 1) * WORDS, 0);
    m.vectors[to * WORDS] = (int) value;
  }

  private static Step signs(Instruction i) {
    int to = i.register(0).number();
    int from = i.vector(1).number() * WORDS;
    int words = i.vector(1).bits() / 32;
    return m -> {
      long signs = 0;
      for (int w = 0; w < words; w++) {
        signs |= (long) (m.vectors[from + w] >>> 31) << w;
      }
      m.general[to] = signs;
    };
  }

  private static Step blend(Instruction i) {
    int mask = i.vector(3).number() * WORDS;
    return new LaneStep(
        LaneOp.each((v, to, old, a, b, words) -> {
          for (int w = 0; w < words; w++) {
            v[to + w] = v[mask + w] < 0 ? v[b + w] : v[a + w];
          }
        }),
        i);
  }

  /** Reads the words where the first source is negative; the others are zero. */
  private static Step loadWhere(Instruction i) {
    int to = i.vector(0).number() * WORDS;
    int mask = i.vector(1).number() * WORDS;
    int words = i.vector(0).bits() / 32;
    Operand.Place place = i.place(2);
    return m -> {
      long address = m.address(place);
      for (int w = 0; w < words; w++) {
        boolean read = m.vectors[mask + w] < 0;
        m.vectors[to + w] = read ? (int) m.memory.get(address + 4L * w, 4) : 0;
      }
      Arrays.fill(m.vectors, to + words, to + WORDS, 0);
    };
  }

  // ---- comparisons ----

  private static Step comparison(Instruction i, String name, String type) {
    Predicate predicate = predicate(i, name);
    LongBinaryOperator test =
        switch (type) {
          case "ps" ->
              (a, b) ->
                  predicate.holds(Float.intBitsToFloat((int) a), Float.intBitsToFloat((int) b))
                      ? 1
                      : 0;
          case "d" -> (a, b) -> predicate.holds(Integer.compare((int) a, (int) b)) ? 1 : 0;
          default -> (a, b) -> predicate.holds(Integer.compareUnsigned((int) a, (int) b)) ? 1 : 0;
        };
    return i.operand(0) instanceof Operand.Mask
        ? intoMask(i, test)
        : new LaneStep(
            LaneOp.each(IntegerKernels.lanes((a, b) -> (int) -test.applyAsLong(a, b))), i);
  }

  private static Predicate predicate(Instruction i, String name) {
    if (name.isEmpty()) {
      // The two constant ones have no name for integers.
      boolean always = i.immediate() == 7;
      return new Predicate(always, always, always, always);
    }
    return Predicate.of(name);
  }

  /** A bit for each lane; zero where the mask leaves a lane out. */
  private static Step intoMask(Instruction i, LongBinaryOperator test) {
    Operand.Mask to = i.mask(0);
    int left = i.vector(1).number() * WORDS;
    int words = i.vector(1).bits() / 32;
    Fetch fetch = new Fetch(words, words, to.mask(), false, false);
    Fetch.Source right = fetch.source(i.operand(2), 0);
    return m -> {
      int at = right.at(m);
      long result = 0;
      for (int w = 0; w < words; w++) {
        result |= test.applyAsLong(m.vectors[left + w], m.vectors[at + w]) << w;
      }
      m.masks[to.number()] = result & fetch.elements(m);
    };
  }
}
