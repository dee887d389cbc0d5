/**
 * The heart of attn4j: tensors, masks, plans, the backend SPI, the algebra of partial results and a
 * scalar float64 reference. Depends on nothing but the JDK.
 */
module io.github.attn4j.core {
  requires jdk.jfr;
  requires static transitive org.jspecify;

  exports io.github.attn4j;
  exports io.github.attn4j.spi;

  uses io.github.attn4j.spi.AttentionBackend;
}
