"""Stands in for PyTorch."""

import sys
import types

from attention import Tensor, attention, normal

float16, bool = "float16", "bool"


def randn(*shape, dtype="float32", device=None):
    return normal(shape, dtype)


def ones(*shape, dtype="float32", device=None):
    return Tensor([1] * (shape[0] * shape[1]), shape, dtype)


def triu(tensor, diagonal=0):
    rows, columns = tensor.shape
    kept = [tensor.at(i, j) if j >= i + diagonal else 0 for i in range(rows) for j in range(columns)]
    return Tensor(kept, tensor.shape, tensor.dtype)


def scaled_dot_product_attention(query, key, value, is_causal=False, enable_gqa=False):
    scale = query.shape[3] ** -0.5
    return attention(query, key, value, lambda i, j: j <= i or not is_causal, scale)[0]


nn = types.ModuleType("torch.nn")
nn.functional = types.ModuleType("torch.nn.functional")
nn.functional.scaled_dot_product_attention = scaled_dot_product_attention
sys.modules["torch.nn"], sys.modules["torch.nn.functional"] = nn, nn.functional
__path__ = []
