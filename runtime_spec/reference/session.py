"""A conversation: turns over one cache."""

import time
from collections.abc import Callable, Iterator, Sequence

from runtime_spec.reference.decode_loop import decode
from runtime_spec.reference.ports import Drafter, Target
from runtime_spec.reference.state import NO_TOKEN, DecodeConfig, State
from runtime_spec.reference.trace import Round
from runtime_spec.sampling.sampler import Sampler


def never() -> bool:
    return False


def unwatched(done: int, total: int) -> None:
    pass


class Session:
    """Turns that share a target's cache. Without a drafter it decodes plainly.

    The last token of a turn stays pending and is the first that the next turn prefills, so that n turns leave the
    cache as one prefill of the same tokens would. After a cancelled turn, or one whose budget ran out, a turn with
    an empty prompt goes on where it stopped.
    """

    def __init__(
        self,
        target: Target,
        drafter: Drafter | None,
        config: DecodeConfig,
        sampler: Sampler | None = None,
        observe: Callable[[Round, int], None] | None = None,
        clock: Callable[[], int] = time.perf_counter_ns,
    ):
        """`sampler` is the one that both ports ask, so that a caller can choose anew between turns; the loop does not
        look at it. `observe(round, nanos)` is told of each round that is handed out, prefills and cancelled ones too,
        and how long it took by `clock`, in nanoseconds: a Proposer's policy learns from it."""
        self.target, self.drafter, self.config, self.sampler = target, drafter, config, sampler
        self._observe, self._clock = observe, clock
        self.state = State()

    def turn(
        self,
        prompt_tokens: Sequence[int],
        max_new_tokens: int,
        cancelled: Callable[[], bool] = never,
        filled: Callable[[int, int], None] = unwatched,
        from_start: bool = False,
    ) -> Iterator[Round]:
        """Yields the turn's rounds as they happen; only the last has a stop_reason.

        `prompt_tokens` follow what was said so far; with `from_start` they are the whole context from its first token
        on, of which only what the cache does not hold already is prefilled. `filled(done, total)` tells between the
        passes of a prefill how many of its tokens are written.

        The caller may drop the iterator between rounds: that ends the turn as a cancellation would. A new turn must
        not be started while an older iterator is still used. The first round raises PromptTooLongError if the prompt
        does not fit and UsageError if there is nothing to do; the conversation is then as it was before.
        """
        rounds = decode(
            self.state, prompt_tokens, from_start, max_new_tokens, self.target, self.drafter, self.config, cancelled,
            filled,
        )  # fmt: skip
        return rounds if self._observe is None else self._observed(rounds)

    def _observed(self, rounds: Iterator[Round]) -> Iterator[Round]:
        """What the caller does between rounds is no part of their time."""
        begin = self._clock()
        for round in rounds:
            self._observe(round, self._clock() - begin)
            yield round
            begin = self._clock()

    @property
    def room(self) -> int:
        """How long the next turn's prompt may be, in tokens."""
        pending = 0 if self.state.bonus_token == NO_TOKEN else 1
        return max(0, self.target.capacity - self.state.cache_length - pending)

    def reset(self) -> None:
        """Forgets the conversation."""
        self.target.rollback(0)
        self.state = State()
