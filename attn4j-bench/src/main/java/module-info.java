/** JMH benchmarks; not published. */
module io.github.attn4j.bench {
  requires io.github.attn4j.core;
  requires io.github.attn4j.cpu;
  requires io.github.attn4j.operators;
  requires jmh.core;
  requires static org.jspecify;
}
