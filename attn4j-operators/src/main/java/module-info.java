/**
 * The attention operators of other frameworks, by their own names and arguments: each a thin
 * translation of arguments and errors onto the core, without mathematics of its own.
 */
module io.github.attn4j.operators {
  requires transitive io.github.attn4j.core;
  requires static org.jspecify;

  exports io.github.attn4j.operators;
}
