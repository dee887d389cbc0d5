/** The CPU backend: attention kernels in emitted machine code, or in the Vector API. */
module io.github.attn4j.cpu {
  requires transitive io.github.attn4j.core;
  // Where machine code can be emitted, kernels do without it.
  requires static jdk.incubator.vector;
  requires static org.jspecify;

  exports io.github.attn4j.cpu;

  provides io.github.attn4j.spi.AttentionBackend with
      io.github.attn4j.cpu.CpuBackend;
}
