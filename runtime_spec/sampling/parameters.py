"""What a caller chooses for a turn: how tokens are drawn, and how drafts are."""

from dataclasses import dataclass, fields
from math import isfinite

from runtime_spec.errors import UsageError

DRAWN, GREEDY_DRAFTS = "drawn", "greedy"
MOST_COUNT, MOST_SEED = 2**31 - 1, 2**63 - 1
_COUNT = f"a whole number from 0 to {MOST_COUNT}"
_RULES = {
    "temperature": ("a number of at least 0", float, lambda value: value >= 0),
    "top_k": (_COUNT, int, lambda value: 0 <= value <= MOST_COUNT),
    "top_p": ("a number above 0, at most 1", float, lambda value: 0 < value <= 1),
    "min_p": ("a number of at least 0, below 1", float, lambda value: 0 <= value < 1),
    "repetition_penalty": ("a number above 0", float, lambda value: value > 0),
    "repetition_window": (_COUNT, int, lambda value: 0 <= value <= MOST_COUNT),
    "seed": (f"a whole number from 0 to {MOST_SEED}", int, lambda value: 0 <= value <= MOST_SEED),
    "drafts": (f"{DRAWN} or {GREEDY_DRAFTS}", str, lambda value: value in (DRAWN, GREEDY_DRAFTS)),
}


@dataclass(frozen=True, slots=True)
class Sampling:
    """The parameters of DECODE.md, *Sampling*; as they are here, everything is off and the choice is greedy.

    `temperature` divides the logits, `top_k` (0: all), `top_p` and `min_p` say which tokens stay, `repetition_penalty`
    lowers those among the last `repetition_window` tokens, `seed` fixes all random numbers, `drafts` says how the
    drafter chooses its own. Whole numbers do for the others, too. Raises UsageError naming the first that is not
    allowed.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    repetition_window: int = 0
    seed: int = 0
    drafts: str = DRAWN

    def __post_init__(self):
        for field in fields(self):
            object.__setattr__(self, field.name, _checked(field.name, getattr(self, field.name)))

    @property
    def has_penalty(self) -> bool:
        return self.repetition_penalty != 1 and self.repetition_window != 0

    @property
    def is_greedy(self) -> bool:
        """The target says the greedy choice over the model's own logits."""
        return self.temperature == 0 and not self.has_penalty

    @property
    def draws_drafts(self) -> bool:
        return self.temperature != 0 and self.drafts == DRAWN


def _checked(name: str, value: object) -> float | int | str:
    (allowed, kind, holds), found = _RULES[name], repr(value)[:60]
    is_right = isinstance(value, (float, int) if kind is float else kind) and not isinstance(value, bool)
    if is_right and kind is float:
        try:
            value = float(value)
        except OverflowError:
            is_right = False
        else:
            is_right = isfinite(value)
    if not is_right or not holds(value):
        raise UsageError(
            f"{name} is not allowed",
            expected=allowed,
            found=found,
            where=f"sampling, {name}",
            action=f"Choose {name} as expected, or leave it out.",
        )
    return value


GREEDY = Sampling()
