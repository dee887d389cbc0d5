package io.github.attn4j.cli.page;

import io.github.attn4j.RefusedException;
import java.util.LinkedHashMap;
import java.util.Map;

/** A request that is not answered, with the words for the answer. */
final class HttpProblem extends Exception {
  private static final long serialVersionUID = 1L;

  private static final String GOT = ", got ";

  /** What HTTP calls it. */
  private final int status;

  /** What of the request is wrong. */
  private final String argument;

  HttpProblem(int status, String argument, String problem) {
    super(problem);
    this.status = status;
    this.argument = argument;
  }

  static HttpProblem of(RefusedException refused) {
    String message = String.valueOf(refused.getMessage());
    return new HttpProblem(
        400, refused.argument(), message.substring(refused.argument().length() + 2));
  }

  int status() {
    return status;
  }

  /** As JSON tells it: the argument, what was expected, what came. */
  Map<String, Object> told() {
    String problem = String.valueOf(getMessage());
    int got = problem.lastIndexOf(GOT);
    Map<String, Object> told = new LinkedHashMap<>();
    told.put("argument", argument);
    told.put(
        "expected", (got < 0 ? problem : problem.substring(0, got)).replaceFirst("^expected ", ""));
    told.put("came", got < 0 ? "" : problem.substring(got + GOT.length()));
    return Map.of("error", told);
  }
}
