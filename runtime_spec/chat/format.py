"""A checkpoint's chat template as constant texts (CHAT.md, The format)."""

from dataclasses import dataclass

from runtime_spec.errors import BundleError

ROLES = ("system", "user", "model")


@dataclass(frozen=True)
class Affixes:
    """What stands around a turn's content."""

    prefix: str
    suffix: str


@dataclass(frozen=True)
class Thinking:
    """What is different with thinking on. `system_alone` is the turn that is made where there is no system message."""

    reply: str
    system_prefix: str
    system_alone: str


@dataclass(frozen=True)
class Thoughts:
    """How a reply's thought is delimited; `kept`: past replies keep it."""

    start: str
    end: str
    kept: bool

    def __post_init__(self) -> None:
        for name, text in (("start", self.start), ("end", self.end)):
            if not text:
                raise _invalid(f"chat.thoughts.{name}", "a text", "an empty one")


@dataclass(frozen=True)
class ChatFormat:
    """Raises BundleError for roles that there are not."""

    start: str
    system: Affixes | None
    user: Affixes
    model: Affixes
    user_prefix_after_system: str
    reply: str
    thinking: Thinking | None = None
    thoughts: Thoughts | None = None
    trims: tuple[str, ...] = ()
    alternates: bool = False

    def __post_init__(self) -> None:
        known = [role for role in ROLES if role in self.trims]
        if list(self.trims) != known:
            raise _invalid("chat.trims", f"some of {ROLES}, in this order", repr(self.trims)[:80])

    def affixes(self, role: str) -> Affixes | None:
        return getattr(self, role)

    def texts(self) -> list[str]:
        """Every text that the template itself writes."""
        turns = [text for turn in (self.system, self.user, self.model) if turn for text in (turn.prefix, turn.suffix)]
        thinking = (
            [self.thinking.reply, self.thinking.system_prefix, self.thinking.system_alone] if self.thinking else []
        )
        thoughts = [self.thoughts.start, self.thoughts.end] if self.thoughts else []
        return [self.start, *turns, self.user_prefix_after_system, self.reply, *thinking, *thoughts]


def _invalid(key: str, expected: str, found: str) -> BundleError:
    where = f"manifest key {key}"
    return BundleError(
        "Manifest is not valid", expected=expected, found=found, where=where, action="Export the bundle again."
    )
