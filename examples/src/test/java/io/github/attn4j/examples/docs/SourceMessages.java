package io.github.attn4j.examples.docs;

import com.sun.source.tree.BinaryTree;
import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.tree.ConditionalExpressionTree;
import com.sun.source.tree.ExpressionTree;
import com.sun.source.tree.LiteralTree;
import com.sun.source.tree.MemberSelectTree;
import com.sun.source.tree.MethodInvocationTree;
import com.sun.source.tree.ParenthesizedTree;
import com.sun.source.tree.Tree;
import com.sun.source.util.JavacTask;
import com.sun.source.util.TreeScanner;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.jspecify.annotations.Nullable;

/**
 * What the sources of a module say to people: every string as a pattern in which {@code …} stands
 * for what is filled in.
 *
 * @param refusals {@code argument: problem} of every refusal
 * @param strings every string, refusals' or not
 */
record SourceMessages(Set<String> refusals, Set<String> strings) {
  private static final String ANYTHING = "…";

  /** Reads every file below a folder of the checkout. */
  static SourceMessages of(String folder) throws IOException {
    SourceMessages messages = new SourceMessages(new LinkedHashSet<>(), new LinkedHashSet<>());
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    try (Stream<Path> walk = Files.walk(Page.checkout().resolve(folder));
        StandardJavaFileManager manager = compiler.getStandardFileManager(null, null, null)) {
      List<Path> files = walk.filter(file -> file.toString().endsWith(".java")).sorted().toList();
      JavacTask task =
          (JavacTask)
              compiler.getTask(
                  null,
                  manager,
                  null,
                  List.of("-proc:none"),
                  null,
                  manager.getJavaFileObjectsFromPaths(files));
      for (CompilationUnitTree unit : task.parse()) {
        messages.new Scanner().scan(unit, null);
      }
    }
    return messages;
  }

  private final class Scanner extends TreeScanner<@Nullable Void, @Nullable Void> {
    @Override
    public @Nullable Void scan(@Nullable Tree tree, @Nullable Void nothing) {
      if (tree instanceof ExpressionTree expression) {
        String pattern = pattern(expression);
        if (!pattern.equals(ANYTHING)) {
          strings.add(pattern);
        }
      }
      return super.scan(tree, null);
    }

    @Override
    public @Nullable Void visitMethodInvocation(MethodInvocationTree call, @Nullable Void nothing) {
      if (call.getMethodSelect().toString().matches("RefusedException\\.(type|value|runtime)")
          && call.getArguments().size() == 2) {
        String problem = pattern(call.getArguments().get(1));
        for (String argument : alternatives(call.getArguments().get(0))) {
          refusals.add(argument + ": " + problem);
        }
      }
      return super.visitMethodInvocation(call, null);
    }
  }

  /** Both names of a conditional expression, else the one. */
  private static List<String> alternatives(ExpressionTree argument) {
    return argument instanceof ConditionalExpressionTree either
        ? List.of(pattern(either.getTrueExpression()), pattern(either.getFalseExpression()))
        : List.of(pattern(argument));
  }

  private static String pattern(ExpressionTree expression) {
    return collapsed(
        switch (expression) {
          case LiteralTree literal when literal.getValue() instanceof String text -> text;
          case LiteralTree literal when literal.getValue() instanceof Character c -> c.toString();
          case ParenthesizedTree inner -> pattern(inner.getExpression());
          case BinaryTree sum when sum.getKind() == Tree.Kind.PLUS ->
              pattern(sum.getLeftOperand()) + pattern(sum.getRightOperand());
          case MethodInvocationTree call
              when call.getMethodSelect() instanceof MemberSelectTree select
                  && select.getIdentifier().contentEquals("formatted") ->
              filled(pattern(select.getExpression()));
          default -> ANYTHING;
        });
  }

  private static String filled(String format) {
    return format.replaceAll("%[-.\\d]*[a-z]", ANYTHING).replace("%%", "%");
  }

  private static String collapsed(String pattern) {
    return pattern.replaceAll("…+", ANYTHING);
  }
}
