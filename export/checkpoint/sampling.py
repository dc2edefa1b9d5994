"""How a checkpoint's makers sample from it: generation_config.json, with the meaning that Transformers gives it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from export.checkpoint.files import is_there, printable, read_json
from export.errors import CheckpointError


@dataclass(frozen=True)
class Sampling:
    """What the file does not say is Transformers' own. A top_k of 0 keeps all; the penalty is of all that was said."""

    temperature: float = 1.0
    top_k: int = 50
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0


@dataclass(frozen=True)
class _Kind:
    expected: str
    fits: Callable[[float], bool]
    whole: bool = False


MOST = 1_000_000
KINDS = {
    "temperature": _Kind("a number above 0", lambda value: 0 < value <= MOST),
    "top_k": _Kind("a whole number, 0 for all", lambda value: 0 <= value <= MOST, whole=True),
    "top_p": _Kind("a number above 0, at most 1", lambda value: 0 < value <= 1),
    "min_p": _Kind("a number from 0, below 1", lambda value: 0 <= value < 1),
    "repetition_penalty": _Kind("a number above 0", lambda value: 0 < value <= MOST),
}


def read_sampling(folder: Path) -> Sampling | None:
    """None where the file is not there, says nothing of it or asks for greedy decoding. Raises CheckpointError."""
    path = folder / "generation_config.json"
    values = read_json(path) if is_there(path) else {}
    found = {name: values[name] for name in KINDS if values.get(name) is not None}
    if not found or values.get("do_sample") is not True:
        return None
    for name, value in found.items():
        kind = KINDS[name]
        is_number = type(value) is int or (type(value) is float and not kind.whole and math.isfinite(value))
        if not is_number or not kind.fits(value):
            raise CheckpointError(
                f"{name} is not valid",
                expected=kind.expected,
                found=f"{name} = {value!r}"[:300],
                where=printable(path),
                action="Copy generation_config.json of the same model into the folder.",
            )
    return Sampling(**{name: value if KINDS[name].whole else float(value) for name, value in found.items()})
