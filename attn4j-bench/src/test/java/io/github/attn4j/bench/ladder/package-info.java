@NullMarked
package io.github.attn4j.bench.ladder;

import org.jspecify.annotations.NullMarked;
