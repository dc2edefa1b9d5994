"""config.json's `quantization_config` of Transformers' method `gemma`: which module's weights are codes, of which bits.

What it says is held against the file's own tensors in codes.py.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from export.checkpoint.files import printable
from export.checkpoint.quantized import METHOD
from export.errors import CheckpointError

BITS = (2, 4, 8)
MOST_PATTERNS, LONGEST_PATTERN, MOST_REPEATS, MOST_CHOICES = 64, 300, 2, 6
ESCAPED = re.compile(r"\\[^1-9]")
SLOW = re.compile(r"\)[*+{?]|\\|\(\?P=")
"""Repeated groups and references: what no pattern needs that says which modules have which bits."""
EXPECTED = "regular expressions without repeated groups, with few repeats and choices"
REPEAT, CHOICE = re.compile(r"[*+{]|(?<!\()\?"), "|"


@dataclass(frozen=True)
class Quantization:
    """`quantization_config` of method `gemma`: the bits of each module, by the first of `patterns` that is found in its
    name (the leftmost, of those the first: one alternation, as Transformers joins them), else `num_bits`."""

    num_bits: int
    patterns: tuple[tuple[str, int], ...]
    skipped: tuple[str, ...]
    embeddings: bool

    def bits(self, module: str, is_embedding: bool) -> int | None:
        """Of a module by its name in Transformers; None where its weights are no codes."""
        if is_embedding and not self.embeddings:
            return None
        # Transformers' should_convert_module: from the start up to a dot, or as an end.
        if any(re.match(rf"(?:{key})(?:(?<=\.)|(?=\.|$))", module) or module.endswith(key) for key in self.skipped):
            return None
        found = [(match.start(), bits) for pattern, bits in self.patterns if (match := re.search(pattern, module))]
        return min(found, key=lambda one: one[0])[1] if found else self.num_bits


def parse_quantization(config: object, where: Path, left_out: tuple[str, ...]) -> Quantization | None:
    """The value of config.json's quantization_config, where its method is `gemma`; else None. Other keys than those of
    GemmaQuantizationConfig mean nothing to Transformers. `left_out`: modules that are no codes where none are named.

    Raises CheckpointError for one that is damaged, and for patterns that could be searched for without end."""
    if not isinstance(config, dict) or config.get("quant_method") != METHOD:
        return None

    def require(is_right: bool, key: str, expected: str) -> None:
        if not is_right:
            found = f"{key} = {config.get(key)!r}"[:300]
            raise _error(f"quantization_config is not valid: {key}", expected, found, where)

    def value(key: str, default: object) -> object:
        return default if config.get(key) is None else config[key]

    num_bits, embeddings = value("num_bits", 4), value("quantize_embeddings", False)
    modules, skipped = value("module_quant_configs", {}), value("modules_to_not_convert", list(left_out))
    known = "2, 4 or 8"
    require(type(num_bits) is int and num_bits in BITS, "num_bits", known)
    require(isinstance(embeddings, bool), "quantize_embeddings", "true or false")
    require(isinstance(skipped, list) and len(skipped) <= MOST_PATTERNS, "modules_to_not_convert", "a list of names")
    require(isinstance(modules, dict) and len(modules) <= MOST_PATTERNS, "module_quant_configs", "patterns to bits")
    for key, patterns in (("module_quant_configs", modules), ("modules_to_not_convert", skipped)):
        require(all(map(_is_harmless, patterns)), key, EXPECTED)
    for pattern, options in modules.items():
        right = isinstance(options, dict) and not options.keys() - {"num_bits"}
        bits = options.get("num_bits", num_bits) if right else None
        if type(bits) is not int or bits not in BITS:
            found = f"{options!r} for {pattern}"[:300]
            raise _error("quantization_config is not valid: module_quant_configs", f"num_bits of {known}", found, where)
    patterns = tuple((pattern, options.get("num_bits", num_bits)) for pattern, options in modules.items())
    return Quantization(num_bits, patterns, tuple(skipped), embeddings)


def _is_harmless(pattern: object) -> bool:
    """Whether it is a regular expression that ends soon on a module's name: over a repeated group, many repeats or
    many choices a search may take for ever."""
    if not isinstance(pattern, str) or len(pattern) > LONGEST_PATTERN:
        return False
    plain = ESCAPED.sub("", pattern)
    if SLOW.search(plain) or len(REPEAT.findall(plain)) > MOST_REPEATS or plain.count(CHOICE) > MOST_CHOICES:
        return False
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return False
    return True


def _error(title: str, expected: str, found: str, where: Path) -> CheckpointError:
    action = "Download the checkpoint again, or save it with Transformers 5.22, which must be able to load it."
    return CheckpointError(title, expected=expected, found=found[:300], where=printable(where), action=action)
