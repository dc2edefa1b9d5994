"""Everything that follows from checkpoints, device and recipe, before any work: shapes, graphs and names."""

from dataclasses import dataclass, replace

from export.checkpoint.checkpoint import Checkpoint
from export.checkpoint.config import DrafterConfig, TextConfig
from export.checkpoint.pairing import check_pairing
from export.choices.device import Device
from export.choices.recipe import Recipe
from export.errors import UsageError

SENTINELS = (61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127)


@dataclass(frozen=True)
class Width:
    """The sizes of a graph that follow from its number of tokens: `slots` is what its sliding layers see of the
    `capacity` slots of the cache."""

    tokens: int
    slots: int
    capacity: int


@dataclass(frozen=True)
class Plan:
    """What will be exported. `device` carries the user's context length and draft length already."""

    target: Checkpoint
    drafter: Checkpoint | None
    device: Device
    recipe: Recipe
    sentinel: int

    @property
    def capacity(self) -> int:
        return self.device.context_length

    def width(self, tokens: int) -> Width:
        return Width(tokens, self.target.config.window_slots(tokens, self.capacity), self.capacity)

    def signature(self, width: int) -> str:
        """The name of the graph that scores `width` tokens; LiteRT-LM knows `decode` and `verify`."""
        if width == 1:
            return "decode"
        return "verify" if width == self.device.draft_tokens + 1 else f"verify_{width}"


def make_plan(target: str, drafter: str | None, device: Device, recipe: Recipe) -> Plan:
    """Opens and checks both checkpoints. Raises CheckpointError, PairingError or UsageError."""
    opened = Checkpoint.open(target, "target")
    assistant = Checkpoint.open(drafter, "drafter") if drafter else None
    if assistant:
        check_pairing(opened, assistant)
    capacity = min(device.context_length, opened.config.max_position_embeddings)
    lengths = tuple(n for n in device.prefill_lengths if n <= capacity)
    device = replace(device, context_length=capacity, prefill_lengths=lengths)
    return Plan(opened, assistant, device, recipe, _sentinel(opened.config, assistant and assistant.config, capacity))


def _sentinel(config: TextConfig, drafter: DrafterConfig | None, capacity: int) -> int:
    """A number of tokens that can't be mistaken for another size in the graph: a prime that divides none of them, and
    whose window is none of them."""
    sizes = {capacity, config.vocab_size, config.hidden_size, config.num_layers, config.num_heads}
    sizes |= {*config.intermediate_sizes, *config.kv_heads, *config.head_dims}
    sizes |= {config.num_layers * config.per_layer_size, config.per_layer_size}
    for prime in SENTINELS:
        window = config.window_slots(prime, capacity)
        derived = {window, capacity - window} - {capacity, 0}
        divides = any(size % prime == 0 for size in sizes | derived if size)
        if config.num_layers < prime <= capacity and not divides and not derived & sizes:
            return prime
    raise UsageError(
        f"No traced width fits a context of {capacity}",
        expected=f"a context of at least {SENTINELS[0]} and fewer than {SENTINELS[-1]} layers",
        found=f"context {capacity}, {config.num_layers} layers",
        where="--context",
        action="Choose a longer context.",
    )
