package io.github.attn4j.cli.capture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.github.attn4j.DType;
import io.github.attn4j.RefusedException;
import io.github.attn4j.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a sound file may still get wrong as a call. */
class CaptureTest {
  private static final String OP = "paddle.flashmask_attention";

  @TempDir Path folder;

  private static Map<String, Tensor> tensors() {
    Map<String, Tensor> tensors = new HashMap<>();
    for (String name : new String[] {"query", "key", "value"}) {
      tensors.put(name, Tensor.zeros(DType.FLOAT32, 1, 4, 1, 8));
    }
    return tensors;
  }

  private RefusedException refusal(Map<String, String> metadata, Map<String, Tensor> tensors)
      throws IOException {
    Path file = folder.resolve("call.safetensors");
    SafetensorsWriter.write(file, metadata, tensors);
    return catchThrowableOfType(
        RefusedException.class,
        () -> {
          try (Capture capture = Capture.open(file)) {
            CaptureOperator.named(capture.op())
                .prepare(capture, new CaptureOperator.Options(null, 1))
                .forward();
          }
        });
  }

  private RefusedException refusal(String attrs) throws IOException {
    return refusal(Map.of("op", OP, "attrs", attrs), tensors());
  }

  @Test
  void aFileWithoutOpOrAttrsIsNoCapture() throws IOException {
    assertThat(refusal(Map.of("attrs", "{}"), tensors()).argument()).isEqualTo("op");
    assertThat(refusal(Map.of("op", OP), tensors()).argument()).isEqualTo("attrs");
    assertThat(refusal(Map.of(), tensors()).argument()).isEqualTo("op");
  }

  @Test
  void anUnknownOpIsRefusedWithTheKnownOnes() throws IOException {
    RefusedException refusal = refusal(Map.of("op", "torch.relu", "attrs", "{}"), tensors());
    assertThat(refusal.argument()).isEqualTo("op");
    assertThat(refusal).hasMessageContaining(OP).hasMessageContaining("torch.relu");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "[]",
        "1",
        "{\"causal\":true",
        "{\"causal\":true}x",
        "{\"causal\":true,\"causal\":true}",
        "{\"softmax_scale\":NaN}",
        "{\"a\":[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]}"
      })
  void attrsThatAreNoSoundObjectAreRefused(String attrs) throws IOException {
    assertThat(refusal(attrs).argument()).isEqualTo("attrs");
  }

  @Test
  void anIntegerBeyondLongIsAnIntegerOutOfRange() throws IOException {
    RefusedException refusal = refusal("{\"window_size\":99999999999999999999}");
    assertThat(refusal.argument()).isEqualTo("window_size");
    assertThat(refusal).hasMessageContaining("32 bits");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "causal            | 1",
        "causal            | \"true\"",
        "dropout           | \"0.5\"",
        "dropout           | true",
        "window_size       | 1.5",
        "window_size       | \"3\"",
        "window_size       | [1, \"2\"]",
        "return_softmax_lse| 0",
        "return_seed_offset| []",
        "rng_name          | 3",
        "training          | \"yes\"",
        "name              | 1",
        "softmax_scale     | [1]"
      })
  void aWrongTypeIsATypeErrorOfThatArgument(String name, String value) throws IOException {
    RefusedException refusal = refusal("{\"%s\": %s}".formatted(name, value));
    assertThat(refusal.argument()).isEqualTo(name);
    assertThat(refusal.kind()).isEqualTo(RefusedException.Kind.TYPE_ERROR);
  }

  @Test
  void aMisspeltArgumentIsNotPassedOver() throws IOException {
    RefusedException refusal = refusal("{\"casual\": true}");
    assertThat(refusal.argument()).isEqualTo("attrs");
    assertThat(refusal).hasMessageContaining("casual").hasMessageContaining("causal");
  }

  @Test
  void aTensorThatIsNoArgumentIsNotPassedOver() throws IOException {
    Map<String, Tensor> tensors = tensors();
    tensors.put("startend_row_indexes", Tensor.zeros(DType.INT32, 1, 1, 4, 1));
    assertThat(refusal(Map.of("op", OP, "attrs", "{}"), tensors).argument())
        .isEqualTo("startend_row_indexes");
  }

  @Test
  void aTensorThatIsMissingIsNamed() throws IOException {
    Map<String, Tensor> tensors = tensors();
    tensors.remove("value");
    assertThat(refusal(Map.of("op", OP, "attrs", "{}"), tensors).argument()).isEqualTo("value");
  }

  @Test
  void aWindowHasOneOrTwoNumbers() throws IOException {
    assertThat(refusal("{\"window_size\": [1, 2, 3]}").argument()).isEqualTo("window_size");
    assertThat(refusal("{\"window_size\": [1, 4294967296]}").argument()).isEqualTo("window_size");
    assertThat(refusal("{\"window_size\": [1, 2]}")).isNull();
    assertThat(refusal("{\"window_size\": 2}")).isNull();
  }

  @Test
  void nullIsTheDefault() throws IOException {
    assertThat(
            refusal(
                "{\"window_size\": null, \"softmax_scale\": null, "
                    + "\"name\": null, \"causal\": null}"))
        .isNull();
  }
}
