"""The target port: prefill, decode and verify graphs over one set of caches, updated in place."""

from collections.abc import Sequence
from copy import copy
from math import isfinite

import numpy as np

from runtime_spec.bundle.contents import CHOICES
from runtime_spec.errors import UsageError
from runtime_spec.litert.compiled import BoundCall
from runtime_spec.litert.embeddings import Embeddings
from runtime_spec.litert.logits import check_choices, margins
from runtime_spec.litert.masks import CausalMask
from runtime_spec.litert.rows import ArrayRows
from runtime_spec.reference.plan import fill_width
from runtime_spec.sampling.parameters import GREEDY
from runtime_spec.sampling.sampler import Sampler


class Pass:
    """One graph over T rows. `logits` is float32[T, V] and `hiddens` T rows float32[H], overwritten by every run; both
    are None where the graph only fills the cache. `name` is the signature's."""

    def __init__(self, call: BoundCall, name: str = ""):
        self._call, self.name = call, name
        self.width = call.inputs["input_pos"].shape[0]
        self._positions = call.inputs["input_pos"]
        self._offsets = np.arange(self.width, dtype=np.int32)
        self._embeddings = call.inputs["embeddings"].reshape(self.width, -1)
        per_layer = call.inputs.get("per_layer_embeddings")
        self._per_layer = None if per_layer is None else per_layer.reshape(self.width, -1)
        self._mask = CausalMask(call.inputs["mask"].reshape(self.width, -1))
        self.capacity = self._mask.capacity
        self.logits = self.hiddens = None
        if "logits" in call.outputs:
            self.logits = call.outputs["logits"].reshape(self.width, -1)
            self.hiddens = list(call.outputs["activations"].reshape(self.width, -1))
        self._tokens, self._largest = (call.outputs.get(name) for name in CHOICES)

    def run(self, tokens: Sequence[int], position: int, embeddings: Embeddings) -> None:
        """Writes `tokens` at slots position..; rows behind them are padding and land in dead slots.

        Raises UsageError before anything is written if the tokens are none or more than the width, or if the pass,
        padding included, would end past the capacity: the graph would move it back over live slots without a word."""
        if not 0 < len(tokens) <= self.width or not 0 <= position <= self.capacity - self.width:
            raise misuse(
                f"1 to {self.width} tokens at a position from 0 to {self.capacity - self.width}",
                f"{len(tokens)} tokens at position {position}",
                f"a pass of width {self.width} over a capacity of {self.capacity} slots",
            )
        embeddings.write(tokens, self._embeddings, self._per_layer)
        np.add(self._offsets, position, self._positions)
        self._mask.move_to(position)
        self._call.run()

    def choices(self, count: int) -> tuple[list[int], np.ndarray] | None:
        """The graph's own greedy choices after the first `count` tokens of the last run, and the two largest logits of
        each, float32[count, 2]. None where the rows are to be looked through: the graph has no choices, or tells that
        the logits of one have no sum."""
        if self._tokens is None or not all(map(isfinite, self._largest[:count, 0].tolist())):
            return None
        return self._tokens[:count].tolist(), self._largest[:count]


class LiteRtTarget:
    """runtime_spec.reference.ports.Target over LiteRT (and MarginTarget: its choices can be recorded). Greedy until
    `asking` says otherwise; logits are read where the graph's own choices do not do."""

    def __init__(self, scoring: dict[int, Pass], prefills: dict[int, Pass], embeddings: Embeddings, capacity: int):
        self.capacity = capacity
        self.verify_widths = tuple(sorted(scoring))
        self._scoring, self._embeddings = scoring, embeddings
        self._fills = dict(sorted(prefills.items()))
        self._sampler = Sampler(GREEDY, ArrayRows())
        self._last: tuple[Pass, int, int] | None = None
        self._compares = False

    def asking(self, sampler: Sampler) -> "LiteRtTarget":
        """The same graphs and caches, for a session that chooses its tokens by `sampler`."""
        view = copy(self)
        view._sampler, view._last = sampler, None
        return view

    def comparing(self) -> "LiteRtTarget":
        """The same, greedy, for traces: BundleError where a choice of the graph's is not that of its logits."""
        view = self.asking(Sampler(GREEDY, ArrayRows()))
        view._compares = True
        return view

    def fill_count(self, num_tokens: int, position: int) -> int:
        """All but the last token go through the graphs that score nothing. Raises UsageError if there are no tokens or
        they would end past the capacity."""
        if num_tokens < 1 or not 0 <= position <= self.capacity - num_tokens:
            raise misuse(
                f"1 to {self.capacity - position} tokens",
                f"{num_tokens} tokens at position {position}",
                f"a prefill over a capacity of {self.capacity} slots",
            )
        rest = num_tokens - 1
        if rest == 0:
            return 0
        width = fill_width(rest, self.capacity - position, tuple(self._fills))
        return min(rest, width or max(w for w in self.verify_widths if w <= rest))

    def fill(self, tokens: Sequence[int], position: int) -> None:
        """The shortest pass that takes the tokens: the one that `fill_count` counted with."""
        count, room = len(tokens), self.capacity - position
        filling = next((fill for width, fill in self._fills.items() if count <= width <= room), None)
        if filling is None:
            filling = self._scoring[next((w for w in self.verify_widths if count <= w), 1)]
        filling.run(tokens, position, self._embeddings)
        self._sampler.wrote(tokens, position)

    def prefill(self, tokens: Sequence[int], position: int) -> tuple[int, np.ndarray]:
        """The one token that fill_count leaves, through decode, which scores it.

        Returns the token and the hidden float32[H] after it. Raises as `verify` does."""
        target_tokens, hiddens = self.verify(tokens, position, 1)
        return target_tokens[0], hiddens[0]

    def verify(self, tokens: Sequence[int], position: int, width: int) -> tuple[list[int], list[np.ndarray]]:
        """The token and the hidden float32[H] after each of `tokens`, or of fewer where the sampler ends early; hiddens
        are places in the pass's output, readable until the next call. Raises UsageError for a width that no graph has,
        and as `Pass.run` does."""
        scoring, count = self._scoring.get(width), len(tokens)
        if scoring is None:
            found, where = f"width {width}", f"a verify pass at position {position}, capacity {self.capacity}"
            raise misuse(f"one of the widths {list(self.verify_widths)}", found, where)
        scoring.run(tokens, position, self._embeddings)
        self._sampler.wrote(tokens, position)
        said = self._said(scoring, tokens, position)
        self._last = scoring, count, len(said)
        return said, scoring.hiddens[: len(said)]

    def _said(self, scoring: Pass, tokens: Sequence[int], position: int) -> list[int]:
        """What is said after each of `tokens`, or of fewer where the sampler ends early."""
        count = len(tokens)
        choices = scoring.choices(count) if self._sampler.sampling.is_greedy else None
        if choices is None:
            return self._sampler.target_tokens(scoring.logits[:count], tokens, position)
        if self._compares:
            check_choices(*choices, scoring.logits[:count], f"signature {scoring.name}", position)
        return self._sampler.chosen_tokens(choices[0])

    def rollback(self, cache_length: int) -> None:
        """Nothing to do: masks show only what a pass is told, and dead slots are written again before they show."""

    def logits(self) -> np.ndarray:
        """float32[T, V] after each token of the last verify (or the last of a prefill), valid until the next call."""
        scoring, count, _ = self._last
        return scoring.logits[:count]

    def margins(self) -> list[float]:
        """Largest minus second largest logit, for each token that the last call returned."""
        scoring, _, said = self._last
        choices = scoring.choices(said)
        return margins(scoring.logits[:said] if choices is None else choices[1])


def misuse(expected: str, found: str, where: str) -> UsageError:
    """The error for a call of the port that the specification forbids (DECODE.md, ports)."""
    action = "Ask for a width that fits at the position; runtime_spec/DECODE.md gives the rules of the port."
    return UsageError("The pass does not fit the cache", expected=expected, found=found, where=where, action=action)
