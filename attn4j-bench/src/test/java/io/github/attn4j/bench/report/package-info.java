@NullMarked
package io.github.attn4j.bench.report;

import org.jspecify.annotations.NullMarked;
