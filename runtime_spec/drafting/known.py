"""What a policy has learnt, as a plain dict that a caller keeps for a bundle on a device.

Integers only, so that every language writes the same: nanoseconds, and thousandths of drafts and of rounds of plain
decoding.
"""

from runtime_spec.drafting.acceptance import BINS, Acceptance
from runtime_spec.drafting.auto import NGRAM_PRIORS, SHORTEST_MATCH, Auto
from runtime_spec.drafting.trials import DRAFTER, MOST_SAVED, NGRAM, PLAIN
from runtime_spec.errors import UsageError

FORMAT, VERSION = "slipstream-draft-costs", 1
MOST_TRIES = 8.0
"""Evidence of another time counts as so many drafts a position at most."""
LARGEST = (1 << 53) - 1
FIELDS = (
    "format", "version", "tokens", "pass_nanos", "bound_nanos", "draft_nanos", "acceptance", "confidence", "account",
    "waits",
)  # fmt: skip
SOURCES = ("drafter", *(f"ngram_{n}" for n in range(SHORTEST_MATCH, SHORTEST_MATCH + len(NGRAM_PRIORS))))


def to_dict(policy: Auto) -> dict:
    """What `policy` knows: costs of the widths and numbers of drafts that it measured, by width and number, and hits
    and tries of each source by position and of each bin of confidence. And what trials may lose and when each is due:
    many short sessions are to try no more than a long one."""
    costs = policy.costs
    passes = {
        str(width): int(costs.pass_nanos(index)) for index, width in enumerate(costs.widths) if costs.is_measured(index)
    }
    bounds = {
        str(width): int(costs.bound_nanos(index))
        for index, width in enumerate(costs.widths)
        if costs.bound_nanos(index) >= 1.0
    }
    drafts = {
        str(count): int(costs.draft_nanos(count))
        for count in range(1, len(costs.drafts))
        if costs.drafts[count].count > 0
    }
    sources = zip(SOURCES, (policy.drafter, *policy.ngrams), strict=True)
    return {
        "format": FORMAT,
        "version": VERSION,
        "tokens": policy.known_tokens + policy.tokens,
        "pass_nanos": passes,
        "bound_nanos": bounds,
        "draft_nanos": drafts,
        "acceptance": {name: _pairs(source.hits, source.tries) for name, source in sources},
        "confidence": _pairs(policy.confidence.hits, policy.confidence.tries),
        "account": int(policy.trials.account * 1000.0),
        "waits": {
            name: [int(amount * 1000.0) for amount in policy.trials.wait_of(kind)]
            for name, kind in _kinds(policy).items()
        },
    }


def from_dict(policy: Auto, known: object) -> None:
    """Makes a new `policy` begin with what another one knew: near the best choice, but checking it.

    Widths that the bundle has no more are left out. Raises UsageError, with `policy` as it was, for what to_dict does
    not write."""
    fields = _object(known, "(whole)", FIELDS)
    _check(fields["format"] == FORMAT, "format", f'"{FORMAT}"', fields["format"])
    _check(fields["version"] == VERSION and type(fields["version"]) is int, "version", str(VERSION), fields["version"])
    passes, bounds, drafts = (_numbers(fields, key) for key in ("pass_nanos", "bound_nanos", "draft_nanos"))
    acceptance = _object(fields["acceptance"], "acceptance", SOURCES)
    evidence = [_evidence(acceptance[name], f"acceptance.{name}") for name in SOURCES]
    bins = _evidence(fields["confidence"], "confidence")
    _check(len(bins) == BINS, "confidence", f"{BINS} pairs", f"{len(bins)} pairs")
    tokens, account, waits = fields["tokens"], fields["account"], fields["waits"]
    _check(_is_amount(tokens), "tokens", "a number of tokens", tokens)
    _check(type(account) is int and abs(account) <= LARGEST, "account", "an integer", account)
    _check(isinstance(waits, dict), "waits", "an object", waits)
    for name, pair in waits.items():
        is_pair = isinstance(pair, list) and len(pair) == 2 and all(map(_is_amount, pair))
        _check(is_pair, f"waits.{name}", "two integers", pair)
    if 1 not in passes:
        return
    costs = policy.costs
    for index, width in enumerate(costs.widths):
        if width in passes:
            costs.import_pass(index, float(passes[width]))
        elif width in bounds:
            costs.import_bound(index, float(bounds[width]))
    for count, nanos in drafts.items():
        if count < len(costs.drafts):
            costs.import_drafts(count, float(nanos))
    for source, pairs in zip((policy.drafter, *policy.ngrams), evidence, strict=True):
        _import_acceptance(source, pairs)
    for bin, (hits, tries) in enumerate(bins):
        factor = _factor(tries)
        policy.confidence.hits[bin], policy.confidence.tries[bin] = hits / 1000.0 * factor, tries / 1000.0 * factor
    for name, kind in _kinds(policy).items():
        if name in waits:
            policy.trials.take_wait(kind, waits[name][0] / 1000.0, waits[name][1] / 1000.0)
    policy.trials.account = min(account / 1000.0, MOST_SAVED)
    policy.known_tokens = tokens
    policy.is_known = policy.must_check = True


def _kinds(policy: Auto) -> dict[str, int]:
    """Kinds of trials by name."""
    names = {"plain": PLAIN} | {name: NGRAM + i for i, name in enumerate(SOURCES[1:])}
    return names | {f"drafter_{width}": DRAFTER + i for i, width in enumerate(policy.costs.widths) if i > 0}


def _import_acceptance(source: Acceptance, pairs: list[tuple[int, int]]) -> None:
    if not pairs or pairs[0][1] == 0:
        return
    for i, (hits, tries) in enumerate(pairs[: len(source.hits)]):
        factor = _factor(tries)
        source.hits[i], source.tries[i] = hits / 1000.0 * factor, tries / 1000.0 * factor
    source.is_judged = True
    source.estimate()


def _factor(tries: int) -> float:
    return 1.0 if tries <= MOST_TRIES * 1000.0 else MOST_TRIES * 1000.0 / float(tries)


def _pairs(hits: list[float], tries: list[float]) -> list[list[int]]:
    # Rounded down, both alike: never more hits than tries.
    return [[int(hit * 1000.0), int(tried * 1000.0)] for hit, tried in zip(hits, tries, strict=True)]


def _object(value: object, key: str, names: tuple[str, ...]) -> dict:
    _check(isinstance(value, dict), key, "an object", value)
    _check(set(value) == set(names), key, f"the fields {', '.join(names)}", ", ".join(map(str, value)) or "none")
    return value


def _numbers(fields: dict, key: str) -> dict[int, int]:
    """Nanoseconds by width or number of drafts."""
    value = fields[key]
    _check(isinstance(value, dict), key, "an object", value)
    for name, nanos in value.items():
        is_name = isinstance(name, str) and name.isascii() and name.isdigit() and name[0] != "0" and len(name) < 4
        _check(is_name, key, "names from 1 to 999", name)
        _check(_is_amount(nanos) and nanos > 0, f"{key}.{name}", "a positive number of nanoseconds", nanos)
    return {int(name): nanos for name, nanos in value.items()}


def _evidence(value: object, key: str) -> list[tuple[int, int]]:
    _check(isinstance(value, list), key, "a list", value)
    for i, pair in enumerate(value):
        is_pair = isinstance(pair, list) and len(pair) == 2 and all(map(_is_amount, pair)) and pair[0] <= pair[1]
        _check(is_pair, f"{key}[{i}]", "hits and tries, two integers of which the first is not larger", pair)
    return [(hits, tries) for hits, tries in value]


def _is_amount(value: object) -> bool:
    return type(value) is int and 0 <= value <= LARGEST


def _check(is_right: bool, key: str, expected: str, found: object) -> None:
    if not is_right:
        raise UsageError(
            "Known costs of drafting that can't be read",
            expected=expected,
            found=str(found)[:80],
            where=f"key {key}",
            action="Delete what was kept: it is measured again.",
        )
