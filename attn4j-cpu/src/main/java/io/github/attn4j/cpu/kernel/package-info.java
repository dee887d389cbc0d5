/**
 * The kernels. A forward call goes {@code CpuAttention} (waves of heads, tasks) → packs ({@code
 * KeyTile}) → {@code ForwardKernel} per query tile → {@code RowFinisher}; the backward likewise per
 * key tile. These say what happens to which tile; the work on a tile is behind one interface,
 * {@code TileKernels}, and only what is behind it knows vectors: {@code VectorKernels}, with {@code
 * MicroKernel}, {@code Packer} and the elementwise passes. Tiles are {@code Floats}, so that the
 * kernels choose where they live.
 *
 * <p>The one idea behind the layout: lanes are queries. A tile of scores lies transposed, {@code
 * st[key][query]}, so that a row's maximum, sum and rescaling are lane-wise, a key's mask is two
 * integers compared with a vector of row numbers, and a query's arithmetic is the same whatever
 * stands in the lanes beside it: that is why results do not depend on tiles, threads or batch
 * neighbours, and why the few rows of a decode may share a tile with those of other heads ({@code
 * QueryTile}). Such a tile is the only reader of its keys: it packs them as it goes, and several
 * threads take parts of them ({@code KeySplits}, {@code Joins}).
 */
@NullMarked
package io.github.attn4j.cpu.kernel;

import org.jspecify.annotations.NullMarked;
