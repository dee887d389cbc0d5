"""Stands in for torch_npu."""

from attention import Tensor, attention


def npu_fusion_attention(query, key, value, head_num, input_layout, atten_mask=None, scale=1.0):
    assert input_layout == "BNSD" and head_num == query.shape[1]
    visible = lambda i, j: not atten_mask.at(i, j)
    out, most, total = attention(query, key, value, visible, scale)
    stats = lambda numbers: Tensor([n for n in numbers for _ in range(8)], query.shape[:3] + [8])
    return out, stats(most), stats(total), None, 0, 0, 0
