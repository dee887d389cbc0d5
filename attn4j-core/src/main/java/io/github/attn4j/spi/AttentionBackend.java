package io.github.attn4j.spi;

import io.github.attn4j.Execution;
import java.util.List;

/** A provider of attention kernels; found as a service. */
public interface AttentionBackend {
  /**
   * The name by which a user asks for this backend.
   *
   * @return a short lower-case word
   */
  String name();

  /**
   * The order in which backends are tried when none is asked for.
   *
   * @return larger is earlier; a negative one is used by name only
   */
  int preference();

  /**
   * What is active and why not more, for people.
   *
   * @return one line or a few
   */
  String description();

  /**
   * Why this backend cannot run a problem.
   *
   * @param problem the family of calls
   * @return reasons, each a full clause; empty if it can
   */
  List<String> refusals(Problem problem);

  /**
   * The tile size the kernels want planned.
   *
   * @param problem the family of calls
   * @return tileM by tileN
   */
  TileShape tileShape(Problem problem);

  /**
   * Gets ready to run.
   *
   * @param problem a problem without refusals
   * @param plan its tiles, at this backend's tile shape
   * @param execution threads and executor
   * @return kernels for any number of calls, safe for concurrent use
   */
  PreparedAttention prepare(Problem problem, TilePlan plan, Execution execution);
}
