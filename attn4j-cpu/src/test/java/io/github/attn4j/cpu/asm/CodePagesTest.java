package io.github.attn4j.cpu.asm;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** Placed code runs, from pages that nobody can write, and a system that forbids it is told of. */
@SuppressWarnings("restricted") // Running code of one's own is what is tested.
final class CodePagesTest {
  private static final Path MAPS = Path.of("/proc/self/maps");

  /** {@code long f(long x) { return x + number; }}, a little longer than so many bytes. */
  private static byte[] adding(int number, int bytes) {
    Assembler a = new Assembler();
    Label end = new Label();
    a.mov(Gpr.RAX, Gpr.RDI);
    a.jmp(end);
    while (a.size() < bytes) {
      a.data(0xCCCCCCCC);
    }
    a.bind(end);
    a.add(Gpr.RAX, number);
    a.ret();
    return a.bytes();
  }

  private static long call(MemorySegment code, long x) throws Throwable {
    MethodHandle function =
        Linker.nativeLinker().downcallHandle(code, FunctionDescriptor.of(JAVA_LONG, JAVA_LONG));
    return (long) function.invokeExact(x);
  }

  /** Over page ends too: the last instructions stand in the last page. */
  @Test
  void codeRuns() throws Throwable {
    for (int bytes : new int[] {0, 4090, 4096, 10_000}) {
      assertThat(call(CodePages.place(adding(bytes, bytes)), 5)).isEqualTo(5L + bytes);
    }
  }

  @Test
  void pagesAreNotWritable() throws IOException {
    assumeTrue(Files.exists(MAPS), "no " + MAPS);
    long address = CodePages.place(adding(1, 10_000)).address();
    for (long at : new long[] {address, address + 4096, address + 2 * 4096}) {
      assertThat(permissions(at)).as("page %d of 3", (at - address) / 4096).isEqualTo("r-xp");
    }
  }

  private static String permissions(long address) throws IOException {
    for (String line : Files.readAllLines(MAPS)) {
      String[] parts = line.split("[- ]", 3);
      if (Long.parseUnsignedLong(parts[0], 16) <= address
          && address < Long.parseUnsignedLong(parts[1], 16)) {
        return parts[2].substring(0, 4);
      }
    }
    throw new IllegalStateException("nothing is mapped at " + Long.toHexString(address));
  }

  @Test
  void nothingToPlaceIsRefused() {
    assertThatThrownBy(() -> CodePages.place(new byte[0]))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("mmap of 0 bytes to write code into failed with errno 22");
  }

  /**
   * Linux can be told to let no page become executable that was not from the start, as hardened
   * systems do: for the rest of a process' life, so another process finds out.
   */
  @Test
  void forbiddenCodeIsAClearError() throws Exception {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                // The virtual machine itself must get no new code pages after the ban.
                "-Xint",
                "-XX:ReservedCodeCacheSize=32m",
                "-XX:InitialCodeCacheSize=32m",
                "-cp",
                System.getProperty("java.class.path"),
                Forbidden.class.getName())
            .redirectErrorStream(true)
            .start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assumeTrue(process.waitFor() != Forbidden.NO_SUCH_BAN, "this system cannot forbid it");
    assertThat(said.strip()).isEqualTo("mprotect to make code executable failed with errno 13");
  }

  /** The other process: bans, tries, prints what it is told. */
  static final class Forbidden {
    static final int NO_SUCH_BAN = 3;

    private static final int PR_SET_MDWE = 65;
    private static final long PR_MDWE_REFUSE_EXEC_GAIN = 1;

    private Forbidden() {}

    public static void main(String[] arguments) throws Throwable {
      Linker linker = Linker.nativeLinker();
      MethodHandle prctl =
          linker.downcallHandle(
              linker.defaultLookup().find("prctl").orElseThrow(),
              FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG),
              Linker.Option.firstVariadicArg(1));
      int result = (int) prctl.invokeExact(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0L, 0L, 0L);
      if (result != 0) {
        System.exit(NO_SUCH_BAN);
      }
      try {
        CodePages.place(adding(1, 1));
        System.out.println("code was placed");
      } catch (IllegalStateException expected) {
        System.out.println(expected.getMessage());
      }
    }
  }
}
