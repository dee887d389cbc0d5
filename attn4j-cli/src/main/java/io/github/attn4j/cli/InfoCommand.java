package io.github.attn4j.cli;

import io.github.attn4j.Attention;
import io.github.attn4j.spi.AttentionBackend;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

@Command(
    name = "info",
    description = {
      "Shows what runs here: JVM, processor, backends, vector width, and why not more.",
      ""
    },
    footer = {"", "Examples:", "  attn4j info", "  ATTN4J_JAVA_OPTS=-XX:UseAVX=3 attn4j info"})
final class InfoCommand implements Callable<Integer> {
  private final Terminal terminal;

  InfoCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() {
    line("attn4j", Version.text());
    line(
        "JVM",
        "%s %s, %s"
            .formatted(
                System.getProperty("java.vm.name"),
                Runtime.version(),
                System.getProperty("java.vendor")));
    line("system", System.getProperty("os.name") + " " + System.getProperty("os.version"));
    line("processor", Machine.cpuModel());
    line("threads", Runtime.getRuntime().availableProcessors() + " (the default of --threads)");
    line(
        "heap",
        String.format(Locale.ROOT, "at most %.1f GiB", Runtime.getRuntime().maxMemory() * 0x1p-30));
    backends();
    vectors();
    nativeAccess();
    jdkBug();
    terminal.out().flush();
    return 0;
  }

  private void backends() {
    List<AttentionBackend> backends = Attention.backends();
    for (AttentionBackend backend : backends) {
      String use = backend.preference() < 0 ? "by name only" : "preference " + backend.preference();
      line("backend", "%s (%s): %s".formatted(backend.name(), use, Machine.description(backend)));
    }
    if (backends.stream().noneMatch(backend -> backend.name().equals("cpu"))) {
      hint("The cpu backend is missing: put attn4j-cpu on the module path or the class path.");
    }
  }

  private void vectors() {
    OptionalInt bits =
        Attention.backends().stream()
            .map(Machine::vectorBits)
            .filter(OptionalInt::isPresent)
            .findFirst()
            .orElse(OptionalInt.empty());
    String active = bits.isPresent() ? bits.getAsInt() + " bits" : "none";
    String flag = Machine.vmOption("UseAVX").map(value -> ", UseAVX=" + value).orElse("");
    line("vectors", active + flag);
    Machine.vectorHints(bits).forEach(this::hint);
  }

  private void nativeAccess() {
    Module module =
        ModuleLayer.boot().findModule(Machine.CPU_MODULE).orElse(InfoCommand.class.getModule());
    String name = module.isNamed() ? module.getName() : "ALL-UNNAMED";
    boolean enabled = module.isNativeAccessEnabled();
    line("native access", (enabled ? "enabled for " : "not enabled for ") + name);
    if (!enabled) {
      hint("Machine code of our own needs it: add --enable-native-access=" + name + ".");
    }
  }

  /** Early updates of JDK 25 can move arrays that native code holds. */
  private void jdkBug() {
    Runtime.Version version = Runtime.version();
    if (version.feature() == 25 && version.update() < 3) {
      hint("This JDK has JDK-8377811 (G1 may move pinned arrays): update to 25.0.3 or later.");
    }
  }

  private void line(String name, String text) {
    terminal.out().printf("%-14s %s%n", name, text);
  }

  private void hint(String text) {
    PrintWriter out = terminal.out();
    out.printf("%-14s → %s%n", "", text);
  }
}
