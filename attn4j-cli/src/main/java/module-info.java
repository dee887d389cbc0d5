/** The command line {@code attn4j}. */
module io.github.attn4j.cli {
  requires com.fasterxml.jackson.core;
  requires info.picocli;
  requires io.github.attn4j.core;
  // Commands other than bench run without it, and info says so.
  requires static io.github.attn4j.cpu;
  requires io.github.attn4j.operators;
  requires java.desktop;
  requires jdk.httpserver;
  requires jdk.management;
  requires me.tongfei.progressbar;
  requires static org.jspecify;

  opens io.github.attn4j.cli to
      info.picocli;
}
