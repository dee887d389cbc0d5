package io.github.attn4j.examples.gpt;

import io.github.attn4j.KvCacheStorage;
import io.github.attn4j.examples.gpt.CachedAttention.Sequence;
import io.github.attn4j.examples.math.Workers;
import java.io.PrintWriter;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;

/** What a trained model has to say, out of each kind of cache, and how exactly it says it. */
final class Report {
  private static final List<KvCacheStorage> STORAGES =
      List.of(KvCacheStorage.FLOAT32, KvCacheStorage.BFLOAT16, KvCacheStorage.INT8);

  /** Tokens on which the logits of the caches are compared. */
  private static final int COMPARED = 64;

  private static final double TEMPERATURE = 0.6;

  private final Gpt model;
  private final Workers workers;
  private final long seed;
  private final PrintWriter out;
  private final StringBuilder samples = new StringBuilder();

  Report(Gpt model, long seed, PrintWriter out, Workers workers) {
    this.model = model;
    this.seed = seed;
    this.out = out;
    this.workers = workers;
  }

  /** Samples one text from each kind of cache, and compares their logits. */
  void caches(String prompt) {
    int[] start = Tokens.ofStart(prompt);
    int count = model.config().context() - start.length;
    int[] compared = null;
    for (KvCacheStorage storage : STORAGES) {
      CacheTrial trial = new CacheTrial(model, storage, workers.threads());
      CacheTrial.Sample sample = trial.sample(start, count, sampler(0));
      if (compared == null) {
        compared = Arrays.copyOf(sample.tokens(), Math.min(COMPARED, sample.tokens().length));
      }
      print(
          "--- %s cache: %,d bytes, %d tokens at %,.0f tokens/s",
          storage, sample.cacheBytes(), count, sample.tokensPerSecond());
      text(prompt, Tokens.text(sample.tokens(), start.length));
    }
    if (compared != null) {
      compare(compared);
    }
  }

  private Sampler sampler(long number) {
    return new Sampler(TEMPERATURE, new SplittableRandom(seed + number));
  }

  private void compare(int[] tokens) {
    double[][] bounds = RoundingBound.ofLast(model, tokens, STORAGES, workers);
    float[] exact = new CacheTrial(model, STORAGES.getFirst(), workers.threads()).prefill(tokens);
    print("--- largest differences of logits behind %d tokens", tokens.length);
    print(
        "%-10s%18s%16s%28s",
        "cache", "steps - prefill", "from FLOAT32", "share of rounding's bound");
    for (int s = 0; s < bounds.length; s++) {
      KvCacheStorage storage = STORAGES.get(s);
      CacheTrial trial = new CacheTrial(model, storage, workers.threads());
      float[] prefill = trial.prefill(tokens);
      print(
          "%-10s%18.2g%16.2g%28s",
          storage,
          CacheTrial.largestDifference(prefill, trial.steps(tokens)),
          CacheTrial.largestDifference(prefill, exact),
          storage == KvCacheStorage.FLOAT32
              ? "-"
              : percent(CacheTrial.largestShare(exact, prefill, bounds[s])));
    }
    print("");
  }

  /** One prompt, read once, and two continuations that share its pages. */
  void fork(String prompt) {
    int[] start = Tokens.ofStart(prompt);
    int count = (model.config().context() - start.length) / 2;
    try (Decoder decoder =
        new Decoder(model, KvCacheStorage.FLOAT32, 2, start.length + count, workers.threads())) {
      Sequence first = decoder.start();
      float[] logits = decoder.extend(first, start);
      Sequence second = decoder.fork(first);
      int before = decoder.usedPages();
      Sampler[] samplers = {sampler(1), sampler(2)};
      int[][] tokens = new int[2][count];
      for (int n = 0; n < count; n++) {
        int[] next = new int[2];
        for (int s = 0; s < 2; s++) {
          next[s] = samplers[s].next(logits, n == 0 ? start.length - 1 : s);
          tokens[s][n] = next[s];
        }
        logits = decoder.extend(List.of(first, second), next);
      }
      print(
          "--- one prompt, two continuations by a fork; pages: %d with the prompt, %d at the end",
          before, decoder.usedPages());
      for (int s = 0; s < 2; s++) {
        text(prompt, Tokens.text(tokens[s], 0));
      }
    }
  }

  private void text(String prompt, String continuation) {
    String whole = "[" + prompt + "]" + continuation;
    print("%s%n", whole);
    samples.append(whole).append("\n\n");
  }

  /** All texts so far. */
  String samples() {
    return samples.toString();
  }

  /** Prints a line. */
  void print(String format, Object... arguments) {
    out.println(String.format(Locale.ROOT, format, arguments));
    out.flush();
  }

  static String percent(double share) {
    return String.format(Locale.ROOT, "%.1f %%", 100 * share);
  }
}
