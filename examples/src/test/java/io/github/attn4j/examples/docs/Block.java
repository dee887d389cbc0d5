package io.github.attn4j.examples.docs;

/**
 * A code block of a page.
 *
 * @param page the page's path from the checkout
 * @param line where the block's text begins
 * @param language the word behind the fence; {@code bash} for indented blocks
 * @param text its lines, without the fence
 */
record Block(String page, int line, String language, String text) {
  /** Where a reader finds it, as editors spell that. */
  String place() {
    return page + ":" + line;
  }

  boolean is(String expected) {
    return language.equals(expected);
  }
}
