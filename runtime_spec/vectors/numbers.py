"""The numbers of sampling, one step after the other: sampling.json, which every language must have bit for bit.

TRACES.md, *The numbers of sampling*, has the format. The cases are made here and written out whole, so that a port
needs the file alone."""

import hashlib
import json
import struct
from collections.abc import Iterator
from functools import cache
from math import log, nextafter
from pathlib import Path

from runtime_spec.errors import TraceError
from runtime_spec.reference.trace import sampling_text
from runtime_spec.sampling.block import acceptance, ratios, verified
from runtime_spec.sampling.exponential import exponential
from runtime_spec.sampling.filtered import Distribution, draw, filtered, residual
from runtime_spec.sampling.parameters import GREEDY_DRAFTS, Sampling
from runtime_spec.sampling.penalty import penalise
from runtime_spec.sampling.random import CHOOSE, accept_purpose, draft_purpose, reply_seed, splitmix, uniform
from runtime_spec.sampling.sampler import CONFIDENCE, say_drawn
from runtime_spec.vectors.fuzz import Draws, draw_sampling

FILE = Path(__file__).parent / "sampling.json"
VOCABULARY = 262_144
TINY, LEAST_NORMAL = "00000001", "00800000"
CALM = Sampling(1.0, 64, 0.95)
SEEDS = (0, 1, 42, 2**31, 2**63 - 1)
SLOTS = (0, 1, 2, 5, 4095, 2**31 - 1)

FLOATS = (
    ["80000000", "00000000", TINY, "80000001", LEAST_NORMAL, "00000000", "80000000"],
    ["3fc00000"] * 9,
    ["7e7fffff", "fe7fffff", "7e7ffffe", "00000000"],
    ["42200000", "00000000", "b58637bd", "80000000", "3f800000"],  # 40 and 0: one just reaches -40, one does not
)
ROWS = (
    *({"floats": floats} for floats in FLOATS),
    *({"seed": 1, "size": size, "bits": bits} for size, bits in ((1, 8), (2, 24), (16, 24), (64, 4), (64, 24))),
    *({"seed": 2, "size": size, "bits": bits} for size, bits in ((300, 1), (300, 6), (1000, 24))),
)  # fmt: skip
LARGE = (
    (24, CALM, []),
    (24, Sampling(0.7, 64, 0.95, 0.0, 1.1, 64, 3), [5, 77, 262_143, 5]),
    (24, Sampling(1.0, 0, 0.9, 0.0, seed=4), []),
    (24, Sampling(0.5, 0, 1.0, 0.05, seed=5), []),
    (5, Sampling(1.0, 1000, 1.0, seed=6), []),
    (5, Sampling(0.0, 0, 1.0, 0.0, 1.3, 4), [0, 1, 2]),
    (24, Sampling(3.0, seed=7), []),
    (24, Sampling(1.0, 5000, seed=8), []),
    (5, Sampling(2.0, 70_000, 0.99, seed=9), []),
)
"""Rows of Gemma's vocabulary: bits, what is chosen, the text before."""
LIGHT = ["42200000", "00000000", "bf000000", "bf7fffff", "bf800000"]
"""40, and what is 40 to 41 less: the first of it alone has a weight."""
DRAWS = (
    ((7, 3), (0.5, 0.5), (0.0, 0.5, nextafter(0.5, 0.0), 1 - 2.0**-53)),
    ((0, 1, 2, 3), (0.25, 0.25, 0.25, 0.25), (0.25, 0.5, 0.75)),
    ((4, 9, 1), (2.0, 1.0, 1.0), (0.5, 0.75, nextafter(0.75, 0.0))),
    ((5, 6, 8), (0.5, 0.0, 0.5), (0.5,)),
)
"""Tokens, weights and numbers, at most of which a running sum is exactly that part of the whole: the next is drawn."""


def double(value: float) -> str:
    return struct.pack(">d", value).hex()


def row_of(raw: dict) -> list[float]:
    """The logits that a case describes."""
    if "floats" in raw:
        return [struct.unpack(">f", bytes.fromhex(text))[0] for text in raw["floats"]]
    return list(_hashed(raw["seed"], raw["size"], raw["bits"]))


@cache
def _hashed(seed: int, size: int, bits: int) -> list[float]:
    half, scale = 1 << (bits - 1), 2.0 ** (5 - bits)
    return [((splitmix(seed ^ splitmix(token)) >> (64 - bits)) - half) * scale for token in range(size)]


def distribution_of(distribution: Distribution | None) -> dict | None:
    if distribution is None:
        return None
    sha = hashlib.sha256()
    for token, weight in zip(distribution.tokens, distribution.weights, strict=True):
        sha.update(struct.pack(">id", token, weight))
    return {
        "count": len(distribution.tokens),
        "tokens": list(distribution.tokens[:8]),
        "weights": list(map(double, distribution.weights[:8])),
        "sha256": sha.hexdigest(),
    }


def exponents() -> Iterator[float]:
    """Ends, neighbours of where n changes, and sixty anywhere."""
    yield from (0.0, -0.0, -5e-324, -1e-300, -(2.0**-54), -(2.0**-53), -40.0, nextafter(-40.0, 0.0))
    for k in range(1, 58, 4):
        edge = -(k - 0.5) * log(2)
        yield from (nextafter(edge, 0.0), edge, nextafter(edge, -40.0), float(-k) * log(2))
    yield from (-40 * uniform(1, i, CHOOSE) for i in range(60))


def draw_cases() -> Iterator[list]:
    for tokens, weights, numbers in DRAWS:
        for u in numbers:
            yield [list(tokens), list(map(double, weights)), double(u), draw(Distribution(tokens, weights), u)]


def filter_cases() -> Iterator[dict]:
    draws = Draws(7)
    for row in ROWS:
        size = len(row_of(row))
        for sampling in (CALM, *(draw_sampling(draws) for _ in range(8))):
            yield _filter_case(row, [draws.below(size) for _ in range(draws.below(7))], sampling)
    for sampling in (Sampling(1.0), Sampling(1.0, 5)):
        yield _filter_case({"floats": LIGHT}, [], sampling)
    for bits, sampling, text in LARGE:
        yield _filter_case({"seed": 9, "size": VOCABULARY, "bits": bits}, text, sampling)


def _filter_case(row: dict, text: list[int], sampling: Sampling) -> dict:
    logits, slot = row_of(row), len(text)
    (confidence, *_) = filtered(logits, CONFIDENCE, slot - 1).weights
    distribution = _distribution(logits, text, sampling)
    drawn = draw(distribution, uniform(sampling.seed, slot, CHOOSE))
    return {
        "row": row, "text": text, "sampling": json.loads(sampling_text(sampling)),
        "distribution": distribution_of(distribution), "drawn": drawn, "confidence": double(confidence),
    }  # fmt: skip


def residual_cases() -> Iterator[dict]:
    draws = Draws(8)
    for number in range(24):
        size, bits = (4, 30, 64, 300)[number % 4], (24, 4)[number // 4 % 2]
        # Most drafters see the target's row coarser or finer than it is; one in eight knows nothing of it, and one in
        # eight is the target itself, so that nothing is left.
        seed, other_seed = 100 + number, 1000 + number if number % 8 == 2 else 100 + number
        other_bits = bits if number % 8 == 5 else 28 - bits
        sampling = draw_sampling(draws)
        while sampling.temperature == 0 or sampling.drafts == GREEDY_DRAFTS:
            sampling = draw_sampling(draws)
        text = [draws.below(size) for _ in range(draws.below(7))]
        row = {"seed": seed, "size": size, "bits": bits}
        drafter_row = {"seed": other_seed, "size": size, "bits": other_bits}
        p, q = (_distribution(row_of(one), text, sampling) for one in (row, drafter_row))
        scale = (1.0, 0.75, 0.1)[draws.below(3)]
        yield {
            "row": row, "drafter_row": drafter_row, "text": text, "sampling": json.loads(sampling_text(sampling)),
            "p": distribution_of(p), "q": distribution_of(q), "scale": double(scale),
            "residual": distribution_of(residual(p, q, scale)),
            "says": [[draft, say_drawn([p, p], [draft], [q], sampling.seed, len(text))] for draft in q.tokens[:12]],
        }  # fmt: skip


def round_cases() -> Iterator[dict]:
    draws = Draws(9)
    for number in range(128):
        size, count, seed, slot = 2 + draws.below(5), 1 + draws.below(5), draws.below(1 << 31), draws.below(1000)
        p, q = [], []
        for i in range(count + 1):
            rows = ({"seed": seed + i, "size": size, "bits": 24} for seed in (1000 * number, 1000 * number + 500))
            one, other = (filtered(row_of(row), Sampling((6.0, 16.0)[number % 2]), slot + i) for row in rows)
            # A drafter that is the target itself, one that has more of each token (which roundings alone make, in less
            # than one of 10^15 rounds), and such as they are.
            if number % 8 >= 6:
                other = one
            if number % 8 == 7:
                one = Distribution(one.tokens, [weight / 2 for weight in one.weights])
            p.append(one)
            q.append(other)
        del q[count]
        drafts = [draw(one, uniform(seed, slot + i, draft_purpose(i))) for i, one in enumerate(q)]
        left = ratios(p, drafts, q)
        kept, rest = verified(p, drafts, q, [uniform(seed, slot + i, accept_purpose(i)) for i in range(count)])
        yield {
            "seed": seed, "slot": slot, "drafts": drafts,
            "p": list(map(_whole, p)), "q": list(map(_whole, q)), "ratios": list(map(double, left[1:])),
            "acceptances": [double(acceptance(i, left[i], p, q)) for i in range(1, count + 1)],
            "kept": kept, "rest": _whole(rest), "says": say_drawn(p, drafts, q, seed, slot),
        }  # fmt: skip


def _whole(distribution: Distribution) -> dict:
    return {"tokens": distribution.tokens, "weights": list(map(double, distribution.weights))}


def _distribution(logits: list[float], text: list[int], sampling: Sampling) -> Distribution:
    if sampling.has_penalty:
        penalise(logits, text[-sampling.repetition_window :], sampling.repetition_penalty)
    return filtered(logits, sampling, len(text) - 1)


def cases() -> dict[str, list]:
    """All of sampling.json."""
    numbers = ((seed, slot, purpose) for seed in SEEDS for slot in SLOTS for purpose in (0, 1, 2, 9, 126))
    return {
        "exponential": [[double(x), double(exponential(x))] for x in exponents()],
        "uniform": [[*one, double(uniform(*one))] for one in numbers],
        "reply_seed": [[seed, n, reply_seed(seed, n)] for seed in SEEDS for n in (0, 1, 2, 1000, 2**31 - 1)],
        "draw": list(draw_cases()),
        "filtered": list(filter_cases()),
        "residual": list(residual_cases()),
        "rounds": list(round_cases()),
    }


def text_of(raw: dict[str, list]) -> str:
    """One case a line."""
    blocks = (f'"{name}":[\n' + ",\n".join(map(_line, found)) + "\n]" for name, found in raw.items())
    return "{" + ",\n".join(blocks) + "}\n"


def _line(case: object) -> str:
    return json.dumps(case, separators=(",", ":"))


def record_numbers() -> None:
    FILE.write_text(text_of(cases()), encoding="utf-8")


def verify_numbers() -> int:
    """How many cases were checked. Raises TraceError naming the first that differs."""
    recorded, now = json.loads(FILE.read_text(encoding="utf-8")), cases()
    for name, found in now.items():
        expected = recorded.get(name, [])
        _check(f"number of {name}", len(expected), len(found))
        for number, (old, new) in enumerate(zip(expected, found, strict=True)):
            _check(f"{name} {number}", _line(old), _line(new))
    return sum(map(len, now.values()))


def _check(where: str, expected: object, found: object) -> None:
    if expected != found:
        raise TraceError(
            "The reference and its vectors disagree",
            expected=str(expected),
            found=str(found),
            where=f"sampling.json, {where}",
            action="Mend sampling/, or record again with `python -m runtime_spec record` if the change is meant.",
        )
