"""How a checkpoint's makers sample from it: generation_config.json."""

import math
from dataclasses import dataclass
from pathlib import Path

from export.checkpoint.files import is_there, printable, read_json
from export.errors import CheckpointError


@dataclass(frozen=True)
class Sampling:
    """Top-p over the `top_k` largest. What the file does not say is Transformers' own."""

    temperature: float = 1.0
    top_k: int = 50
    top_p: float = 1.0


def read_sampling(folder: Path) -> Sampling | None:
    """None where the file is not there, says nothing of it or asks for greedy decoding. Raises CheckpointError."""
    path = folder / "generation_config.json"
    values = read_json(path) if is_there(path) else {}
    names = ("temperature", "top_k", "top_p")
    found = {name: values[name] for name in names if values.get(name) is not None}
    if not found or values.get("do_sample") is not True:
        return None
    for name, value in found.items():
        whole = name == "top_k"
        is_number = type(value) is int or (type(value) is float and not whole and math.isfinite(value))
        if not is_number or value <= 0 or (name == "top_p" and value > 1) or value > 1_000_000:
            raise CheckpointError(
                f"{name} is not valid",
                expected="a whole number above 0" if whole else "a number above 0" + (name == "top_p") * ", at most 1",
                found=f"{name} = {value!r}"[:300],
                where=printable(path),
                action="Copy generation_config.json of the same model into the folder.",
            )
    return Sampling(**{name: value if name == "top_k" else float(value) for name, value in found.items()})
