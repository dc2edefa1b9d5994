"""What the loop is compared with: plain greedy decoding, one token at a time, without cache, drafter or loop."""

from runtime_spec.reference.session import Session
from runtime_spec.reference.state import DecodeConfig
from runtime_spec.vectors.scripted import DrafterScript, Script, ScriptedTarget, scripted_pair, splitmix


class Greedy:
    """A conversation over the scripted target's hash alone. `tokens` is everything prompted and emitted."""

    def __init__(self, script: Script, capacity: int, stop_tokens: tuple[int, ...]):
        self.script, self.capacity, self.stop_tokens = script, capacity, stop_tokens
        self.tokens: list[int] = []
        self.hashed, self.state = 0, splitmix(script.seed)

    def turn(self, prompt_tokens: tuple[int, ...], max_new_tokens: int) -> tuple[list[int], str]:
        """The turn's tokens and why it ends. `tokens` is not changed: say what was kept with `keep`."""
        tokens, emitted = [*self.tokens, *prompt_tokens], []
        hashed, state = self.hashed, self.state
        while True:
            for token in tokens[hashed:]:
                state = splitmix(state ^ token)
            hashed = len(tokens)
            token = (state >> 33) % self.script.vocab
            emitted.append(token)
            if token in self.stop_tokens:
                return emitted, "stop_token"
            if len(emitted) == max_new_tokens:
                return emitted, "max_new_tokens"
            if len(tokens) == self.capacity:
                return emitted, "cache_full"
            tokens.append(token)

    def keep(self, prompt_tokens: tuple[int, ...], emitted: list[int]) -> None:
        """The turn was prefilled and emitted these (fewer than it might have if it was cancelled)."""
        self.tokens += [*prompt_tokens, *emitted]
        for token in self.tokens[self.hashed :]:
            self.state = splitmix(self.state ^ token)
        self.hashed = len(self.tokens)


def new_session(
    *, seed: int = 1, hit: int = 70, fewer: int = 0, drafts: int = 4, capacity: int = 64,
    widths: tuple[int, ...] = (1, 5), stops: tuple[int, ...] = (), vocab: int = 32,
) -> Session:  # fmt: skip
    """A session over a scripted pair; session.target is the ScriptedTarget."""
    script = Script(seed, vocab, DrafterScript(seed + 100, hit, fewer))
    target, drafter = scripted_pair(script, capacity, widths)
    return Session(target, drafter, DecodeConfig(drafts, frozenset(stops)))


def live_rows(target: ScriptedTarget) -> list[int]:
    return target.rows[: target.cache_length]


def emitted_by(rounds) -> list[int]:
    return [token for round in rounds for token in round.emitted_tokens]
