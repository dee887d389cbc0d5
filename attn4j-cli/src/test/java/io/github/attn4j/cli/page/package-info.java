@NullMarked
package io.github.attn4j.cli.page;

import org.jspecify.annotations.NullMarked;
