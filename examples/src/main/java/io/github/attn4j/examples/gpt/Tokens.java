package io.github.attn4j.examples.gpt;

import java.nio.charset.StandardCharsets;

/** Text as the model reads it: bytes of UTF-8. */
final class Tokens {
  private Tokens() {}

  /** The start of a document with this text. */
  static int[] ofStart(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    int[] tokens = new int[1 + bytes.length];
    tokens[0] = Packer.BOUNDARY;
    for (int i = 0; i < bytes.length; i++) {
      tokens[1 + i] = bytes[i] & 0xff;
    }
    return tokens;
  }

  /** The text of tokens; where a document ends, an empty line. */
  static String text(int[] tokens, int from) {
    byte[] bytes = new byte[tokens.length - from];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (tokens[from + i] == Packer.BOUNDARY ? '\f' : tokens[from + i]);
    }
    return new String(bytes, StandardCharsets.UTF_8).replace("\f", "\n\n");
  }
}
