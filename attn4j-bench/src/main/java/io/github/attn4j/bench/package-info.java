/** JMH benchmarks of attn4j. */
@NullMarked
package io.github.attn4j.bench;

import org.jspecify.annotations.NullMarked;
