"""The decoding loop's ports over the float torch modules: what quantised models are compared with.

One pass of any width, caches in torch tensors. For models that fit in memory as float32.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from export.checkpoint.checkpoint import Checkpoint
from export.modules.drafter import Drafter
from export.modules.fill import empty_weight, fill
from export.modules.layers import HIDDEN
from export.modules.target import Target
from export.plan import Plan


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """For small models and single tokens: a second thread gains nothing there, and waits for the first by spinning,
    which on a busy machine made a check of 8 s take 137."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class FloatTarget:
    """runtime_spec.reference.ports.Target over `export.modules.target`; greedy."""

    def __init__(self, plan: Plan):
        config, self.capacity = plan.target.config, plan.capacity
        self.verify_widths = tuple(sorted({1, plan.device.draft_tokens + 1, *plan.device.all_verify_widths}))
        self.rows = Rows(plan.target)
        self._module = fill(Target(config, plan.capacity, True, empty_weight), plan.target)
        self.caches = {}
        for i in config.kv_layers:
            heads, head = config.kv_heads[i], config.head_dims[i]
            self.caches[f"kv_cache_k_{i}"] = torch.zeros(1, heads, plan.capacity, head)
            self.caches[f"kv_cache_v_{i}"] = torch.zeros(1, heads, head, plan.capacity)

    def fill_count(self, num_tokens: int, position: int) -> int:
        """One pass takes any number."""
        return 0

    def fill(self, tokens: Sequence[int], position: int) -> None:
        raise AssertionError("fill_count asks for no fill")

    def prefill(self, tokens: Sequence[int], position: int) -> tuple[int, torch.Tensor]:
        chosen, hiddens = self.verify(tokens, position, len(tokens))
        return chosen[-1], hiddens[-1]

    def verify(self, tokens: Sequence[int], position: int, width: int) -> tuple[list[int], list[torch.Tensor]]:
        found = self.run(tokens, position)
        return found["logits"][0].argmax(-1).tolist(), list(found["activations"][0])

    def rollback(self, cache_length: int) -> None:
        """Nothing to do, as in LiteRT: masks show only what a pass is told."""

    @torch.no_grad()
    def run(self, tokens: Sequence[int], position: int) -> dict[str, torch.Tensor]:
        """logits [1, T, V] and activations [1, T, H] after `tokens` at slots position.., written to the caches."""
        positions = torch.arange(position, position + len(tokens), dtype=torch.int32)
        visible = torch.arange(self.capacity) <= positions[:, None]
        mask = torch.where(visible, 0.0, HIDDEN)[None, None]
        found = self._module(self.rows.main(tokens), positions, mask, self.rows.per_layer(tokens), **self.caches)
        self.caches = {name: found.pop(name) for name in self.caches}
        return found


class FloatDrafter:
    """runtime_spec.reference.ports.Drafter over `export.modules.drafter`; greedy."""

    source = "drafter"

    def __init__(self, plan: Plan, target: FloatTarget):
        self._target, config = target, plan.drafter.config
        sources = {kind: plan.target.config.drafter_kv_layers[kind] for kind in config.text.kinds}
        ordering = None
        if config.use_ordered_embeddings:
            ordering = torch.from_numpy(plan.drafter.tensors.read("masked_embedding.token_ordering"))
        vocab_size = plan.target.config.vocab_size
        module = Drafter(config, sources, plan.capacity, ordering, empty_weight, vocab_size=vocab_size)
        self._module = fill(module, plan.drafter)
        self._names = [f"kv_cache_{side}_{layer}" for layer in sources.values() for side in "kv"]

    @torch.no_grad()
    def draft(
        self, cached: Sequence[int], bonus_token: int, hidden: torch.Tensor, position: int, count: int
    ) -> list[int]:
        mask = torch.where(torch.arange(self._target.capacity) < position, 0.0, HIDDEN)[None, None, None]
        caches = {name: self._target.caches[name] for name in self._names}
        newest, tokens, token = torch.tensor([position - 1], dtype=torch.int32), [], bonus_token
        for _ in range(count):
            activations = torch.cat([self._target.rows.main([token])[0, 0], hidden])[None, None]
            found = self._module(activations, newest, mask, **caches)
            token, hidden = int(found["logits"].argmax()), found["projected_activations"][0, 0]
            tokens.append(token)
        return tokens


class Rows:
    """Scaled embedding rows of a target, float32."""

    def __init__(self, target: Checkpoint):
        self._config = config = target.config

        def table(name: str, size: int) -> torch.Tensor:
            return torch.from_numpy(target.tensors.read(f"{target.prefix}{name}.weight")) * size**0.5

        self._main = table("embed_tokens", config.hidden_size)
        self._per_layer = table("embed_tokens_per_layer", config.per_layer_size) if config.per_layer_size else None

    def main(self, tokens: Sequence[int]) -> torch.Tensor:
        return self._main[list(tokens)][None]

    def per_layer(self, tokens: Sequence[int]) -> torch.Tensor | None:
        if self._per_layer is None:
            return None
        return self._per_layer[list(tokens)].reshape(1, len(tokens), self._config.num_layers, -1)
