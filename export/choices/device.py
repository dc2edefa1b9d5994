"""What an export is made for: one dial, `--device NAME`, from which sizes, widths and the recipe follow.

A device is a file in devices/, its name the device's id. Imports nothing heavy: `devices` and `--help` read it.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from export.errors import UsageError

FOLDER = Path(__file__).parent / "devices"
MAX_DRAFT_TOKENS = 16
MAX_THREADS = 64


@dataclass(frozen=True)
class Device:
    """`context_length` in cache slots; `verify_widths` are those beyond draft_tokens + 1, for our own runtime.
    `threads` are LiteRT's, as many as there are large cores.

    `dataclasses.replace` with a user's options checks them again. Raises UsageError for a value out of range.
    """

    id: str
    description: str
    context_length: int
    prefill_lengths: tuple[int, ...]
    draft_tokens: int
    verify_widths: tuple[int, ...]
    threads: int
    recipe: str

    def __post_init__(self):
        self._require("context_length", 64 <= self.context_length <= 131_072, "from 64 to 131072")
        self._require("draft_tokens", 1 <= self.draft_tokens <= MAX_DRAFT_TOKENS, f"from 1 to {MAX_DRAFT_TOKENS}")
        self._require("threads", 1 <= self.threads <= MAX_THREADS, f"from 1 to {MAX_THREADS}")
        lengths, widths = self.prefill_lengths, self.verify_widths
        ascending = lengths and all(a < b for a, b in zip(lengths, lengths[1:], strict=False))
        self._require("prefill_lengths", ascending and lengths[0] >= 1, "one or more lengths, ascending")
        self._require("prefill_lengths", lengths[0] <= self.context_length, "the shortest within context_length")
        self._require(
            "verify_widths", all(2 <= w <= MAX_DRAFT_TOKENS + 1 for w in widths), f"2 to {MAX_DRAFT_TOKENS + 1}"
        )

    @property
    def all_verify_widths(self) -> tuple[int, ...]:
        """Every width a verify graph is exported at, ascending; draft_tokens + 1 among them, 1 (decode) not."""
        return tuple(sorted({*self.verify_widths, self.draft_tokens + 1}))

    @classmethod
    def load(cls, name: str) -> "Device":
        """The device of that name. Raises UsageError with the choices."""
        path = FOLDER / f"{name}.toml"
        if name not in cls.names():
            raise unknown_choice("device", name, cls.names())
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        return cls(
            id=name, **{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
        )

    @classmethod
    def names(cls) -> list[str]:
        return sorted(path.stem for path in FOLDER.glob("*.toml"))

    @classmethod
    def all(cls) -> list["Device"]:
        return [cls.load(name) for name in cls.names()]

    def _require(self, field: str, holds: object, expected: str) -> None:
        if not holds:
            raise UsageError(
                f"{field} is out of range: {getattr(self, field)}",
                expected=expected,
                found=str(getattr(self, field)),
                where=f"device {self.id}",
                action="Choose a value in that range, or leave the option out for the device's own.",
            )


def unknown_choice(kind: str, name: str, choices: list[str], where: str | None = None) -> UsageError:
    """The error for a name that is none of `choices`, with the closest of them; `where` is `--KIND` unless given."""
    from difflib import get_close_matches

    # The dashes that all options share are no likeness.
    bare = {choice.strip("-"): choice for choice in choices}
    close = get_close_matches(name.lower().strip("-"), bare, n=1, cutoff=0.5)
    hint = f"Did you mean {bare[close[0]]}?" if close else f"Choose one of: {', '.join(choices)}."
    return UsageError(
        f"Unknown {kind}: {name}",
        expected=f"one of {', '.join(choices)}",
        found=name,
        where=where or f"--{kind}",
        action=hint,
    )
