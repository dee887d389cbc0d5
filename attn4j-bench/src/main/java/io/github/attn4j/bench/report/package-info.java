/** Turns measurements into the tables and charts of docs/performance.md. */
@NullMarked
package io.github.attn4j.bench.report;

import org.jspecify.annotations.NullMarked;
