package io.github.attn4j.bench.peer;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * A TorchScript file of one module with one method: a zip with the method's source and a pickle of
 * the module, which has no parameters.
 */
final class TorchScriptArchive {
  /** float32 and bfloat16 as a {@code c10::ScalarType}. */
  static final int FLOAT = 6;

  static final int BFLOAT16 = 15;

  private static final String MODULE = "Attention";
  private static final String FORMAT_VERSION = "3\n";

  /** Protocol 2, the empty tuple, end. */
  private static final byte[] NO_CONSTANTS = {(byte) 0x80, 2, ')', '.'};

  private TorchScriptArchive() {}

  /** A module that computes attention of a query, a key and a value. */
  static byte[] forward(boolean causal, boolean grouped) {
    return of(
        "query: Tensor, key: Tensor, value: Tensor) -> Tensor",
        "torch.scaled_dot_product_attention(query, key, value, None, 0., %s, scale=None,"
                .formatted(python(causal))
            + " enable_gqa=%s)".formatted(python(grouped)));
  }

  /** A module that computes the gradients of query, key and value from an output and its own. */
  static byte[] backward() {
    return of(
        "out: Tensor, query: Tensor, key: Tensor, value: Tensor, dout: Tensor)"
            + " -> List[Optional[Tensor]]",
        "torch.autograd.grad([out], [query, key, value],"
            + " annotate(Optional[List[Optional[Tensor]]], [dout]), True, False, False)");
  }

  /** A module that converts one tensor to a {@code c10::ScalarType}. */
  static byte[] conversion(int scalarType) {
    return of("value: Tensor) -> Tensor", "torch.to(value, %d)".formatted(scalarType));
  }

  private static String python(boolean value) {
    return value ? "True" : "False";
  }

  private static byte[] of(String signature, String expression) {
    String code =
        """
        class %1$s(Module):
          __parameters__ = []
          __buffers__ = []
          training : bool
          def forward(self: __torch__.%1$s,
            %2$s:
            return %3$s
        """
            .formatted(MODULE, signature, expression);
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
      entry(zip, "data.pkl", pickle());
      entry(zip, "code/__torch__.py", code.getBytes(StandardCharsets.US_ASCII));
      entry(zip, "constants.pkl", NO_CONSTANTS);
      entry(zip, "version", FORMAT_VERSION.getBytes(StandardCharsets.US_ASCII));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  /** An object of the module's class with its one attribute, {@code training = False}. */
  private static byte[] pickle() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    // PROTO 2; GLOBAL module name; EMPTY_TUPLE NEWOBJ; EMPTY_DICT MARK.
    out.write(0x80);
    out.write(2);
    out.writeBytes(
        "c__torch__\n%s\n)\u0081}(".formatted(MODULE).getBytes(StandardCharsets.ISO_8859_1));
    // BINUNICODE with a length of four bytes; NEWFALSE; SETITEMS; BUILD; STOP.
    String attribute = "training";
    out.writeBytes(new byte[] {'X', (byte) attribute.length(), 0, 0, 0});
    out.writeBytes(attribute.getBytes(StandardCharsets.US_ASCII));
    out.writeBytes(new byte[] {(byte) 0x89, 'u', 'b', '.'});
    return out.toByteArray();
  }

  /** libtorch maps files into memory, so they are stored, not deflated. */
  private static void entry(ZipOutputStream zip, String name, byte[] bytes) throws IOException {
    CRC32 crc = new CRC32();
    crc.update(bytes);
    ZipEntry entry = new ZipEntry("attention/" + name);
    entry.setMethod(ZipEntry.STORED);
    entry.setSize(bytes.length);
    entry.setCrc(crc.getValue());
    zip.putNextEntry(entry);
    zip.write(bytes);
    zip.closeEntry();
  }
}
