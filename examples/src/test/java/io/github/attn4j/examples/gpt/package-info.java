@NullMarked
package io.github.attn4j.examples.gpt;

import org.jspecify.annotations.NullMarked;
