"""Tensors and attention in plain Python, as much as the documentation's snippets touch: they run where no framework is."""

import math
import random
import struct

FORMATS = {"float32": "f", "float16": "e", "int32": "i", "int64": "q", "bool": "?"}


def rounded(value, dtype):
    if dtype == "bfloat16":
        bits = struct.unpack("<I", struct.pack("<f", value))[0]
        bits = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
        return struct.unpack("<f", struct.pack("<I", bits))[0]
    code = FORMATS[dtype]
    return struct.unpack("<" + code, struct.pack("<" + code, value))[0]


class Array:
    """What a framework's numpy() gives: bytes, dtype and shape."""

    def __init__(self, tensor):
        self.shape = tuple(tensor.shape)
        self.dtype = "uint16" if tensor.dtype == "bfloat16" else tensor.dtype
        if tensor.dtype == "bfloat16":
            bits = [struct.unpack("<I", struct.pack("<f", v))[0] >> 16 for v in tensor.values]
            self.raw = struct.pack("<%dH" % len(bits), *bits)
        else:
            self.raw = struct.pack("<%d%s" % (len(tensor.values), FORMATS[self.dtype]), *tensor.values)

    def tobytes(self):
        return self.raw


class Tensor:
    """Row-major numbers with a shape, and the gradient that a backward left."""

    def __init__(self, values, shape, dtype="float32"):
        self.values = [rounded(v, dtype) for v in values]
        self.shape = list(shape)
        self.dtype = dtype
        self.grad = None
        self.stop_gradient = True
        self.back = None

    def at(self, *index):
        place = 0
        for extent, n in zip(self.shape, index):
            place = place * extent + n
        return self.values[place]

    def numpy(self):
        return Array(self)

    asnumpy = numpy

    def detach(self):
        return self

    def cpu(self):
        return self

    def astype(self, dtype):
        return Tensor(self.values, self.shape, dtype)

    def requires_grad_(self):
        return self

    def backward(self, gradient):
        self.back(gradient)


def normal(shape, dtype="float32"):
    return Tensor([random.gauss(0, 1) for _ in range(math.prod(shape))], shape, dtype)


def attention(query, key, value, visible, scale, heads_first=True):
    """softmax(scale * q.k) . v where visible(i, j); out, row maximum and row sum; the backward hangs on out."""
    batch, heads, rows = (query.shape[d] for d in ((0, 1, 2) if heads_first else (0, 2, 1)))
    group = heads // key.shape[1 if heads_first else 2]
    keys = key.shape[2 if heads_first else 1]

    def vector(tensor, b, h, i):
        index = (b, h, i) if heads_first else (b, i, h)
        return [tensor.at(*index, c) for c in range(tensor.shape[3])]

    probabilities, maxima, sums, results = {}, [], [], {}
    for b in range(batch):
        for h in range(heads):
            for i in range(rows):
                q = vector(query, b, h, i)
                scores = {
                    j: scale * sum(x * y for x, y in zip(q, vector(key, b, h // group, j)))
                    for j in range(keys)
                    if visible(i, j)
                }
                most = max(scores.values(), default=-math.inf)
                weights = {j: math.exp(s - most) for j, s in scores.items()}
                total = sum(weights.values())
                row = {j: w / total for j, w in weights.items()}
                out = [0.0] * value.shape[3]
                for j, p in row.items():
                    out = [o + p * x for o, x in zip(out, vector(value, b, h // group, j))]
                probabilities[b, h, i] = row
                results[b, h, i] = out
                maxima.append(most)
                sums.append(total)

    def collect(rows_of, like, count):
        shape = like.shape[:3] + [count]
        order = [
            (b, h, i) if heads_first else (b, i, h)
            for b in range(shape[0])
            for h in range(shape[1])
            for i in range(shape[2])
        ]
        return Tensor([x for at in order for x in rows_of[at]], shape, like.dtype)

    out = collect(results, query, value.shape[3])

    def back(dout):
        zeros = lambda tensor: {
            (b, h, i): [0.0] * tensor.shape[3]
            for b in range(batch)
            for h in range(tensor.shape[1 if heads_first else 2])
            for i in range(tensor.shape[2 if heads_first else 1])
        }
        dquery, dkey, dvalue = zeros(query), zeros(key), zeros(value)
        add = lambda rows_of, at, factor, x: rows_of.update({at: [r + factor * y for r, y in zip(rows_of[at], x)]})
        for (b, h, i), row in probabilities.items():
            g = vector(dout, b, h, i)
            q = vector(query, b, h, i)
            delta = sum(x * y for x, y in zip(g, results[b, h, i]))
            for j, p in row.items():
                kv = (b, h // group, j)
                dp = sum(x * y for x, y in zip(g, vector(value, *kv)))
                add(dvalue, kv, p, g)
                add(dquery, (b, h, i), scale * p * (dp - delta), vector(key, *kv))
                add(dkey, kv, scale * p * (dp - delta), q)
        query.grad = collect(dquery, query, query.shape[3])
        key.grad = collect(dkey, key, key.shape[3])
        value.grad = collect(dvalue, value, value.shape[3])

    out.back = back
    return out, maxima, sums
