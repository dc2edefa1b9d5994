"""Checks of the manifest's values, and its JSON as typed dataclasses. Errors are BundleErrors that name the key."""

import math
import re
import types
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints

from runtime_spec.errors import BundleError

INT32_MAX, INT63_MAX = 2**31 - 1, 2**63 - 1


def optional(expected: str) -> dict[str, str]:
    """Metadata of a dataclass's field whose key may be missing; its default, None or (), holds then, and is refused
    where the key is there, so that each manifest has one spelling. `expected` is for that message."""
    return {"optional": expected}


def manifest_error(key: str, expected: str, found: object) -> BundleError:
    text = repr(found)
    return BundleError(
        "Manifest is not valid",
        expected=expected,
        found=text if len(text) <= 120 else text[:117] + "...",
        where=f"manifest key {key}",
        action="Export the bundle again.",
    )


def check(condition: bool, key: str, expected: str, found: object) -> None:
    if not condition:
        raise manifest_error(key, expected, found)


def check_int(key: str, value: int, low: int, high: int = INT32_MAX) -> None:
    check(low <= value <= high, key, f"an integer from {low} to {high}", value)


def check_ascending(key: str, values: Sequence[int], low: int) -> None:
    for value in values:
        check_int(key, value, low)
    check(list(values) == sorted(set(values)), key, "ascending numbers, each once", list(values))


def check_hex(key: str, value: str, length: int) -> None:
    check(bool(re.fullmatch(f"[0-9a-f]{{{length}}}", value)), key, f"{length} lower-case hex digits", value)


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key occurs twice in one object")
    return result


def decode(kind: Any, value: Any, key: str) -> Any:
    """JSON value → instance of the annotated type `kind`; lists become tuples."""
    if kind is Any:
        _check_plain(value, key, depth=16)
        return value
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return None if value is None else decode(arguments[0], value, key)
    if origin is tuple:
        check(isinstance(value, list), key, "a list", value)
        kinds = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else arguments
        check(len(value) == len(kinds), key, f"{len(kinds)} values", value)
        return tuple(decode(k, v, f"{key}[{i}]") for i, (k, v) in enumerate(zip(kinds, value, strict=True)))
    if origin is dict:
        check(isinstance(value, dict), key, "an object", value)
        check(not any(map(_has_surrogate, value)), key, "Unicode names", "others")
        return {name: decode(arguments[1], item, f"{key}.{name}") for name, item in value.items()}
    if is_dataclass(kind):
        return decode_object(kind, value, key)
    if kind is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        check(number and abs(value) < 1e300 and math.isfinite(value), key, "a finite number", value)
        return float(value)
    check(type(value) is kind, key, f"a value of type {kind.__name__}", value)
    if kind is str:
        check(not _has_surrogate(value), key, "Unicode text", value)
    return value


def _check_plain(value: Any, key: str, depth: int) -> None:
    """Free-form JSON: what can be written again and printed, nested no deeper than `depth`."""
    check(depth > 0, key, "at most 16 levels", "more")
    if isinstance(value, float):
        check(math.isfinite(value), key, "a finite number", value)
    elif isinstance(value, str):
        check(not _has_surrogate(value), key, "Unicode text", value)
    elif isinstance(value, list | dict):
        for item in [*value, *value.values()] if isinstance(value, dict) else value:
            _check_plain(item, key, depth - 1)


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in text)


def decode_object(kind: Any, value: Any, key: str) -> Any:
    check(isinstance(value, dict), key or "(whole)", "an object", value)
    hints, dot = get_type_hints(kind), f"{key}." if key else ""
    for name in value:
        check(name in hints, f"{dot}{name[:80]}", "a key of manifest version 1", "an unknown key")
    for item in fields(kind):
        check(item.name in value or "optional" in item.metadata, f"{dot}{item.name}", "this key", "nothing")
    for item in fields(kind):
        if "optional" in item.metadata and item.name in value:
            none = None if item.default is None else []
            expected = f"{item.metadata['optional']}, or no such key"
            check(value[item.name] != none, f"{dot}{item.name}", expected, none)
    return kind(**{name: decode(hints[name], item, f"{dot}{name}") for name, item in value.items()})


def without_defaults(value: Any) -> Any:
    """The JSON of a dataclass's instance, as Python values: optional fields that hold their default are left out."""
    if is_dataclass(value):
        kept = [item for item in fields(value) if "optional" not in item.metadata or getattr(value, item.name)]
        return {item.name: without_defaults(getattr(value, item.name)) for item in kept}
    if isinstance(value, dict):
        return {name: without_defaults(item) for name, item in value.items()}
    return [without_defaults(item) for item in value] if isinstance(value, list | tuple) else value
