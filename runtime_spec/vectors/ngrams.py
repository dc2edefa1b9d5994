"""Vectors of n-gram drafts (TRACES.md, *N-gram vectors*): some texts one by one, and a digest over many.

`ngrams.json` holds the texts of its cases; `record` writes anew what must come of them, and the digest."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from runtime_spec.drafting.ngram import NgramIndex
from runtime_spec.errors import TraceError
from runtime_spec.vectors.fuzz import Draws

FILE = Path(__file__).parent / "ngrams.json"
SCRIPTS, STEPS, LONGEST_TEXT = 2_000, 24, 64
ALPHABETS = (1, 2, 3, 5, 20)
SPREAD = 13_107
"""Between two tokens of an alphabet: ids reach as far as a vocabulary of 262,144 does."""
Index = Callable[[], NgramIndex]


def script(number: int) -> Iterator[tuple[list[int], int]]:
    """The texts of script `number`, each with how many drafts are asked for. The order of the draws is part of the
    format: TRACES.md lists it."""
    draws = Draws(number)
    alphabet = ALPHABETS[draws.below(len(ALPHABETS))]
    text = [_token(draws, alphabet)]
    for _ in range(STEPS):
        _change(text, draws, alphabet)
        yield text, draws.below(9)


def _change(text: list[int], draws: Draws, alphabet: int) -> None:
    kind = draws.below(8)
    if kind in (4, 6):
        del text[1 + draws.below(len(text)) :]
    if kind in (0, 1, 2, 6):
        text += [_token(draws, alphabet) for _ in range(1 + draws.below(6))]
    elif kind == 3:
        begin, count = draws.below(len(text)), 1 + draws.below(8)
        for i in range(count):
            text.append(text[begin + i])
    elif kind == 5:
        token = _token(draws, alphabet)
        text[draws.below(len(text))] = token
    del text[LONGEST_TEXT:]


def _token(draws: Draws, alphabet: int) -> int:
    return SPREAD * draws.below(alphabet)


def script_lines(number: int, make: Index = NgramIndex) -> Iterator[str]:
    """What script `number` adds to the digest: a line for each text."""
    index = make()
    for text, count in script(number):
        found = _asked(index, text[:-1], text[-1], count)
        yield json.dumps(found, separators=(",", ":"))


def digest(count: int = SCRIPTS) -> str:
    """SHA-256 over the lines of scripts 0..count-1, each line followed by a newline, as 64 hex characters."""
    sha = hashlib.sha256()
    for number in range(count):
        sha.update(("\n".join(script_lines(number)) + "\n").encode())
    return sha.hexdigest()


def play_case(case: dict, make: Index = NgramIndex) -> list[dict]:
    """{"length", "drafts"} after each step of a case; all its steps ask one index."""
    index = make()
    return [_asked(index, step["cached"], step["bonus_token"], step["count"]) for step in case["steps"]]


def _asked(index: NgramIndex, cached: list[int], bonus_token: int, count: int) -> dict:
    return {"length": index.match(cached, bonus_token), "drafts": index.drafts(count)}


def read_ngrams() -> dict:
    return json.loads(FILE.read_text(encoding="utf-8"))


def record_ngrams() -> None:
    raw = read_ngrams()
    for case in raw["cases"]:
        case["steps"] = [step | found for step, found in zip(case["steps"], play_case(case), strict=True)]
    raw["digest"] = {"scripts": SCRIPTS, "sha256": digest()}
    FILE.write_text(_text_of(raw), encoding="utf-8")


def _text_of(raw: dict) -> str:
    """One step a line."""
    cases = ",\n".join(f'{{"name": {json.dumps(case["name"])}, "steps": {_steps(case)}}}' for case in raw["cases"])
    return f'{{"cases": [\n{cases}\n],\n"digest": {json.dumps(raw["digest"])}}}\n'


def _steps(case: dict) -> str:
    return "[\n" + ",\n".join(map(json.dumps, case["steps"])) + "\n]"


def verify_ngrams() -> int:
    """How many cases were checked. Raises TraceError naming the first that differs."""
    raw = read_ngrams()
    for case in raw["cases"]:
        recorded = [{"length": step["length"], "drafts": step["drafts"]} for step in case["steps"]]
        for number, (old, new) in enumerate(zip(recorded, play_case(case), strict=True)):
            if old != new:
                raise _disagree(str(old), str(new), f"ngrams.json, case {case['name']}, step {number}")
    recorded, found = raw["digest"]["sha256"], digest(raw["digest"]["scripts"])
    if recorded != found:
        raise _disagree(recorded, found, "ngrams.json, digest")
    return len(raw["cases"])


def _disagree(expected: str, found: str, where: str) -> TraceError:
    return TraceError(
        "The n-gram drafts and their vectors disagree",
        expected=expected,
        found=found,
        where=where,
        action="Mend drafting/ngram.py, or record again with `python -m runtime_spec record` if the change is meant.",
    )
