"""Rows of a checkpoint to stored bytes, equal bit for bit to ai-edge-quantizer's.

int8: scale = max|row| / 127. int4: max / 7, per row or per block of columns, or for a row what rounds it best
(scales.py: codes are the quantizer's at that scale); block scales pass through bf16 to fp16. A block whose scale fp16
takes for zero gets the smallest one there is: the quantizer divides by zero there, and XNNPACK refuses such a scale.
Codes are divided (not multiplied by a reciprocal), then rounded to even. Work buffers are reused: fresh
8 MB chunks raised resident memory to 8.5 GB at E2B's size.
"""

import torch

from export.choices.recipe import LEAST_ERROR, Storage
from export.weights.scales import ScaleSearch

FLOOR = 1e-9
"""ai-edge-quantizer's smallest max|w|, so that a row of zeros has a scale."""
SMALLEST = 2.0**-24
"""The smallest block scale that fp16 holds."""
CHUNK_BYTES = 2 << 20


class Quantizer:
    """Quantises blocks of at most `capacity` elements into reused buffers: a result is valid until the next call."""

    def __init__(self, capacity: int):
        self.values = torch.empty(capacity)
        self.codes = torch.empty(capacity, dtype=torch.int8)
        self.packed = torch.empty(capacity // 2, dtype=torch.uint8)
        self.low, self.high = torch.empty(capacity), torch.empty(capacity)
        self.search: ScaleSearch | None = None

    def load(self, rows: torch.Tensor) -> torch.Tensor:
        """Rows [n, k] of any float type as float32[n, k], in a buffer that `stored` works in."""
        return self.values[: rows.numel()].view(rows.shape).copy_(rows)

    def store(self, rows: torch.Tensor, storage: Storage, scales: torch.Tensor | None) -> torch.Tensor:
        """What `stored` makes of rows [n, k] of any float type."""
        return self.stored(self.load(rows), storage, scales)

    def stored(self, values: torch.Tensor, storage: Storage, scales: torch.Tensor | None) -> torch.Tensor:
        """What `load` returned to bytes; int8[n, k], uint8[n, k / 2] (low nibble first) or float[n, k].

        `scales` receives float32[n], or float16[n * k / block].
        Raises OverflowError for a block whose scale fp16 can't hold, as of weights near half a million."""
        count, width = values.shape
        if storage.bits == 32:
            return values
        groups = values.view(-1, storage.block) if storage.block else values
        low, high = self.low[: len(groups)], self.high[: len(groups)]
        torch.amin(groups, 1, out=low)
        torch.amax(groups, 1, out=high)
        torch.maximum(low.neg_(), high, out=high)
        high.clamp_min_(FLOOR)
        if storage.scales == LEAST_ERROR:
            high.copy_(self._search().least_error(groups, high))
        else:
            high.div_(127 if storage.bits == 8 else 7)
        if storage.block:
            high = self._block_scales(high, scales)
        else:
            scales.copy_(high)
        groups.div_(high[:, None]).round_()
        if storage.bits == 4:
            # Least error cuts the largest weights; block scales of a few bits (subnormals) may be a third too small.
            groups.clamp_(-8, 7)
        codes = self.codes[: count * width].view(count, width)
        codes.copy_(values)
        return codes if storage.bits == 8 else self._pack(codes)

    def _search(self) -> ScaleSearch:
        if self.search is None:
            self.search = ScaleSearch(self.values.numel())
        return self.search

    def _block_scales(self, exact: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
        """Fills `scales` (float16); as float32, which codes are divided by."""
        scales.copy_(exact.to(torch.bfloat16)).clamp_min_(SMALLEST)
        if scales.isinf().any():
            raise OverflowError(f"a weight of {7 * exact.max():g}, more than 7 times the largest float16")
        return scales.float()

    def _pack(self, codes: torch.Tensor) -> torch.Tensor:
        """Two codes to a byte: each pair is one little-endian int16."""
        packed = self.packed[: codes.numel() // 2].view(codes.shape[0], -1)
        pairs = codes.view(torch.uint8).view(torch.int16)
        low = pairs & 15
        packed.copy_(low.bitwise_or_((pairs >> 4) & 0xF0))
        return packed


def row_chunks(rows: int, width: int) -> list[tuple[int, int]]:
    """Row ranges of about CHUNK_BYTES of float each."""
    step = max(1, CHUNK_BYTES // (4 * width))
    return [(begin, min(begin + step, rows)) for begin in range(0, rows, step)]
