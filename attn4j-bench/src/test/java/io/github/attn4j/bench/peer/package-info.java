@NullMarked
package io.github.attn4j.bench.peer;

import org.jspecify.annotations.NullMarked;
