/**
 * The sentence encoder all-MiniLM-L6-v2, read from its Maven artifact and run on attn4j, with texts
 * packed into one row by a document mask; and the same model in ONNX Runtime beside it.
 */
@NullMarked
package io.github.attn4j.examples.minilm;

import org.jspecify.annotations.NullMarked;
