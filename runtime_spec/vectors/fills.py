"""Vectors of prefills: which passes fill a prompt into the cache (TRACES.md, *Fill vectors*)."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from runtime_spec.errors import TraceError
from runtime_spec.reference.plan import fill_width
from runtime_spec.vectors.fuzz import Draws

FILE = Path(__file__).parent / "fills.json"
LENGTH_SETS = ((1, 8, 32, 128, 512), (1, 8, 32, 128), (8, 32, 128), (1,), (128,), (3, 7, 20), (2, 3, 25, 64))
DRAWN = 40
"""Cases of a set beside the given ones."""
NAMED = (
    (1, 2000), (29, 2000), (129, 2000), (499, 2000), (1499, 2000), (129, 130), (126, 127), (510, 511), (511, 512),
    (33, 60), (4, 5),
)  # fmt: skip
"""(tokens, room) that every set is asked for."""
FillWidth = Callable[[int, int, Sequence[int]], int]


def widths(num_tokens: int, room: int, lengths: Sequence[int], choose: FillWidth = fill_width) -> list[int]:
    """Rows of pass after pass, until the tokens are filled; a last 0 says that no pass takes the rest."""
    found = []
    while num_tokens > 0:
        found.append(choose(num_tokens, room, lengths))
        if found[-1] <= 0:
            break
        num_tokens, room = num_tokens - found[-1], room - found[-1]
    return found


def cases() -> Iterator[tuple[tuple[int, ...], int, int]]:
    """(lengths, tokens, room): the named ones of each set, then drawn ones, every other of them near the cache's
    end."""
    draws = Draws(0)
    for lengths in LENGTH_SETS:
        yield from ((lengths, *named) for named in NAMED)
        for number in range(DRAWN):
            num_tokens = 1 + draws.below(2 * lengths[-1])
            yield lengths, num_tokens, num_tokens + 1 + draws.below(2 * lengths[-1] if number % 2 else 12)


def lines(choose: FillWidth = fill_width) -> Iterator[str]:
    for lengths, num_tokens, room in cases():
        case = {"prefill_lengths": lengths, "num_tokens": num_tokens, "room": room}
        yield json.dumps(case | {"widths": widths(num_tokens, room, lengths, choose)}, separators=(",", ":"))


def record_fills() -> None:
    FILE.write_text("[\n" + ",\n".join(lines()) + "\n]\n", encoding="utf-8")


def verify_fills() -> int:
    """How many cases were checked. Raises TraceError naming the first that differs."""
    recorded, now = json.loads(FILE.read_text(encoding="utf-8")), [json.loads(line) for line in lines()]
    for number in range(max(len(recorded), len(now))):
        old, new = (str(found[number]) if number < len(found) else "none" for found in (recorded, now))
        if old != new:
            raise TraceError(
                "The passes of a prefill and their vectors disagree",
                expected=old,
                found=new,
                where=f"fills.json, case {number}",
                action="Mend fill_width, or record again with `python -m runtime_spec record` if the change is meant.",
            )
    return len(now)
