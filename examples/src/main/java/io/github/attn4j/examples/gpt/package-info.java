/**
 * A small GPT over bytes, trained here from scratch: packed documents, attention forward and
 * backward by one plan per batch, then text out of the paged key/value cache.
 */
@NullMarked
package io.github.attn4j.examples.gpt;

import org.jspecify.annotations.NullMarked;
