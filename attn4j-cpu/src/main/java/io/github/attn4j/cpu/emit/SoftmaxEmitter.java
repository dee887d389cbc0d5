package io.github.attn4j.cpu.emit;

import static io.github.attn4j.cpu.asm.VectorOp.VADDPS;
import static io.github.attn4j.cpu.asm.VectorOp.VANDNPS;
import static io.github.attn4j.cpu.asm.VectorOp.VCMPPS;
import static io.github.attn4j.cpu.asm.VectorOp.VMAXPS;
import static io.github.attn4j.cpu.asm.VectorOp.VMOVAPS;
import static io.github.attn4j.cpu.asm.VectorOp.VMOVMSKPS;
import static io.github.attn4j.cpu.asm.VectorOp.VMOVUPS;
import static io.github.attn4j.cpu.asm.VectorOp.VMOVUPS_STORE;
import static io.github.attn4j.cpu.asm.VectorOp.VMULPS;
import static io.github.attn4j.cpu.asm.VectorOp.VORPS;
import static io.github.attn4j.cpu.asm.VectorOp.VSUBPS;

import io.github.attn4j.cpu.asm.Assembler;
import io.github.attn4j.cpu.asm.Assembler.Condition;
import io.github.attn4j.cpu.asm.Gpr;
import io.github.attn4j.cpu.asm.Label;
import io.github.attn4j.cpu.asm.Mem;
import io.github.attn4j.cpu.asm.Vec;
import java.util.Arrays;

/**
 * The running softmax of a panel of queries, one lane a query: {@code f(scores, keys, rowMax,
 * rowSum, out, columns)} turns scores into {@code exp(score - rowMax)} in place, moves rowMax and
 * rowSum on, and rescales the output so far where a maximum moved.
 */
final class SoftmaxEmitter {
  private static final Gpr SCORES = Gpr.RDI;
  private static final Gpr KEYS = Gpr.RSI;
  private static final Gpr ROW_MAX = Gpr.RDX;
  private static final Gpr ROW_SUM = Gpr.RCX;
  private static final Gpr OUT = Gpr.R8;
  private static final Gpr COLUMNS = Gpr.R9;
  private static final Gpr AT = Gpr.RAX;
  private static final Gpr LEFT = Gpr.R10;
  private static final Gpr SCRATCH = Gpr.R11;
  private static final Gpr TABLE = Gpr.RBX;

  /** Comparison predicates. */
  private static final int EQUAL = 0;

  private static final int NOT_EQUAL = 4;

  private final Frame frame;
  private final Assembler a;
  private final int width;
  private final ExpEmitter exp;

  /** The new maxima, until they are what is subtracted. */
  private final Vec[] base;

  private final Vec[] sum;

  /** Vectors that go side by side. */
  private final int abreast;

  private final Vec[] xs;
  private final Vec[] zs;
  private final Vec[] ps;
  private final Vec x;
  private final Vec z;
  private final Vec p;

  SoftmaxEmitter(Frame frame) {
    this.frame = frame;
    this.a = frame.a;
    this.width = frame.isa.bytes();
    abreast = frame.abreast();
    base = frame.v(0, 2);
    sum = frame.v(2, 2);
    xs = frame.v(4, abreast);
    zs = frame.v(4 + abreast, abreast);
    ps = frame.v(4 + 2 * abreast, abreast);
    x = xs[0];
    z = zs[0];
    p = ps[0];
    exp = new ExpEmitter(frame, 4 + 3 * abreast, TABLE);
  }

  Label emit() {
    Label entry = frame.begin();
    maxima();
    exp.load();
    Label settled = new Label();
    ifNoneMoved(settled);
    for (int half = 0; half < 2; half++) {
      moveOn(half);
    }
    a.bind(settled);
    for (int half = 0; half < 2; half++) {
      // A row that has seen nothing keeps its empty state by name: (-inf) - (-inf) would be NaN.
      emptyToZero(base[half]);
      frame.zero(sum[half]);
    }
    exponents();
    frame.end();
    return entry;
  }

  /** Leaves the maxima in base; a NaN is passed over here and comes back by its own exponent. */
  private void maxima() {
    // Each step waits for the one before, so several keys go side by side.
    int side = 4;
    for (int i = 0; i < 2 * side; i++) {
      a.vector(VMOVUPS, frame.v(i), Mem.at(ROW_MAX, i % 2 * width));
    }
    Label one = new Label();
    Label done = new Label();
    a.mov(AT, SCORES);
    a.mov(LEFT, KEYS);
    a.sub(LEFT, side);
    a.jump(Condition.LESS, one);
    Label body = a.here();
    for (int i = 0; i < 2 * side; i++) {
      takeMax(frame.v(i), i * width);
    }
    a.add(AT, 2 * side * width);
    a.sub(LEFT, side);
    a.jump(Condition.GREATER_OR_EQUAL, body);
    a.bind(one);
    a.add(LEFT, side);
    a.jump(Condition.LESS_OR_EQUAL, done);
    Label single = a.here();
    takeMax(frame.v(0), 0);
    takeMax(frame.v(1), width);
    a.add(AT, 2 * width);
    a.sub(LEFT, 1);
    a.jump(Condition.GREATER, single);
    a.bind(done);
    for (int i = 2; i < 2 * side; i++) {
      a.vector(VMAXPS, frame.v(i % 2), frame.v(i % 2), frame.v(i));
    }
  }

  private void takeMax(Vec max, int at) {
    Vec score = frame.v(8);
    a.vector(VMOVUPS, score, Mem.at(AT, at));
    // The second operand is taken if either is NaN: the maximum so far never is.
    a.vector(VMAXPS, max, score, max);
  }

  /** Jumps where no maximum moved, as is so for most keys: then nothing so far changes. */
  private void ifNoneMoved(Label settled) {
    for (int half = 0; half < 2; half++) {
      Mem before = Mem.at(ROW_MAX, half * width);
      if (frame.isa == Isa.AVX512) {
        a.compare(VCMPPS, 1 + half, base[half], before, NOT_EQUAL);
      } else {
        a.vector(VCMPPS, sum[half], base[half], before, NOT_EQUAL);
      }
    }
    if (frame.isa == Isa.AVX512) {
      a.kortestw(1, 2);
    } else {
      a.vector(VORPS, sum[0], sum[0], sum[1]);
      a.vector(VMOVMSKPS, SCRATCH, sum[0]);
      a.test(SCRATCH, SCRATCH);
    }
    a.jump(Condition.EQUAL, settled);
  }

  /** Moves one half of the rows to their new maxima. */
  private void moveOn(int half) {
    Label same = new Label();
    Vec before = x;
    Vec max = sum[1 - half];
    a.vector(VMOVAPS, max, base[half]);
    emptyToZero(max);
    a.vector(VMOVUPS, before, Mem.at(ROW_MAX, half * width));
    a.vector(VMOVUPS_STORE, Mem.at(ROW_MAX, half * width), base[half]);
    a.vector(VMOVAPS, sum[half], before);
    a.vector(VSUBPS, before, before, max);
    exp.exp(new Vec[] {x}, new Vec[] {z}, new Vec[] {p});
    a.vector(VMOVUPS, z, Mem.at(ROW_SUM, half * width));
    a.vector(VMULPS, z, z, p);
    a.vector(VMOVUPS_STORE, Mem.at(ROW_SUM, half * width), z);
    ifAllOne(sum[half], same);
    rescale(half);
    a.bind(same);
  }

  private void emptyToZero(Vec max) {
    frame.constant(z, Float.NEGATIVE_INFINITY, SCRATCH);
    if (frame.isa == Isa.AVX512) {
      a.compare(VCMPPS, 1, max, z, NOT_EQUAL);
      a.vector(VMOVAPS, max.orZero(1), max);
    } else {
      a.vector(VCMPPS, z, max, z, EQUAL);
      a.vector(VANDNPS, max, z, max);
    }
  }

  /** Jumps where no factor in p changes an output: all are 1, or the row was empty before. */
  private void ifAllOne(Vec before, Label same) {
    Vec one = z;
    frame.constant(one, 1f, SCRATCH);
    if (frame.isa == Isa.AVX512) {
      a.compare(VCMPPS, 1, p, one, NOT_EQUAL);
      frame.constant(one, Float.NEGATIVE_INFINITY, SCRATCH);
      a.compare(VCMPPS, 2, before, one, NOT_EQUAL);
      a.kandw(1, 1, 2);
      a.kortestw(1, 1);
    } else {
      a.vector(VCMPPS, x, p, one, NOT_EQUAL);
      frame.constant(one, Float.NEGATIVE_INFINITY, SCRATCH);
      a.vector(VCMPPS, z, before, one, EQUAL);
      a.vector(VANDNPS, x, z, x);
      a.vector(VMOVMSKPS, SCRATCH, x);
      a.test(SCRATCH, SCRATCH);
    }
    a.jump(Condition.EQUAL, same);
  }

  private void rescale(int half) {
    Label body = new Label();
    Label done = new Label();
    a.lea(AT, Mem.at(OUT, half * width));
    a.mov(LEFT, COLUMNS);
    a.test(LEFT, LEFT);
    a.jump(Condition.EQUAL, done);
    a.bind(body);
    a.vector(VMULPS, z, p, Mem.at(AT, 0));
    a.vector(VMOVUPS_STORE, Mem.at(AT, 0), z);
    a.add(AT, 2 * width);
    a.sub(LEFT, 1);
    a.jump(Condition.GREATER, body);
    a.bind(done);
  }

  private void exponents() {
    int keys = abreast / 2;
    Label one = new Label();
    Label done = new Label();
    a.mov(AT, SCORES);
    a.mov(LEFT, KEYS);
    if (keys > 1) {
      a.sub(LEFT, keys);
      a.jump(Condition.LESS, one);
      a.align(32);
      Label body = a.here();
      exponents(keys);
      a.sub(LEFT, keys);
      a.jump(Condition.GREATER_OR_EQUAL, body);
      a.bind(one);
      a.add(LEFT, keys);
      a.jump(Condition.LESS_OR_EQUAL, done);
    }
    Label single = a.here();
    exponents(1);
    a.sub(LEFT, 1);
    a.jump(Condition.GREATER, single);
    a.bind(done);
    for (int half = 0; half < 2; half++) {
      a.vector(VADDPS, sum[half], sum[half], Mem.at(ROW_SUM, half * width));
      a.vector(VMOVUPS_STORE, Mem.at(ROW_SUM, half * width), sum[half]);
    }
  }

  /** The exponentials of some keys at AT, which moves on; added up key after key. */
  private void exponents(int keys) {
    int n = 2 * keys;
    for (int i = 0; i < n; i++) {
      a.vector(VMOVUPS, xs[i], Mem.at(AT, i * width));
      a.vector(VSUBPS, xs[i], xs[i], base[i % 2]);
    }
    exp.exp(Arrays.copyOf(xs, n), Arrays.copyOf(zs, n), Arrays.copyOf(ps, n));
    for (int i = 0; i < n; i++) {
      a.vector(VMOVUPS_STORE, Mem.at(AT, i * width), ps[i]);
      a.vector(VADDPS, sum[i % 2], sum[i % 2], ps[i]);
    }
    a.add(AT, n * width);
  }
}
