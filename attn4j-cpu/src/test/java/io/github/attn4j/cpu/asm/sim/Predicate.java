package io.github.attn4j.cpu.asm.sim;

import java.util.List;

/**
 * What comparisons ask for, as the disassembler spells it into their names.
 *
 * @param less whether it holds where a is below b
 * @param equal whether it holds where they are equal
 * @param greater whether it holds where a is above b
 * @param unordered whether it holds where one of them is NaN
 */
public record Predicate(boolean less, boolean equal, boolean greater, boolean unordered) {
  /** Of vcmpps, by its immediate. */
  public static final List<String> FLOAT =
      List.of(
          "eq",
          "lt",
          "le",
          "unord",
          "neq",
          "nlt",
          "nle",
          "ord",
          "eq_uq",
          "nge",
          "ngt",
          "false",
          "neq_oq",
          "ge",
          "gt",
          "true",
          "eq_os",
          "lt_oq",
          "le_oq",
          "unord_s",
          "neq_us",
          "nlt_uq",
          "nle_uq",
          "ord_s",
          "eq_us",
          "nge_uq",
          "ngt_uq",
          "false_os",
          "neq_os",
          "ge_oq",
          "gt_oq",
          "true_us");

  /** Of vpcmpd and vpcmpud, by their immediate; 3 and 7, never and always, have no names. */
  public static final List<String> INTEGER = List.of("eq", "lt", "le", "", "neq", "nlt", "nle", "");

  /**
   * What a name means.
   *
   * @param name one of {@link #FLOAT} or {@link #INTEGER}
   * @return the predicate
   */
  static Predicate of(String name) {
    int end = name.indexOf('_');
    String relation = end < 0 ? name : name.substring(0, end);
    String suffix = end < 0 ? "" : name.substring(end);
    return switch (relation) {
      case "eq" -> new Predicate(false, true, false, suffix.startsWith("_u"));
      case "neq" -> new Predicate(true, false, true, !suffix.startsWith("_o"));
      case "lt" -> new Predicate(true, false, false, false);
      case "le" -> new Predicate(true, true, false, false);
      case "gt" -> new Predicate(false, false, true, false);
      case "ge" -> new Predicate(false, true, true, false);
      case "nlt" -> new Predicate(false, true, true, true);
      case "nle" -> new Predicate(false, false, true, true);
      case "ngt" -> new Predicate(true, true, false, true);
      case "nge" -> new Predicate(true, false, false, true);
      case "unord" -> new Predicate(false, false, false, true);
      case "ord" -> new Predicate(true, true, true, false);
      case "false" -> new Predicate(false, false, false, false);
      case "true" -> new Predicate(true, true, true, true);
      default -> throw new IllegalArgumentException("predicate: got " + name);
    };
  }

  boolean holds(float a, float b) {
    return a < b ? less : a > b ? greater : a == b ? equal : unordered;
  }

  boolean holds(int order) {
    return order < 0 ? less : order > 0 ? greater : equal;
  }
}
