package io.github.attn4j.cli.page;

import io.github.attn4j.AttentionSpec;
import io.github.attn4j.Mask;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Sequences;
import io.github.attn4j.cli.capture.Capture;
import io.github.attn4j.cli.capture.CaptureOperator;
import io.github.attn4j.cli.pattern.Numbers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The captures that a server has open: the last few, by number. Not for several threads. */
final class OpenCaptures implements AutoCloseable {
  private static final int MOST = 4;
  private static final int LONGEST_NAME = 60;

  /** Elements, of all masks of a call, that are looked at one by one or by tiles. */
  private static final long MOST_READ = 1L << 29;

  private static final long MOST_TILED = 1L << 42;

  private final Map<String, Open> open = new LinkedHashMap<>();
  private int next;

  /** A call, and the file to remove behind it, if it is ours. */
  private record Open(String name, Capture capture, AttentionSpec call, @Nullable Path remove) {
    void close() {
      capture.close();
      if (remove != null) {
        try {
          Files.deleteIfExists(remove);
        } catch (IOException e) {
          // It lies in a folder for temporary files, which others clear too.
          remove.toFile().deleteOnExit();
        }
      }
    }
  }

  /**
   * Opens a capture.
   *
   * @param name what to call it
   * @param file where it lies
   * @param ours whether to remove the file when it is closed
   * @return its number
   * @throws RefusedException if it is no capture, or its call is refused
   */
  String add(String name, Path file, boolean ours) {
    Capture capture = Capture.open(file);
    try {
      AttentionSpec call =
          CaptureOperator.named(capture.op())
              .prepare(capture, new CaptureOperator.Options(null, 0))
              .plan()
              .get()
              .spec();
      if (call.sequences().count() == 0) {
        throw RefusedException.value("batch", "expected at least one sequence, got a call of none");
      }
      checkWork(call);
      String id = "" + next++;
      open.put(id, new Open(plain(name), capture, call, ours ? file : null));
    } catch (RuntimeException | Error e) {
      capture.close();
      throw e;
    }
    // What the command line named stays: the page begins with it each time it is loaded.
    for (Iterator<Open> each = open.values().iterator(); open.size() > MOST && each.hasNext(); ) {
      Open oldest = each.next();
      if (oldest.remove != null) {
        oldest.close();
        each.remove();
      }
    }
    return "" + (next - 1);
  }

  /** A small file can describe a mask that takes days to look at. */
  private static void checkWork(AttentionSpec call) {
    Sequences sequences = call.sequences();
    Mask mask = call.mask();
    long most = mask.bits().isEmpty() ? MOST_TILED : MOST_READ;
    double elements = 0;
    for (int b = 0; b < sequences.count(); b++) {
      int longest = Math.max(sequences.lengthQ(b), sequences.lengthK(b));
      if (longest > MaskQuery.LONGEST) {
        throw RefusedException.value(
            "capture",
            "expected at most %d queries and keys, got %d".formatted(MaskQuery.LONGEST, longest));
      }
      elements += (double) sequences.lengthQ(b) * sequences.lengthK(b) * mask.heads();
    }
    if (elements > most) {
      throw RefusedException.value(
          "capture",
          "expected a call whose mask has at most %d elements, got %.0f".formatted(most, elements));
    }
  }

  /** A name that means nothing in a page or in a program. */
  private static String plain(String name) {
    String letters = name.replaceAll("[^A-Za-z0-9._ -]", "_");
    return letters.substring(0, Math.min(LONGEST_NAME, letters.length()));
  }

  /**
   * One mask of an open capture.
   *
   * @param source {@code capture}, its number; {@code sequence} and {@code head}, 0 unless given
   */
  Subject subject(Map<String, ? extends @Nullable Object> source) {
    String id = String.valueOf(source.get("capture"));
    Open each = open.get(id);
    if (each == null) {
      throw RefusedException.value(
          "capture",
          "expected a capture that is open, got %s; open it again".formatted(MaskQuery.quoted(id)));
    }
    AttentionSpec call = each.call;
    int b = index(source, "sequence", call.sequences().count());
    int h = index(source, "head", call.heads());
    Map<String, Object> again = new LinkedHashMap<>();
    again.put("capture", id);
    again.put("sequence", b);
    again.put("head", h);
    Map<String, Object> about = new LinkedHashMap<>();
    about.put("op", each.capture.op());
    about.put("attrs", each.capture.file().metadata().getOrDefault("attrs", ""));
    about.put("sequences", call.sequences().count());
    about.put("heads", call.heads());
    about.put("sequence", b);
    about.put("head", h);
    return new Subject(
        each.name,
        "sequence %d, head %d of a call of %s".formatted(b, h, each.capture.op()),
        call.mask(),
        call.sequences(),
        call.heads(),
        b,
        h,
        null,
        again,
        about);
  }

  static int index(Map<String, ? extends @Nullable Object> source, String name, int count) {
    Object given = source.get(name);
    int index = given == null ? 0 : Numbers.one(name, String.valueOf(given));
    if (index < 0 || index >= count) {
      throw RefusedException.value(name, "expected 0 to %d, got %d".formatted(count - 1, index));
    }
    return index;
  }

  @Override
  public void close() {
    open.values().forEach(Open::close);
    open.clear();
  }
}
