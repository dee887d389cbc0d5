package io.github.attn4j.cpu.emit;

import io.github.attn4j.cpu.asm.Assembler;
import io.github.attn4j.cpu.asm.Assembler.Condition;
import io.github.attn4j.cpu.asm.Gpr;
import io.github.attn4j.cpu.asm.Label;
import io.github.attn4j.cpu.asm.Mem;
import io.github.attn4j.cpu.asm.VectorOp;

/**
 * Nothing but independent multiply-adds on registers: {@code f(steps)} does {@link #CHAINS} of them
 * a step. What the machine can do at most.
 */
final class PeakEmitter {
  /** Enough to cover a latency of five cycles at two instructions per cycle. */
  static final int CHAINS = 12;

  /** Cache lines that {@link #read} takes at once. */
  private static final int LINES = 8;

  private PeakEmitter() {}

  /** {@code f(memory, lines)}: reads so many cache lines of 64 bytes, eight at a time. */
  static Label read(Frame frame) {
    Assembler a = frame.a;
    Label entry = frame.begin();
    Label done = new Label();
    a.sub(Gpr.RSI, LINES);
    a.jump(Condition.LESS, done);
    a.align(32);
    Label body = a.here();
    for (int at = 0; at < LINES * 64; at += frame.isa.bytes()) {
      a.vector(VectorOp.VMOVUPS, frame.v(at / frame.isa.bytes() % 8), Mem.at(Gpr.RDI, at));
    }
    a.add(Gpr.RDI, LINES * 64);
    a.sub(Gpr.RSI, LINES);
    a.jump(Condition.GREATER_OR_EQUAL, body);
    a.bind(done);
    frame.end();
    return entry;
  }

  static Label emit(Frame frame, VectorOp multiplyAdd) {
    Assembler a = frame.a;
    Label entry = frame.begin();
    for (int r = 0; r < CHAINS + 2; r++) {
      frame.zero(frame.v(r));
    }
    a.align(32);
    Label body = a.here();
    for (int r = 0; r < CHAINS; r++) {
      a.vector(multiplyAdd, frame.v(r), frame.v(CHAINS), frame.v(CHAINS + 1));
    }
    a.sub(Gpr.RDI, 1);
    a.jump(Condition.GREATER, body);
    frame.end();
    return entry;
  }
}
