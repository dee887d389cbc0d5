package io.github.attn4j.bench.measure;

import io.github.attn4j.DType;
import io.github.attn4j.bench.peer.Pass;
import io.github.attn4j.bench.peer.Work;
import io.github.attn4j.operators.FlashMaskBenchmark;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * What is measured.
 *
 * @param quick small shapes only
 * @param cores up to how many threads
 */
public record Suite(boolean quick, int cores) {
  private static final int LONGEST_PLAN = 1 << 20;

  /**
   * One piece of work and its place.
   *
   * @param section in the report
   * @param work to measure
   * @param alone without peers
   */
  public record Item(Section section, Work work, boolean alone) {}

  /** A shape of the side by side. */
  private record Shape(int seq, int dim) {}

  /** How long each measurement takes. */
  public Turns turns() {
    return quick ? new Turns(0.2, 0.6) : new Turns(1, 5);
  }

  /** All there is to measure, in order. */
  public List<Item> items() {
    List<Item> items = new ArrayList<>();
    Shape small = new Shape(1024, 64);
    Shape large = new Shape(2048, 128);
    Shape largest = new Shape(4096, 128);
    List<Shape> pair = quick ? List.of(small) : List.of(small, large);
    for (Shape shape : quick ? List.of(small) : List.of(small, large, largest)) {
      plain(items, Section.FORWARD, shape, Pass.FORWARD, DType.FLOAT32);
    }
    for (Shape shape : pair) {
      plain(items, Section.BACKWARD, shape, Pass.BACKWARD, DType.FLOAT32);
    }
    for (Shape shape : pair) {
      plain(items, Section.BF16, shape, Pass.FORWARD, DType.BFLOAT16);
    }
    for (DType dtype : List.of(DType.FLOAT32, DType.BFLOAT16)) {
      threads()
          .forEach(count -> {
            Work step = Work.decode(dtype, quick ? 8192 : 32768, count);
            items.add(new Item(Section.DECODE, step, false));
          });
    }
    lengths(quick ? 256 : 512, quick ? 2048 : 8192)
        .forEach(
            seq -> items.add(new Item(Section.LENGTHS, Work.forward(Work.FULL, seq, 64), false)));
    for (String mask : FlashMaskBenchmark.published()) {
      Work forward = Work.forward(mask, quick ? 2048 : 8192, 64);
      items.add(new Item(Section.MASKS, forward, true));
      items.add(new Item(Section.MASKS, forward.with(Pass.BACKWARD), true));
    }
    Shape shared = quick ? small : large;
    threads()
        .forEach(count -> {
          Work work = Work.forward(Work.FULL, shared.seq(), shared.dim()).onThreads(count);
          items.add(new Item(Section.THREADS, work, false));
        });
    items.add(new Item(Section.SMALL, Work.forward(Work.FULL, 64, 64), false));
    lengths(1024, quick ? LONGEST_PLAN / 16 : LONGEST_PLAN)
        .forEach(seq ->
            items.add(new Item(Section.PLAN, Work.forward("causal-document", seq, 64), true)));
    return items;
  }

  private static void plain(
      List<Item> items, Section section, Shape shape, Pass pass, DType dtype) {
    for (String mask : List.of(Work.FULL, Work.CAUSAL)) {
      Work work = Work.forward(mask, shape.seq(), shape.dim()).with(pass).with(dtype);
      items.add(new Item(section, work, false));
    }
  }

  private static IntStream lengths(int first, int last) {
    return IntStream.iterate(first, seq -> seq <= last, seq -> 2 * seq);
  }

  /** Powers of two, and all there are. */
  private IntStream threads() {
    return IntStream.concat(
        IntStream.iterate(1, count -> count < cores, count -> 2 * count), IntStream.of(cores));
  }
}
