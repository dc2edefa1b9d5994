"""Arithmetic on stored floats in torch, equal bit for bit to what PEFT computes. Imports nothing of ours.

torch is imported when the first function is called: who only opens a checkpoint does without it.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import torch


def lora_delta(down: "np.ndarray", up: "np.ndarray", scaling: float) -> "torch.Tensor":
    """float32[n, k]: `up` [n, r] times `down` [r, k], times `scaling`, as peft.tuners.lora.Linear.get_delta_weight.

    Never in blocks of rows: the last rows of a block take another kernel, whose sums differ in the last bit. The number
    of threads and the alignment make no difference."""
    import torch

    return torch.mm(torch.from_numpy(up), torch.from_numpy(down)).mul_(scaling)


def add(view: memoryview, dtype: str, delta: "torch.Tensor") -> None:
    """Adds in float32 to the floats in `view` and rounds to their own type, as `weight.data += delta` does."""
    values = _tensor(view, dtype)
    values += delta.reshape(-1)


def convert(source: memoryview, dtype: str, out: memoryview, out_dtype: str) -> None:
    """Fills `out` with the floats of `source`, rounded to `out_dtype`."""
    _tensor(out, out_dtype).copy_(_tensor(source, dtype))


def _tensor(view: memoryview, dtype: str) -> "torch.Tensor":
    import torch

    return torch.frombuffer(view, dtype={"BF16": torch.bfloat16, "F32": torch.float32, "F16": torch.float16}[dtype])
