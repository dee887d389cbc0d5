package io.github.attn4j.examples.gpt;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Random;

/** Cuts documents into pieces no longer than the context, and packs them into rows of tokens. */
final class Packer {
  /** Byte 0, which no text has: comes before a document's first byte and after its last. */
  static final int BOUNDARY = 0;

  private final List<byte[]> documents;
  private final int context;
  private final int rows;
  private final Random random;
  private final Deque<Piece> pieces = new ArrayDeque<>();

  /**
   * @param documents each shorter than 2^31 - 1 bytes
   * @param context the longest piece
   * @param rows tokens of a batch
   * @param seed of the order and of where documents are cut
   */
  Packer(List<byte[]> documents, int context, int rows, long seed) {
    this.documents = documents;
    this.context = context;
    this.rows = rows;
    this.random = new Random(seed);
  }

  /** The next batch, full to the last token: the last piece is cut, and the rest of it waits. */
  Batch next() {
    List<Piece> row = new ArrayList<>();
    int free = rows;
    while (free > 0) {
      if (pieces.isEmpty()) {
        shuffleAll();
      }
      Piece piece = pieces.remove();
      if (piece.length() > free) {
        pieces.addFirst(piece.from(free));
        piece = piece.to(free);
      }
      row.add(piece);
      free -= piece.length();
    }
    return batch(row);
  }

  /** Every document anew, cut where it was not cut before. */
  private void shuffleAll() {
    List<Piece> all = new ArrayList<>();
    for (byte[] document : documents) {
      cut(document, 1 + random.nextInt(context), context, all);
    }
    Collections.shuffle(all, random);
    pieces.addAll(all);
  }

  /** All documents once, in their order, cut at multiples of the context; batches may have room. */
  static List<Batch> inOrder(List<byte[]> documents, int context, int rows) {
    List<Piece> all = new ArrayList<>();
    documents.forEach(document -> cut(document, context, context, all));
    List<Batch> batches = new ArrayList<>();
    List<Piece> row = new ArrayList<>();
    int used = 0;
    for (Piece piece : all) {
      if (used + piece.length() > rows) {
        batches.add(batch(row));
        row.clear();
        used = 0;
      }
      row.add(piece);
      used += piece.length();
    }
    batches.add(batch(row));
    return batches;
  }

  /** A document of n bytes has n + 1 tokens to predict: its end is one. */
  private static void cut(byte[] document, int first, int context, List<Piece> pieces) {
    int end = first;
    for (int start = 0; start <= document.length; start = end, end += context) {
      pieces.add(new Piece(document, start, Math.min(end, document.length + 1)));
    }
  }

  private static Batch batch(List<Piece> pieces) {
    int rows = pieces.stream().mapToInt(Piece::length).sum();
    int[] tokens = new int[rows];
    int[] targets = new int[rows];
    int[] positions = new int[rows];
    int at = 0;
    for (Piece piece : pieces) {
      for (int i = piece.start; i < piece.end; i++, at++) {
        tokens[at] = piece.token(i - 1);
        targets[at] = piece.token(i);
        positions[at] = i - piece.start;
      }
    }
    return new Batch(tokens, targets, positions, pieces.stream().mapToInt(Piece::length).toArray());
  }

  /** Predictions of the bytes {@code [start, end)} of a document and of its end. */
  private record Piece(byte[] document, int start, int end) {
    int length() {
      return end - start;
    }

    Piece from(int tokens) {
      return new Piece(document, start + tokens, end);
    }

    Piece to(int tokens) {
      return new Piece(document, start, start + tokens);
    }

    int token(int i) {
      return i < 0 || i == document.length ? BOUNDARY : document[i] & 0xff;
    }
  }
}
