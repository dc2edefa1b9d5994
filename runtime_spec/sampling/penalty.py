"""The repetition penalty: logits of tokens that were said lately, changed in place and put back."""

from collections.abc import Iterable, MutableSequence
from ctypes import c_float


def penalise(row: MutableSequence[float], tokens: Iterable[int], penalty: float) -> list[tuple[int, float]]:
    """Divides the logits above 0 of the distinct `tokens` by `penalty` and multiplies the others, rounded to float32.
    Tokens that have no logit are passed over. Returns what `restore` puts back."""
    before = [(token, float(row[token])) for token in set(tokens) if 0 <= token < len(row)]
    for token, logit in before:
        row[token] = c_float(logit / penalty if logit > 0 else logit * penalty).value
    return before


def restore(row: MutableSequence[float], before: Iterable[tuple[int, float]]) -> None:
    for token, logit in before:
        row[token] = logit
