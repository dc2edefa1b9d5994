"""Scales of 4-bit rows by least squared error, where the largest weight of a row would make steps too wide for others.

What a scale costs is counted over a row's histogram and not over the row: 96 scales come to one matrix product. That
leaves a squared error up to 1 % above the least one in rows of 1,536, 2 % in rows of 128 (tests/export/weights/
test_scales.py); max / 7 is kept where it is as good, as for rows that are codes times a scale already. Costs 3 s of a
processor for 1e9 weights, 4 to 5 beside other programs (python -m tests.scale.weight_error).
"""

import numpy as np
import torch

BINS, CANDIDATES = 128, 96
SMALLEST_SHARE = 1 / 50
"""Of max / 7. Below, what is cut of a single large weight is more than all others gain, up to rows of 12,000."""
ROWS = 1024
"""Rows whose histograms are held at a time: 1 MB of counts."""
UNIT = 2.0**36
"""Costs are whole numbers of max² / UNIT: their sums are exact, so that every processor chooses the same scale."""


class ScaleSearch:
    """Chooses scales of rows with at most `capacity` elements in all; buffers are reused."""

    def __init__(self, capacity: int):
        self.work = torch.empty(capacity)
        self.indices = torch.empty(capacity, dtype=torch.int32)
        shares, costs = _cost_table()
        self.shares, self.costs = torch.from_numpy(shares.astype(np.float32)), torch.from_numpy(costs)

    def least_error(self, rows: torch.Tensor, largest: torch.Tensor) -> torch.Tensor:
        """float32[n] for float32[n, k], whose largest magnitudes are float32[n], none of them 0.

        Where the result rounds a row no better than largest / 7, it is that."""
        exact = largest / 7
        found = exact * self.shares[torch.cat([self._cheapest(*part) for part in _parts(rows, largest)])]
        return torch.where(self._error(rows, found) < self._error(rows, exact), found, exact)

    def _cheapest(self, rows: torch.Tensor, largest: torch.Tensor) -> torch.Tensor:
        """int64[n]: the candidate that costs least by the rows' histograms over the square root of |w| / max."""
        count = len(rows)
        work, indices = _view(self.work, rows), _view(self.indices, rows)
        torch.div(rows, largest[:, None], out=work)
        work.abs_().sqrt_().mul_(BINS).clamp_(max=BINS - 1)
        indices.copy_(work).add_(BINS * torch.arange(count, dtype=torch.int32)[:, None])
        counts = torch.bincount(indices.view(-1), minlength=BINS * count).view(count, BINS)
        return (counts.double() @ self.costs).argmin(1)

    def _error(self, rows: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
        """float32[n]: root of the squared error of each row. Taken in steps: squares of weights may not be floats."""
        steps, codes = _view(self.work, rows), _view(self.indices.view(torch.float32), rows)
        torch.div(rows, scales[:, None], out=steps)
        torch.round(steps, out=codes)
        steps.sub_(codes.clamp_(-8, 7))
        return torch.linalg.vector_norm(steps, dim=1) * scales


def _parts(rows: torch.Tensor, largest: torch.Tensor):
    return zip(rows.split(ROWS), largest.split(ROWS), strict=True)


def _view(buffer: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    return buffer[: rows.numel()].view(rows.shape)


def _cost_table() -> tuple[np.ndarray, np.ndarray]:
    """Candidates as shares of max / 7, and float64[BINS, CANDIDATES]: the mean squared error, in max² / UNIT, of a
    weight in a bin. A weight's sign is not counted: one side ends at code 7, the other at -8."""
    inside = 16
    shares = np.geomspace(1, SMALLEST_SHARE, CANDIDATES)
    values = ((np.arange(BINS * inside) + 0.5) / (BINS * inside)) ** 2
    steps = values[:, None] / (shares / 7)
    codes = np.round(steps)
    squares = [((steps - np.minimum(codes, last)) * shares / 7) ** 2 for last in (7, 8)]
    means = ((squares[0] + squares[1]) / 2).reshape(BINS, inside, CANDIDATES).mean(1)
    return shares, np.round(means * UNIT)
