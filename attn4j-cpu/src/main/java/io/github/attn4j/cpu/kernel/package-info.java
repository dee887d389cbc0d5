/**
 * The kernels. A forward call goes {@code CpuAttention} (waves of heads, tasks) → packers ({@code
 * HeadPack}) → {@code ForwardKernel} per query tile → {@code MicroKernel} and the elementwise
 * passes; the backward likewise per key tile.
 *
 * <p>The one idea behind the layout: lanes are queries. A tile of scores lies transposed, {@code
 * st[key][query]}, so that a row's maximum, sum and rescaling are lane-wise, a key's mask is two
 * integers compared with a vector of row numbers, and a query's arithmetic is the same whatever
 * stands in the lanes beside it: that is why results do not depend on tiles, threads, batch
 * neighbours or the vector width.
 */
@NullMarked
package io.github.attn4j.cpu.kernel;

import org.jspecify.annotations.NullMarked;
