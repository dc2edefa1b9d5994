"""Making a trace: a session played as its header says."""

from collections.abc import Callable, Iterator

from runtime_spec.drafting.fixed import Fixed
from runtime_spec.drafting.proposer import Proposer
from runtime_spec.reference.ports import Drafter, MarginTarget, Target
from runtime_spec.reference.session import Session
from runtime_spec.reference.state import DecodeConfig
from runtime_spec.reference.trace import Header, Round, Turn


def new_session(header: Header, target: Target, drafter: Drafter | None) -> Session:
    """A session that decodes as a trace's header says. With n-grams a match in the text goes before the drafter."""
    if header.ngram:
        model = drafter
        drafter = Proposer(Fixed(header.num_draft_tokens, ngrams=True), model and (lambda _: model))
    return Session(target, drafter, DecodeConfig(header.num_draft_tokens, frozenset(header.stop_tokens)))


def play_turn(session: Session, turn: Turn) -> Iterator[Round]:
    """The rounds of one turn, cancelled when its cancel_at says so."""
    cancelled = cancel_after(turn.cancel_at)
    return session.turn(turn.prompt_tokens, turn.max_new_tokens, cancelled, from_start=turn.from_start)


def cancel_after(cancel_at: int | None) -> Callable[[], bool]:
    """A `cancelled` that says no cancel_at times and yes from then on (None: always no)."""
    if cancel_at is None:
        return lambda: False
    asked = iter(range(cancel_at))
    return lambda: next(asked, None) is None


def record(header: Header, target: Target, drafter: Drafter | None) -> list[Round]:
    """All rounds of all turns, without margins."""
    session = new_session(header, target, drafter)
    return [round for turn in header.turns for round in play_turn(session, turn)]


def record_with_margins(header: Header, target: MarginTarget, drafter: Drafter | None) -> list[Round]:
    """All rounds of all turns, each with the margin of every target token: a golden trace."""
    session = new_session(header, target, drafter)
    rounds = []
    for turn in header.turns:
        for round in play_turn(session, turn):
            round.margins = target.margins() if round.target_tokens else []
            rounds.append(round)
    return rounds
