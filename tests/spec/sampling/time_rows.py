"""What a row of logits costs in NumPy, with as many tokens as the demo has and as Gemma has:
`python -m tests.spec.sampling.time_rows`.

CPU time a row, the least and the median of many, drawn with what Gemma's makers recommend and from all tokens."""

import statistics
import time

import numpy as np

from runtime_spec.litert.rows import ArrayRows
from runtime_spec.sampling.parameters import Sampling

CHOICES = {"greedy": None, "top 64, 0.95": Sampling(1.0, 64, 0.95), "all, 0.95": Sampling(1.0, 0, 0.95)}


def rows_of(size: int, count: int) -> list[np.ndarray]:
    """Logits as models have them: few far above the rest, capped at 30."""
    draw = np.random.default_rng(1)
    logits = 2.5 * draw.standard_normal((count, size)) - 4
    logits += 5 * draw.standard_exponential((count, size)) * (draw.random((count, size)) < 0.0005)
    return list((30 * np.tanh(logits / 30)).astype(np.float32))


def row_seconds(rows: list[np.ndarray], sampling: Sampling | None, times: int) -> list[float]:
    array, seconds = ArrayRows(), []
    for i in range(times):
        row = rows[i % len(rows)]
        begin = time.thread_time()
        array.best(row, 0) if sampling is None else array.filtered(row, sampling, 0)
        seconds.append(time.thread_time() - begin)
    return seconds


if __name__ == "__main__":
    for size, times in ((4_096, 2_000), (262_144, 200)):
        rows = rows_of(size, 8)
        for name, sampling in CHOICES.items():
            took = row_seconds(rows, sampling, times if sampling is None or sampling.top_k else times // 4)
            least, middle = 1e6 * min(took), 1e6 * statistics.median(took)
            print(f"{size:>7} tokens, {name:<12}: {least:8.1f} us a row, median {middle:8.1f}")
