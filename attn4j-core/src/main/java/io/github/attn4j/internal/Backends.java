package io.github.attn4j.internal;

import io.github.attn4j.RefusedException;
import io.github.attn4j.spi.AttentionBackend;
import io.github.attn4j.spi.Problem;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.ServiceLoader;
import org.jspecify.annotations.Nullable;

/** Chooses a backend. Never falls back in silence: a refusal reaches the user with its reasons. */
public final class Backends {
  private static final class Holder {
    private static final List<AttentionBackend> ALL = load();
  }

  private Backends() {}

  private static List<AttentionBackend> load() {
    List<AttentionBackend> found = new ArrayList<>();
    // The library's own class loader sees the same modules and jars as the library itself.
    ServiceLoader.load(AttentionBackend.class, Backends.class.getClassLoader()).forEach(found::add);
    found.add(new ReferenceBackend());
    found.sort(Comparator.comparingInt(AttentionBackend::preference).reversed());
    return List.copyOf(found);
  }

  /** All backends, best first. */
  public static List<AttentionBackend> all() {
    return Holder.ALL;
  }

  /** The named backend, or the first by preference that does not refuse. */
  public static AttentionBackend choose(@Nullable String name, Problem problem) {
    List<String> reasons = new ArrayList<>();
    for (AttentionBackend backend : all()) {
      boolean wanted = name == null ? backend.preference() >= 0 : backend.name().equals(name);
      if (wanted) {
        List<String> refusals = backend.refusals(problem);
        if (refusals.isEmpty()) {
          return backend;
        }
        reasons.add(backend.name() + ": " + String.join("; ", refusals));
      }
    }
    List<String> names = all().stream().map(AttentionBackend::name).toList();
    if (reasons.isEmpty()) {
      throw RefusedException.value(
          "backend",
          name == null
              ? "expected a backend module (attn4j-cpu) on the module or class path, got only "
                  + names
              : "expected one of " + names + ", got " + name);
    }
    throw RefusedException.runtime(
        "backend", "no backend can run this; " + String.join(" | ", reasons) + " | " + problem);
  }
}
