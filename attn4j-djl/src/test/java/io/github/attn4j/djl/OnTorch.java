package io.github.attn4j.djl;

import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Tests that run on DJL's PyTorch engine, of which this build brings the library for one platform.
 */
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(OnTorch.Condition.class)
@interface OnTorch {
  /** Skips, and says so where a build's reader sees it. */
  final class Condition implements ExecutionCondition {
    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
      String platform = System.getProperty("os.name") + " " + System.getProperty("os.arch");
      if (platform.equals("Linux amd64")) {
        return ConditionEvaluationResult.enabled("the library is on the class path");
      }
      String reason =
          "SKIPPED on %s: %s; the build brings libtorch for Linux amd64 only"
              .formatted(platform, context.getDisplayName());
      System.err.println(reason);
      return ConditionEvaluationResult.disabled(reason);
    }
  }
}
