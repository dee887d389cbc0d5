package io.github.attn4j.cli.capture;

import io.github.attn4j.RefusedException;
import io.github.attn4j.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One operator call as a file holds it. Its tensors are views of the mapped file and live until
 * {@link #close}.
 *
 * @param op which operator
 * @param attributes the arguments that are no tensors
 * @param tensors the arguments that are
 * @param dout gradient of the first result, or null for no backward
 * @param expected what the results should be, by their names
 * @param file where all of it lies
 */
public record Capture(
    String op,
    Attributes attributes,
    Map<String, Tensor> tensors,
    @Nullable Tensor dout,
    Map<String, Tensor> expected,
    SafetensorsFile file)
    implements AutoCloseable {
  static final String EXPECTED = "expected.";

  /**
   * Opens a capture.
   *
   * @param path where it lies
   * @return the call
   * @throws RefusedException naming {@code header}, {@code op}, {@code attrs} or a tensor
   */
  public static Capture open(Path path) {
    SafetensorsFile file = SafetensorsFile.open(path);
    try {
      return of(file);
    } catch (RuntimeException e) {
      file.close();
      throw e;
    }
  }

  private static Capture of(SafetensorsFile file) {
    String op = metadata(file, "op");
    Attributes attributes;
    try {
      attributes = new Attributes(op, Json.object(metadata(file, "attrs")));
    } catch (IOException e) {
      throw RefusedException.value("attrs", "expected a JSON object, got: " + Json.problem(e));
    }
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    Map<String, Tensor> expected = new LinkedHashMap<>();
    file.tensors()
        .forEach((name, tensor) -> {
          if (name.startsWith(EXPECTED)) {
            expected.put(name.substring(EXPECTED.length()), tensor);
          } else {
            tensors.put(name, tensor);
          }
        });
    Tensor dout = tensors.remove("dout");
    return new Capture(op, attributes, tensors, dout, expected, file);
  }

  private static String metadata(SafetensorsFile file, String key) {
    String value = file.metadata().get(key);
    if (value == null) {
      throw RefusedException.value(key, "expected a string in the header's __metadata__, got none");
    }
    return value;
  }

  /**
   * A tensor the call must have.
   *
   * @param name its name
   * @return the tensor
   * @throws RefusedException if it is not there
   */
  public Tensor tensor(String name) {
    Tensor tensor = tensors.get(name);
    if (tensor == null) {
      throw RefusedException.type(name, "expected a tensor, got none");
    }
    return tensor;
  }

  /**
   * A tensor the call may have.
   *
   * @param name its name
   * @return the tensor, or null
   */
  public @Nullable Tensor optional(String name) {
    return tensors.get(name);
  }

  /**
   * Refuses tensors under other names: a misspelt argument must not be passed over.
   *
   * @param names those the operator has
   * @throws RefusedException naming the first that is not among them
   */
  public void expectTensors(String... names) {
    List<String> known = List.of(names);
    for (String name : tensors.keySet()) {
      if (!known.contains(name)) {
        throw RefusedException.type(name, "expected one of the tensors " + known);
      }
    }
  }

  @Override
  public void close() {
    file.close();
  }
}
