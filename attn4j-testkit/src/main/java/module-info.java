/**
 * Oracles, the tolerance rule, seeded random problems, and the contract tests that every backend
 * extends.
 */
module io.github.attn4j.testkit {
  requires transitive io.github.attn4j.core;
  requires transitive org.junit.jupiter.api;
  requires transitive org.junit.jupiter.params;
  requires org.assertj.core;
  requires jdk.management;

  exports io.github.attn4j.testkit;
}
