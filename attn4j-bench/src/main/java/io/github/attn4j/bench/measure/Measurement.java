package io.github.attn4j.bench.measure;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.github.attn4j.bench.peer.Work;
import org.jspecify.annotations.Nullable;

/**
 * One line of the file of measurements.
 *
 * @param section the part of the report it is for
 * @param peer who computed
 * @param version which version of it
 * @param work what was computed
 * @param seconds of one call, the median of the rounds
 * @param rounds how many turns it had
 * @param rate what that is in terms of the machine; null where there is nothing to compare with
 * @param tileDensity the share of tiles the mask leaves to attn4j; null where nothing is computed
 * @param maxError the largest absolute difference from attn4j's result; null for its own
 * @param host where
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record Measurement(
    Section section,
    String peer,
    String version,
    Work work,
    double seconds,
    int rounds,
    @Nullable Rate rate,
    @Nullable Double tileDensity,
    @Nullable Double maxError,
    Host host) {

  /**
   * A rate beside the machine's own, measured just before and just after.
   *
   * @param value GFLOP/s of what is visible; when decoding, GB/s of key and value
   * @param peak the mean of before and after
   * @param before GFLOP/s of multiply-adds on registers, or GB/s of reading memory
   * @param after the same after the measurement
   * @param share value / peak
   */
  public record Rate(double value, double peak, double before, double after, double share) {
    /** A rate with its share. */
    static Rate of(double value, double before, double after) {
      double peak = (before + after) / 2;
      return new Rate(value, peak, before, after, value / peak);
    }
  }
}
