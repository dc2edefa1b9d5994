"""How weights are stored: bits and granularity by kind of parameter, and the tolerances the result must keep.

A recipe is a file in recipes/, its name the recipe's id. Imports nothing heavy: `recipes` and `--help` read it.
"""

import math
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from export.choices.device import unknown_choice
from export.errors import UsageError

FOLDER = Path(__file__).parent / "recipes"
BITS = (32, 8, 4)
BLOCKS = (0, 32, 64, 128)
# Kind by parameter name, first match first. The drafter's parameters begin with `drafter.`, and so do their kinds.
KINDS = (
    ("per_layer_embedding", "*embed_tokens_per_layer.weight"),
    ("embedding", "*embed_tokens.weight"),
    ("attention", "*self_attn.*.weight"),
    ("mlp", "*mlp.*.weight"),
    ("per_layer", "*per_layer_*.weight"),
    ("head", "*head.weight"),
    ("head", "*masked_embedding.centroids.weight"),
    ("projection", "*pre_projection.weight"),
    ("projection", "*post_projection.weight"),
)


@dataclass(frozen=True)
class Storage:
    """How one tensor is stored: 32 is float; `block` values of a row share a scale, 0 = the whole row does.

    `note` says why it is not what the recipe asked for, "" when it is.
    """

    bits: int
    block: int = 0
    note: str = ""

    def nbytes(self, shape: tuple[int, ...]) -> int:
        """Bytes of the codes (or floats) alone."""
        return math.prod(shape) * self.bits // 8

    def num_scales(self, shape: tuple[int, ...]) -> int:
        if self.bits == 32:
            return 0
        return math.prod(shape) // self.block if self.block else shape[0]


@dataclass(frozen=True)
class Rule:
    """Parameters whose kind or name matches `match` (fnmatch) get `bits` and `block`."""

    match: str
    bits: int
    block: int = 0


@dataclass(frozen=True)
class Tolerances:
    """What a quantised pair must keep, against float on held-out prompts; the export fails outside.

    `min_top1_agreement` share of positions, `max_mean_kl` nats a position, `min_acceptance_ratio` of the float pair's
    acceptance rate, `near_tie_margin` gap of the two best logits below which a golden trace may fork.
    """

    min_top1_agreement: float
    max_mean_kl: float
    min_acceptance_ratio: float
    near_tie_margin: float


@dataclass(frozen=True)
class Recipe:
    """Ordered rules, the first that matches decides, and tolerances."""

    name: str
    description: str
    rules: tuple[Rule, ...]
    tolerances: Tolerances

    def __post_init__(self):
        for rule in self.rules:
            if rule.bits not in BITS or rule.block not in BLOCKS or (rule.block and rule.bits == 32):
                raise self._error(f"bits of {BITS} and a block of {BLOCKS}, float without block", str(rule))
        if not self.rules or self.rules[-1].match != "*":
            raise self._error('a last rule that matches "*"', str(self.rules[-1:]))
        # One table serves both: it is stored once.
        embedding, head = self._rule("embedding", "embed_tokens.weight"), self._rule("head", "head.weight")
        if (embedding.bits, embedding.block) != (head.bits, head.block):
            raise self._error("one rule for embedding and head", "two that differ")

    @classmethod
    def load(cls, name: str) -> "Recipe":
        """The recipe of that name. Raises UsageError with the choices."""
        if name not in cls.names():
            raise unknown_choice("recipe", name, cls.names())
        values = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
        rules = tuple(Rule(**rule) for rule in values["rules"])
        return cls(name, values["description"], rules, Tolerances(**values["tolerances"]))

    @classmethod
    def names(cls) -> list[str]:
        return sorted(path.stem for path in FOLDER.glob("*.toml"))

    @classmethod
    def all(cls) -> list["Recipe"]:
        return [cls.load(name) for name in cls.names()]

    def storage(self, name: str, shape: tuple[int, ...]) -> Storage:
        """How parameter `name` (of the traced modules; the drafter's begin with `drafter.`) of `shape` is stored.

        Vectors stay float. A block that does not divide the row falls back to one scale a row, and four bits of an odd
        row to eight: int4 codes are packed in pairs. Raises ValueError for a matrix of no known kind.
        """
        if len(shape) < 2:
            return Storage(32)
        rule = self._rule(kind_of(name), name)
        row = math.prod(shape[1:])
        if rule.bits == 4 and row % 2:
            return Storage(8, 0, f"rows of {row} are odd: int8, one scale a row")
        if rule.block and row % rule.block:
            return Storage(rule.bits, 0, f"blocks of {rule.block} do not divide rows of {row}: one scale a row")
        return Storage(rule.bits, rule.block)

    def _rule(self, kind: str, name: str) -> Rule:
        return next(rule for rule in self.rules if fnmatchcase(kind, rule.match) or fnmatchcase(name, rule.match))

    def _error(self, expected: str, found: str) -> UsageError:
        where = str(FOLDER / f"{self.name}.toml")
        action = "Mend the recipe's rules."
        return UsageError(
            f"Recipe is not valid: {self.name}", expected=expected, found=found, where=where, action=action
        )


def kind_of(name: str) -> str:
    """The kind of a matrix by its parameter name, such as `attention` or `drafter.mlp`."""
    kind = next((kind for kind, pattern in KINDS if fnmatchcase(name, pattern)), None)
    if kind is None:
        raise ValueError(f"no kind of parameter for {name}")
    return f"drafter.{kind}" if name.startswith("drafter.") else kind
