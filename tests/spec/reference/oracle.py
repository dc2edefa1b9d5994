"""What the loop is compared with: plain decoding, one token at a time, without cache, drafter or loop."""

from collections.abc import Iterator

from numpy import float32

from runtime_spec.reference.session import Session
from runtime_spec.reference.state import DecodeConfig
from runtime_spec.sampling.filtered import Distribution, draw, filtered
from runtime_spec.sampling.parameters import Sampling
from runtime_spec.sampling.random import CHOOSE, splitmix, uniform
from runtime_spec.vectors.scripted import DrafterScript, Script, ScriptedTarget, hash_row, scripted_pair


class Greedy:
    """A conversation over the scripted target's hash alone. `tokens` is everything prompted and emitted, the last of
    which waits outside the cache where `pending`."""

    def __init__(self, script: Script, capacity: int, stop_tokens: tuple[int, ...]):
        self.script, self.capacity, self.stop_tokens = script, capacity, stop_tokens
        self.tokens: list[int] = []
        self.pending = False

    def turn(
        self, prompt_tokens: tuple[int, ...], max_new_tokens: int, from_start: bool = False
    ) -> tuple[list[int], str]:
        """The turn's tokens and why it ends. `tokens` is not changed: say what was kept with `keep`."""
        tokens, emitted = [*([] if from_start else self.tokens), *prompt_tokens], []
        hashed, state = 0, splitmix(self.script.seed)
        while True:
            for token in tokens[hashed:]:
                state = splitmix(state ^ token)
            hashed = len(tokens)
            token = self.said(state, tokens)
            emitted.append(token)
            if token in self.stop_tokens:
                return emitted, "stop_token"
            if len(emitted) == max_new_tokens:
                return emitted, "max_new_tokens"
            if len(tokens) == self.capacity:
                return emitted, "cache_full"
            tokens.append(token)

    def said(self, state: int, tokens: list[int]) -> int:
        """The token after `tokens`, whose hash is `state`."""
        return (state >> 33) % self.script.vocab

    @property
    def cached(self) -> list[int]:
        return self.tokens[:-1] if self.pending else self.tokens

    def keep(self, prompt_tokens: tuple[int, ...], emitted: list[int], from_start: bool = False) -> None:
        """The turn emitted these, fewer than it might have if it was cancelled; none if that was in its prefill."""
        if emitted:
            self.tokens = [*([] if from_start else self.tokens), *prompt_tokens, *emitted]
            self.pending = True
        elif from_start:
            self.tokens, self.pending = self.cached[: self.shared(prompt_tokens)], False

    def shared(self, prompt_tokens: tuple[int, ...]) -> int:
        """The longest beginning that the cache has, but for the prompt's last token."""
        lengths = range(len(prompt_tokens))
        return max(n for n in lengths if tuple(self.cached[:n]) == prompt_tokens[:n])


class Drawing(Greedy):
    """Plain sampling. Where drafts change what a seed gives, `given` are the tokens that were emitted: each must be
    possible where it stands, and what ends the turn is still this class's own."""

    def __init__(self, script: Script, capacity: int, stop_tokens: tuple[int, ...], sampling: Sampling):
        super().__init__(script, capacity, stop_tokens)
        self.sampling = sampling
        self.given: Iterator[int] = iter(())

    def said(self, state: int, tokens: list[int]) -> int:
        p = self.distribution(state, tokens)
        token = next(self.given, None)
        if token is None:
            return draw(p, uniform(self.sampling.seed, len(tokens), CHOOSE))
        assert p.of(token) > 0, f"{token} after {tokens}"
        return token

    def distribution(self, state: int, tokens: list[int]) -> Distribution:
        row = hash_row(state, self.script.vocab)
        if self.sampling.has_penalty:
            for token in set(tokens[-self.sampling.repetition_window :]):
                penalty = self.sampling.repetition_penalty
                row[token] = float(float32(row[token] / penalty if row[token] > 0 else row[token] * penalty))
        return filtered(row, self.sampling, len(tokens) - 1)


def new_session(
    *, seed: int = 1, hit: int = 70, fewer: int = 0, drafts: int = 4, capacity: int = 64,
    widths: tuple[int, ...] = (1, 5), stops: tuple[int, ...] = (), vocab: int = 32,
    fill: int = 0,
) -> Session:  # fmt: skip
    """A session over a scripted pair; session.target is the ScriptedTarget."""
    script = Script(seed, vocab, fill, DrafterScript(seed + 100, hit, fewer))
    target, drafter = scripted_pair(script, capacity, widths)
    return Session(target, drafter, DecodeConfig(drafts, frozenset(stops)))


def prefill(target, tokens, position):
    """As the loop does it: pass after pass."""
    done = 0
    while count := target.fill_count(len(tokens) - done, position + done):
        target.fill(tokens[done : done + count], position + done)
        done += count
    return target.prefill(tokens[done:], position + done)


def live_rows(target: ScriptedTarget) -> list[int]:
    return target.rows[: target.cache_length]


def emitted_by(rounds) -> list[int]:
    return [token for round in rounds for token in round.emitted_tokens]
