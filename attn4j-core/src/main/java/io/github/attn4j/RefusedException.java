package io.github.attn4j;

/**
 * The one exception for arguments that attn4j refuses.
 *
 * <p>It carries the name of the argument as the operator's own document spells it, and the kind of
 * error that document lists. The message says what was expected and what came.
 */
public final class RefusedException extends IllegalArgumentException {
  private static final long serialVersionUID = 1L;

  /** The kinds of error that the operators' documents distinguish. */
  public enum Kind {
    /** An argument of the wrong type or dtype. */
    TYPE_ERROR("TypeError"),
    /** An argument of the right type with a value or shape that is not allowed. */
    VALUE_ERROR("ValueError"),
    /** A combination that cannot run. */
    RUNTIME_ERROR("RuntimeError");

    private final String text;

    Kind(String text) {
      this.text = text;
    }

    @Override
    public String toString() {
      return text;
    }
  }

  /** What sort of error this is. */
  private final Kind kind;

  /** The refused argument. */
  private final String argument;

  private RefusedException(Kind kind, String argument, String problem) {
    super(argument + ": " + problem);
    this.kind = kind;
    this.argument = argument;
  }

  /**
   * A wrong type or dtype.
   *
   * @param argument the argument's name
   * @param problem what was expected and what came
   * @return the exception to throw
   */
  public static RefusedException type(String argument, String problem) {
    return new RefusedException(Kind.TYPE_ERROR, argument, problem);
  }

  /**
   * A value or shape that is not allowed.
   *
   * @param argument the argument's name
   * @param problem what was expected and what came
   * @return the exception to throw
   */
  public static RefusedException value(String argument, String problem) {
    return new RefusedException(Kind.VALUE_ERROR, argument, problem);
  }

  /**
   * A combination that cannot run.
   *
   * @param argument the argument's name
   * @param problem what was expected and what came
   * @return the exception to throw
   */
  public static RefusedException runtime(String argument, String problem) {
    return new RefusedException(Kind.RUNTIME_ERROR, argument, problem);
  }

  /**
   * What sort of error this is.
   *
   * @return the kind
   */
  public Kind kind() {
    return kind;
  }

  /**
   * Which argument was refused.
   *
   * @return the argument's name
   */
  public String argument() {
    return argument;
  }

  /**
   * The same refusal under another argument's name, for operators whose documents name an argument
   * differently from attn4j's core.
   *
   * @param name the operator's own name for the argument
   * @return an equal refusal of that argument
   */
  public RefusedException as(String name) {
    String message = getMessage();
    String problem = message == null ? "" : message.substring(argument.length() + 2);
    RefusedException renamed = new RefusedException(kind, name, problem);
    renamed.initCause(this);
    return renamed;
  }
}
