package io.github.attn4j.examples.minilm;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * The fields of one message in Protocol Buffers' wire format, one after another. Whatever the bytes
 * are, it reads none outside the message and says where they went wrong.
 */
final class ProtoMessage {
  private static final int VARINT = 0;
  private static final int FIXED64 = 1;
  private static final int BYTES = 2;
  private static final int FIXED32 = 5;

  /** A part of the message's array. */
  record Slice(byte[] array, int from, int length) {}

  private final byte[] array;
  private final int end;
  private int at;
  private int field;
  private int type;

  /** Of the current field: where its bytes begin, and how many, or the number it holds. */
  private int from;

  private long value;

  ProtoMessage(byte[] array) {
    this(array, 0, array.length);
  }

  private ProtoMessage(byte[] array, int from, int end) {
    this.array = array;
    this.at = from;
    this.end = end;
  }

  /** Moves to the next field; false behind the last. */
  boolean next() throws IOException {
    if (at == end) {
      return false;
    }
    int start = at;
    long tag = varint();
    field = (int) (tag >>> 3);
    type = (int) (tag & 7);
    if (tag >>> 32 != 0 || field == 0) {
      throw malformed(start, "a field number from 1 to 2^29 - 1, got " + (tag >>> 3));
    }
    switch (type) {
      case VARINT -> value = varint();
      case FIXED64 -> take(8);
      case FIXED32 -> take(4);
      case BYTES -> take(varint());
      default -> throw malformed(start, "wire type 0, 1, 2 or 5, got " + type);
    }
    return true;
  }

  /** The number of the current field. */
  int field() {
    return field;
  }

  /** The current field as an integer. */
  long integer() throws IOException {
    expect(VARINT, "an integer");
    return value;
  }

  /** The current field as bytes. */
  Slice bytes() throws IOException {
    expect(BYTES, "bytes");
    return new Slice(array, from, (int) value);
  }

  /** The current field as text. */
  String text() throws IOException {
    expect(BYTES, "text");
    return new String(array, from, (int) value, StandardCharsets.UTF_8);
  }

  /** The current field as a message. */
  ProtoMessage message() throws IOException {
    expect(BYTES, "a message");
    return new ProtoMessage(array, from, from + (int) value);
  }

  /** The current field as one of the integers of a list, which a writer may pack into one field. */
  long[] integers() throws IOException {
    if (type == VARINT) {
      return new long[] {value};
    }
    ProtoMessage packed = message();
    long[] integers = new long[packed.end - packed.at];
    int count = 0;
    while (packed.at < packed.end) {
      integers[count++] = packed.varint();
    }
    return Arrays.copyOf(integers, count);
  }

  private void expect(int wireType, String what) throws IOException {
    if (type != wireType) {
      throw malformed(at, "%s in field %d, got wire type %d".formatted(what, field, type));
    }
  }

  private void take(long count) throws IOException {
    if (count < 0 || count > end - at) {
      throw malformed(at, "%d bytes in field %d, got %d".formatted(count, field, end - at));
    }
    from = at;
    value = count;
    at += (int) count;
  }

  private long varint() throws IOException {
    int start = at;
    long result = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at == end) {
        throw malformed(start, "an integer, got the end of the message");
      }
      byte next = array[at++];
      result |= (next & 0x7fL) << shift;
      if (next >= 0) {
        return result;
      }
    }
    throw malformed(start, "an integer of at most 10 bytes, got a longer one");
  }

  private static IOException malformed(int offset, String expectation) {
    return new IOException("byte %d: expected %s".formatted(offset, expectation));
  }
}
