package io.github.attn4j.examples.docs;

import java.io.IOException;
import java.io.StringWriter;
import java.net.URI;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.DiagnosticCollector;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/**
 * The Java blocks of a page as one program: blocks that declare a type are files of their own,
 * blocks that declare a method are members, all others follow one another in {@code main}.
 */
final class JavaProgram {
  private static final Pattern IMPORT = Pattern.compile("(?m)^import .*;\\R?");
  private static final Pattern TYPE =
      Pattern.compile(
          "(?:(?:public|final|sealed|abstract) )*(?:class|record|interface|enum) (\\w+)");
  private static final Pattern METHOD = Pattern.compile("static [^=;]+\\(");

  /** Stands in the output before what a block prints; no page prints it. */
  private static final String MARK = "\u0001";

  private final String name;
  private final Map<String, String> files = new LinkedHashMap<>();
  private final Map<String, Block> mains = new LinkedHashMap<>();
  private final List<Block> steps = new ArrayList<>();

  JavaProgram(Page page) {
    name = "Page_" + page.name().replaceAll("\\W+", "_").toLowerCase(Locale.ROOT);
    Set<String> imports = new LinkedHashSet<>();
    StringBuilder members = new StringBuilder();
    StringBuilder body = new StringBuilder();
    for (Block block : page.blocks()) {
      if (!block.is("java")) {
        continue;
      }
      String code = IMPORT.matcher(block.text()).replaceAll("").strip();
      Matcher type = TYPE.matcher(withoutComments(code));
      if (type.lookingAt()) {
        files.put(type.group(1), block.text());
        if (code.contains("void main(")) {
          mains.put(type.group(1), block);
        }
        continue;
      }
      IMPORT.matcher(block.text()).results().forEach(found -> imports.add(found.group().strip()));
      String text = "// " + block.place() + "\n" + code + "\n";
      if (METHOD.matcher(withoutComments(code)).lookingAt()) {
        members.append(text);
      } else {
        body.append("System.out.println(\"%s%d\");\n".formatted(MARK, steps.size())).append(text);
        steps.add(block);
      }
    }
    if (!steps.isEmpty()) {
      files.put(
          name,
          "%s%nfinal class %s {%npublic static void main(String[] args) throws Exception {%n%s}%n%s}%n"
              .formatted(String.join("\n", imports), name, body, members));
    }
  }

  private static String withoutComments(String code) {
    return code.replaceAll("(?s)^(?:\\s*(?://[^\\n]*\\n|/\\*.*?\\*/))*\\s*", "");
  }

  boolean isEmpty() {
    return files.isEmpty();
  }

  /** Classes to run, the blocks in a row last. */
  List<String> mainClasses() {
    List<String> names = new ArrayList<>(mains.keySet());
    if (!steps.isEmpty()) {
      names.add(name);
    }
    return names;
  }

  /** Compiles everything with all warnings as errors; says what is wrong, and where. */
  void compile(Path classes) throws IOException {
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    DiagnosticCollector<JavaFileObject> problems = new DiagnosticCollector<>();
    try (StandardJavaFileManager manager = compiler.getStandardFileManager(null, null, null)) {
      StringWriter log = new StringWriter();
      // Paths and classes are Maven's affair, not the page's.
      List<String> options =
          List.of(
              "-d",
              classes.toString(),
              "-cp",
              JavaRun.classPath(),
              "-proc:none",
              "-Werror",
              "-Xlint:all,-path,-classfile");
      boolean compiled =
          compiler
              .getTask(
                  log,
                  manager,
                  problems,
                  options,
                  null,
                  files.entrySet().stream().map(JavaProgram::source).toList())
              .call();
      if (!compiled) {
        StringBuilder told = new StringBuilder(log.toString());
        problems.getDiagnostics().forEach(problem -> told.append(problem).append('\n'));
        throw new AssertionError("does not compile:\n" + told);
      }
    }
  }

  private static JavaFileObject source(Map.Entry<String, String> file) {
    return new SimpleJavaFileObject(
        URI.create("page:///" + file.getKey() + ".java"), JavaFileObject.Kind.SOURCE) {
      @Override
      public CharSequence getCharContent(boolean ignoreEncodingErrors) {
        return file.getValue();
      }
    };
  }

  /** What each block printed, from what its class printed. */
  Map<Block, String> outputs(String mainClass, String printed) {
    Block whole = mains.get(mainClass);
    if (whole != null) {
      return Map.of(whole, printed);
    }
    Map<Block, String> outputs = new LinkedHashMap<>();
    String[] parts = printed.split(MARK, -1);
    for (int step = 0; step < steps.size(); step++) {
      String part = parts[step + 1];
      outputs.put(steps.get(step), part.substring(part.indexOf('\n') + 1));
    }
    return outputs;
  }
}
