/** JMH benchmarks of attn4j, and the command that measures it beside its peers. */
@NullMarked
package io.github.attn4j.bench;

import org.jspecify.annotations.NullMarked;
