"""Traces: what happened in every round, as JSON Lines whose bytes are fixed (TRACES.md).

A trace is a header line, which says what was decoded and how, and a line a round. A file may hold several traces,
one after the other. Writing is canonical; reading accepts any JSON layout but no missing, unknown or odd field.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields

from runtime_spec.errors import TraceError, UsageError
from runtime_spec.reference.accept import accept
from runtime_spec.sampling.parameters import Sampling

FORMAT = "slipstream-trace"
VERSION = 2
MOST = 2**31 - 1
"""The largest integer that a trace may hold: every language has a type for it."""
SOURCES = ("drafter", "ngram")
STOP_REASONS = ("stop_token", "max_new_tokens", "cache_full", "cancelled")


@dataclass(slots=True)
class Round:
    """One call of the target, a prefill (verify_width 0) or a verify pass; TRACES.md explains each field."""

    index: int
    position: int
    bonus_token: int
    fills: int
    draft_tokens: list[int]
    draft_source: str | None
    verify_width: int
    target_tokens: list[int]
    num_accepted: int
    emitted_tokens: list[int]
    cache_length: int
    stop_reason: str | None
    margins: list[float] | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """A prompt and its budget; cancel_at is how often the loop may ask before it is told to stop (None: never).
    from_start: the prompt is the whole context, of which the cache keeps what it holds already."""

    prompt_tokens: tuple[int, ...]
    max_new_tokens: int
    cancel_at: int | None = None
    from_start: bool = False


@dataclass(frozen=True, slots=True)
class Header:
    """What was decoded and how. tolerance: a target token whose margin is below it may differ on other kernels.
    sampling: None where the target is greedy; its numbers have at most six digits after the point."""

    name: str
    capacity: int
    verify_widths: tuple[int, ...]
    num_draft_tokens: int
    stop_tokens: tuple[int, ...]
    exact_drafts: bool
    tolerance: float
    turns: tuple[Turn, ...]
    sampling: Sampling | None = None
    ngram: bool = False


@dataclass(frozen=True, slots=True)
class Trace:
    header: Header
    rounds: list[Round]


def round_line(round: Round) -> str:
    """The one line, without its newline, that stands for a round."""
    reason = "null" if round.stop_reason is None else f'"{round.stop_reason}"'
    source = "null" if round.draft_source is None else f'"{round.draft_source}"'
    margins = "" if round.margins is None else f',"margins":{decimals(round.margins)}'
    return (
        f'{{"index":{round.index},"position":{round.position},"bonus_token":{round.bonus_token},'
        f'"fills":{round.fills},"draft_tokens":{integers(round.draft_tokens)},"draft_source":{source},'
        f'"verify_width":{round.verify_width},"target_tokens":{integers(round.target_tokens)},'
        f'"num_accepted":{round.num_accepted},'
        f'"emitted_tokens":{integers(round.emitted_tokens)},"cache_length":{round.cache_length},'
        f'"stop_reason":{reason}{margins}}}'
    )


def header_line(header: Header) -> str:
    """The one line, without its newline, that stands for a header."""
    return (
        f'{{"format":"{FORMAT}","version":{VERSION},"name":{json.dumps(header.name)},"capacity":{header.capacity},'
        f'"verify_widths":{integers(header.verify_widths)},"num_draft_tokens":{header.num_draft_tokens},'
        f'"stop_tokens":{integers(header.stop_tokens)},"sampling":{sampling_text(header.sampling)},'
        f'"ngram":{truth(header.ngram)},"exact_drafts":{truth(header.exact_drafts)},'
        f'"tolerance":{header.tolerance:.6f},"turns":[{",".join(map(turn_text, header.turns))}]}}'
    )


def turn_text(turn: Turn) -> str:
    cancel_at = "null" if turn.cancel_at is None else turn.cancel_at
    return (
        f'{{"prompt_tokens":{integers(turn.prompt_tokens)},"from_start":{truth(turn.from_start)},'
        f'"max_new_tokens":{turn.max_new_tokens},"cancel_at":{cancel_at}}}'
    )


def sampling_text(sampling: Sampling | None) -> str:
    """All parameters in order, or null. Raises TraceError for a number that six digits do not hold."""
    if sampling is None:
        return "null"
    numbers = {name: f"{getattr(sampling, name):.6f}" for name in SAMPLING_NUMBERS}
    for name, text in numbers.items():
        if float(text) != getattr(sampling, name):
            raise _error(f"{name} of at most six digits after the point", repr(getattr(sampling, name)), "sampling")
    return (
        f'{{"temperature":{numbers["temperature"]},"top_k":{sampling.top_k},"top_p":{numbers["top_p"]},'
        f'"min_p":{numbers["min_p"]},"repetition_penalty":{numbers["repetition_penalty"]},'
        f'"repetition_window":{sampling.repetition_window},"seed":{sampling.seed},"drafts":"{sampling.drafts}"}}'
    )


def truth(value: bool) -> str:
    return "true" if value else "false"


def integers(values: Iterable[int]) -> str:
    return "[" + ",".join(map(str, values)) + "]"


def decimals(values: Iterable[float]) -> str:
    """Six digits after the point, rounded to even: the same text in every language."""
    return "[" + ",".join(f"{value:.6f}" for value in values) + "]"


def trace_text(trace: Trace) -> str:
    """A whole trace, header first, every line ended by a newline."""
    return "".join(f"{line}\n" for line in [header_line(trace.header), *map(round_line, trace.rounds)])


def read_traces(text: str, where: str) -> list[Trace]:
    """The traces in `text`, which may hold several. Raises TraceError naming `where`, the line and the field."""
    traces: list[Trace] = []
    # Not splitlines: it also splits at U+2028 and others, which may stand inside a JSON string.
    for number, line in enumerate(text.removesuffix("\n").split("\n") if text else [], start=1):
        place = f"{where}, line {number}"
        raw = _object(line, place)
        if "format" in raw:
            traces.append(Trace(read_header(raw, place), []))
        elif not traces:
            raise _error("a header line first", "a round", place)
        else:
            header, rounds = traces[-1].header, traces[-1].rounds
            rounds.append(read_round(raw, place, header.sampling is not None))
            if rounds[-1].index != len(rounds) - 1:
                raise _error(f"index {len(rounds) - 1}", f"index {rounds[-1].index}", place)
    if not traces:
        raise _error("at least one trace", "nothing", where)
    return traces


def read_header(raw: object, where: str) -> Header:
    """A header from its JSON object. Raises TraceError naming the first field that is wrong."""
    values = _fields(raw, HEADER_FIELDS, where)
    turns = tuple(
        Turn(tuple(turn["prompt_tokens"]), turn["max_new_tokens"], turn["cancel_at"], turn["from_start"])
        for turn in (_fields(turn, TURN_FIELDS, f"{where}, turn {i}") for i, turn in enumerate(values["turns"]))
    )
    return Header(
        values["name"], values["capacity"], tuple(values["verify_widths"]), values["num_draft_tokens"],
        tuple(values["stop_tokens"]), values["exact_drafts"], float(values["tolerance"]), turns,
        read_sampling(values["sampling"], where), values["ngram"],
    )  # fmt: skip


def read_sampling(raw: object, where: str) -> Sampling | None:
    """The parameters from their JSON object, or null."""
    if raw is None:
        return None
    place = f"{where}, sampling"
    values = _fields(raw, dict.fromkeys(SAMPLING_FIELDS, lambda _: True), place)
    try:
        return Sampling(**values)
    except UsageError as error:
        raise _error(f"{error.where.split()[-1]}: {error.expected}", error.found, place) from None


def read_round(raw: object, where: str, is_sampled: bool = False) -> Round:
    """A round from its JSON object. Sampled, a target may say fewer tokens than there are drafts. Raises TraceError
    naming the first field that is wrong."""
    checks = ROUND_FIELDS if isinstance(raw, dict) and "margins" in raw else _WITHOUT_MARGINS
    round = Round(**_fields(raw, checks, where))
    most, found = len(round.draft_tokens) + 1, len(round.target_tokens)
    if found > most or (found not in (0, most) and not is_sampled):
        raise _error("no target_tokens, or one more than draft_tokens", str(found), where)
    ends_early = 0 < found < most
    if ends_early and accept(round.draft_tokens, round.target_tokens + [-1]) != found - 1:
        raise _error("target_tokens that end behind the first that is not the draft", str(round.target_tokens), where)
    if (round.draft_source is None) != (round.draft_tokens == []):
        raise _error("a draft_source where there are draft_tokens, else null", str(round.draft_source), where)
    if round.num_accepted > len(round.draft_tokens):
        raise _error(f"num_accepted of at most {len(round.draft_tokens)}", str(round.num_accepted), where)
    if round.margins is not None and len(round.margins) != len(round.target_tokens):
        raise _error(f"{len(round.target_tokens)} margins", str(len(round.margins)), where)
    return round


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= MOST


def _is_positive(value: object) -> bool:
    return type(value) is int and 0 < value <= MOST


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and 0 <= value < 1e300  # larger integers are no float


def _is_tokens(value: object) -> bool:
    return type(value) is list and all(map(_is_count, value))


def _is_widths(value: object) -> bool:
    return _is_tokens(value) and value[:1] == [1] and all(a < b for a, b in zip(value, value[1:], strict=False))


HEADER_FIELDS: dict[str, Callable[[object], bool]] = {
    "format": lambda value: value == FORMAT,
    "version": lambda value: type(value) is int and value == VERSION,
    "name": lambda value: isinstance(value, str) and value != "",
    "capacity": _is_positive,
    "verify_widths": _is_widths,
    "num_draft_tokens": _is_count,
    "stop_tokens": _is_tokens,
    "sampling": lambda value: value is None or isinstance(value, dict),
    "ngram": lambda value: isinstance(value, bool),
    "exact_drafts": lambda value: isinstance(value, bool),
    "tolerance": _is_number,
    "turns": lambda value: isinstance(value, list) and value != [],
}
SAMPLING_FIELDS = tuple(field.name for field in fields(Sampling))
SAMPLING_NUMBERS = ("temperature", "top_p", "min_p", "repetition_penalty")
TURN_FIELDS: dict[str, Callable[[object], bool]] = {
    "prompt_tokens": _is_tokens,
    "from_start": lambda value: isinstance(value, bool),
    "max_new_tokens": _is_positive,
    "cancel_at": lambda value: value is None or _is_count(value),
}
ROUND_FIELDS: dict[str, Callable[[object], bool]] = {
    "index": _is_count,
    "position": _is_count,
    "bonus_token": lambda value: value == -1 or _is_count(value),
    "fills": _is_count,
    "draft_tokens": _is_tokens,
    "draft_source": lambda value: value is None or value in SOURCES,
    "verify_width": _is_count,
    "target_tokens": _is_tokens,
    "num_accepted": _is_count,
    "emitted_tokens": _is_tokens,
    "cache_length": _is_count,
    "stop_reason": lambda value: value is None or value in STOP_REASONS,
    "margins": lambda value: isinstance(value, list) and all(map(_is_number, value)),
}
_WITHOUT_MARGINS = {field: check for field, check in ROUND_FIELDS.items() if field != "margins"}


def _object(line: str, where: str) -> dict:
    try:
        raw = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _error("a line of JSON", f"{line[:60]!r} ({str(error)[:200]})", where) from None
    if not isinstance(raw, dict):
        raise _error("a JSON object", repr(line[:60]), where)
    return raw


def _fields(raw: object, checks: dict[str, Callable[[object], bool]], where: str) -> dict:
    """`raw` if it has exactly the fields of `checks` and each passes; TraceError otherwise."""
    if not isinstance(raw, dict):
        raise _error("a JSON object", repr(raw)[:60], where)
    for field, check in checks.items():
        if field not in raw:
            raise _error(f"field {field}", "no such field", where)
        if not check(raw[field]):
            raise _error(f"a valid {field}", repr(raw[field])[:60], where)
    for field in raw:
        if field not in checks:
            raise _error(f"only the fields {', '.join(checks)}", field, where)
    return raw


def _error(expected: str, found: str, where: str) -> TraceError:
    return TraceError(
        "The trace breaks its format",
        expected=expected,
        found=found,
        where=where,
        action="Record it again; runtime_spec/TRACES.md describes the format.",
    )
