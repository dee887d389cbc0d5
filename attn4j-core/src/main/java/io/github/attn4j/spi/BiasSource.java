package io.github.attn4j.spi;

/** The bias of a call, whatever it is made from. */
public interface BiasSource {
  /**
   * One number.
   *
   * @param b the sequence
   * @param h the query head
   * @param i the query row within the sequence
   * @param j the key row within the sequence
   * @return what joins that score
   */
  double get(int b, int h, int i, int j);

  /**
   * The numbers of neighbouring keys.
   *
   * @param b the sequence
   * @param h the query head
   * @param i the query row within the sequence
   * @param key0 first key
   * @param keys how many
   * @param to where they go, from index 0
   */
  void read(int b, int h, int i, int key0, int keys, float[] to);
}
