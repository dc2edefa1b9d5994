"""How weights are stored: bits and granularity by kind of parameter, and the tolerances the result must keep.

A recipe is a TOML file, its stem the recipe's name: one of recipes/, or a user's own. Imports nothing heavy: `recipes`
and `--help` read it.
"""

import math
import os
import tomllib
from dataclasses import asdict, dataclass, field, fields, replace
from fnmatch import fnmatchcase
from pathlib import Path

from export.choices.device import unknown_choice
from export.errors import UsageError

FOLDER = Path(__file__).parent / "recipes"
KEEPS_CODES = "qat"
"""The recipe of checkpoints that hold codes."""
LARGEST = 1 << 20
"""Bytes of a recipe's file."""
BITS = (32, 8, 4)
BLOCKS = (0, 32, 64, 128)
MAXIMUM, LEAST_ERROR = "maximum", "least_error"
SCALES = (MAXIMUM, LEAST_ERROR)
TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "table"}
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
    """How one tensor is stored: 32 is float; `block` values of a row share a scale, 0 = the whole row does; `scales`
    of SCALES says what a scale follows from."""

    bits: int
    block: int = 0
    scales: str = MAXIMUM

    def nbytes(self, shape: tuple[int, ...]) -> int:
        """Bytes of the codes (or floats) alone."""
        return math.prod(shape) * self.bits // 8

    def num_scales(self, shape: tuple[int, ...]) -> int:
        if self.bits == 32:
            return 0
        return math.prod(shape) // self.block if self.block else shape[0]


@dataclass(frozen=True)
class Rule:
    """Parameters whose kind or name matches `match` (fnmatch) get `bits` and `block`.

    `scales`: with `maximum` the largest weight has the largest code; with `least_error` a scale is what makes the
    squared error of its row least, and larger weights are cut. That is for 4 bits and whole rows: at 8 bits, and in
    blocks, the largest weight costs little (python -m tests.scale.weight_error)."""

    match: str
    bits: int
    block: int = 0
    scales: str = MAXIMUM


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
    """Ordered rules, the first that matches decides, and tolerances. `source` is the file that it was read from.

    With `keep_codes`, codes that a checkpoint holds stay as they are, and the rules are for the rest."""

    name: str
    description: str
    rules: tuple[Rule, ...]
    tolerances: Tolerances
    keep_codes: bool = False
    source: Path | None = field(default=None, compare=False)

    def __post_init__(self):
        for rule in self.rules:
            if rule.bits not in BITS or rule.block not in BLOCKS or (rule.block and rule.bits == 32):
                raise self._error(f"bits of {BITS} and a block of {BLOCKS}, float without block", str(rule))
            if rule.scales not in SCALES:
                raise self._error(f"scales of {SCALES}", str(rule))
            if rule.scales == LEAST_ERROR and (rule.bits, rule.block) != (4, 0):
                raise self._error(f"scales {LEAST_ERROR} with 4 bits and without a block", str(rule))
        if not self.rules or self.rules[-1].match != "*":
            raise self._error('a last rule that matches "*"', str(self.rules[-1:]))
        # One table serves both: it is stored once.
        embedding, head = self._rule("embedding", "embed_tokens.weight"), self._rule("head", "head.weight")
        if replace(embedding, match="") != replace(head, match=""):
            raise self._error("one rule for embedding and head", "two that differ")
        for name, value in asdict(self.tolerances).items():
            most = math.inf if name in ("max_mean_kl", "near_tie_margin") else 1
            if not 0 <= value <= most or math.isinf(value):
                raise self._error(f"{name} {'from 0 to 1' if most == 1 else 'of 0 or more'}", str(value))

    @classmethod
    def load(cls, name: str) -> "Recipe":
        """The recipe of that name, or of that file: what ends in .toml or holds a separator is a path. Raises
        UsageError with the names, or with what is wrong in the file."""
        if name.endswith(".toml") or os.sep in name:
            return cls._read(Path(name))
        if name not in cls.names():
            raise unknown_choice("recipe", name, cls.names())
        return cls._read(FOLDER / f"{name}.toml")

    @classmethod
    def _read(cls, path: Path) -> "Recipe":
        if path.parent != FOLDER and path.stem in cls.names():
            raise _invalid(path, "a name of its own", f"{path.stem}, which is a recipe of this program", "Rename it.")
        values = _parsed(path)
        kinds = {"description": str, "keep_codes": bool, "rules": list, "tolerances": dict}
        _check_keys(path, "the file", values, kinds, optional={"keep_codes"})
        for number, rule in enumerate(values["rules"], 1):
            keys = {"match": str, "bits": int, "block": int, "scales": str}
            _check_keys(path, f"rule {number}", rule, keys, optional={"block", "scales"})
        wanted = {one.name: float for one in fields(Tolerances)}
        _check_keys(path, "tolerances", values["tolerances"], wanted)
        rules = tuple(Rule(**rule) for rule in values["rules"])
        tolerances, keeps = Tolerances(**values["tolerances"]), values.get("keep_codes", False)
        return cls(path.stem, values["description"], rules, tolerances, keeps, path)

    @classmethod
    def names(cls) -> list[str]:
        return sorted(path.stem for path in FOLDER.glob("*.toml"))

    @classmethod
    def all(cls) -> list["Recipe"]:
        return [cls.load(name) for name in cls.names()]

    def to_dict(self) -> dict:
        """As JSON has it: all but the source."""
        return {key: value for key, value in asdict(self).items() if key != "source"}

    @property
    def is_float(self) -> bool:
        """Whether it changes no value of any weight."""
        return all(rule.bits == 32 for rule in self.rules)

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
            return Storage(8)
        if rule.block and row % rule.block:
            return Storage(rule.bits)
        return Storage(rule.bits, rule.block, rule.scales)

    def _rule(self, kind: str, name: str) -> Rule:
        return next(rule for rule in self.rules if fnmatchcase(kind, rule.match) or fnmatchcase(name, rule.match))

    def _error(self, expected: str, found: str) -> UsageError:
        return _invalid(self.source or Path(f"{self.name}.toml"), expected, found)


def _parsed(path: Path) -> dict:
    """Raises UsageError for what is no TOML file."""
    try:
        if not path.is_file():
            raise FileNotFoundError("no such file")
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise ValueError(f"more than {LARGEST} bytes")
        return tomllib.loads(content.decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        action = f"Name another file, or one of {', '.join(Recipe.names())}."
        raise _invalid(path, "a TOML file", str(error) or repr(error), action) from None


def _check_keys(path: Path, where: str, values: object, kinds: dict, optional: frozenset | set = frozenset()) -> None:
    """Raises UsageError that names the first key that is unknown, missing or of another type."""
    if not isinstance(values, dict):
        raise _invalid(path, f"{where}: {', '.join(kinds)}", repr(values)[:100])
    for key in [*values, *kinds]:
        if key not in kinds:
            raise _invalid(path, f"{where}: {', '.join(kinds)}", f"unknown key {key[:100]}")
        if key not in values and key not in optional:
            raise _invalid(path, f"{where}: {key}", "no such key")
        value = values.get(key)
        number = kinds[key] is float and isinstance(value, int)
        flag = isinstance(value, bool) and kinds[key] is not bool
        if key in values and (flag or not (number or isinstance(value, kinds[key]))):
            raise _invalid(path, f"{where}: {key} of type {TYPES[kinds[key]]}", repr(value)[:100])


def _invalid(path: Path, expected: str, found: str, action: str = "") -> UsageError:
    return UsageError(
        f"Recipe is not valid: {path.stem}",
        expected=expected,
        found=found,
        where=str(path),
        action=action or f"Mend {path.name}.",
    )


def kind_of(name: str) -> str:
    """The kind of a matrix by its parameter name, such as `attention` or `drafter.mlp`."""
    kind = next((kind for kind, pattern in KINDS if fnmatchcase(name, pattern)), None)
    if kind is None:
        raise ValueError(f"no kind of parameter for {name}")
    return f"drafter.{kind}" if name.startswith("drafter.") else kind
