/**
 * The CPU backend, found as a service under the name {@code cpu}, and the machine's measured peak.
 */
@NullMarked
package io.github.attn4j.cpu;

import org.jspecify.annotations.NullMarked;
