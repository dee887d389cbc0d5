@NullMarked
package io.github.attn4j.bench.measure;

import org.jspecify.annotations.NullMarked;
