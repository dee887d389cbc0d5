/**
 * What every backend is tested with. A backend's test class extends {@link
 * io.github.attn4j.testkit.BackendContract} and names itself; a failing random case prints its
 * seed, and {@code -Dattn4j.seed=} runs that one again.
 */
@NullMarked
package io.github.attn4j.testkit;

import org.jspecify.annotations.NullMarked;
