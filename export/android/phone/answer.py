"""What the app's self-check wrote, read strictly: runtime_spec/TRACES.md describes it."""

import json
from dataclasses import dataclass, fields

from export.errors import PhoneError

FORMAT = "slipstream-self-check"
VERSION = 1


@dataclass(frozen=True)
class Answer:
    """`traces` are JSON Lines texts by name, of what the phone computed while it replayed the bundle's own."""

    bundle_sha256: str
    device: dict
    passed: bool
    first_difference: str | None
    rounds: dict
    target_forks: int
    draft_forks: int
    bench: dict | None
    thermal_status: object
    traces: dict

    @classmethod
    def from_json(cls, text: str, where: str) -> "Answer":
        """Raises PhoneError naming the field that is wrong."""
        try:
            values = json.loads(text)
        except ValueError as error:
            raise _error("one JSON object", str(error), where) from None
        if not isinstance(values, dict) or values.get("format") != FORMAT or values.get("version") != VERSION:
            found = values.get("version") if isinstance(values, dict) else type(values).__name__
            raise _error(f"format {FORMAT}, version {VERSION}", f"version {found}", where)
        for field, holds in _CHECKS.items():
            if field not in values or not holds(values[field]):
                raise _error(f"a valid {field}", repr(values.get(field, "no such field"))[:80], where)
        return cls(**{field.name: values.get(field.name) for field in fields(cls)})


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


_CHECKS = {
    "bundle_sha256": lambda value: isinstance(value, str),
    "device": lambda value: isinstance(value, dict),
    "passed": lambda value: isinstance(value, bool),
    "first_difference": lambda value: value is None or isinstance(value, str),
    "rounds": lambda value: isinstance(value, dict) and all(map(_is_count, value.values())),
    "target_forks": _is_count,
    "draft_forks": _is_count,
    "bench": lambda value: value is None or isinstance(value, dict),
    "traces": lambda value: isinstance(value, dict) and all(isinstance(text, str) for text in value.values()),
}


def _error(expected: str, found: str, where: str) -> PhoneError:
    return PhoneError(
        "The self-check's answer can't be read",
        expected=expected,
        found=found,
        where=where,
        action="Install the app that belongs to this version: python -m export install",
    )
