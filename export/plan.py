"""Everything that follows from checkpoints, device and recipe, before any work: shapes, graphs and names."""

from dataclasses import dataclass, replace

from export.checkpoint.checkpoint import Checkpoint
from export.checkpoint.pairing import check_pairing
from export.choices.device import Device
from export.choices.recipe import Recipe
from export.modules.reads import drafter_reads


@dataclass(frozen=True)
class Width:
    """The sizes of a graph that no checkpoint sets: `slots` is what its sliding layers read of the `capacity` slots of
    the cache."""

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

    @property
    def capacity(self) -> int:
        return self.device.context_length

    def width(self, tokens: int) -> Width:
        """The sizes of the target's graph over `tokens` tokens."""
        return Width(tokens, self.target.config.window_slots(tokens, self.capacity), self.capacity)

    @property
    def drafter_width(self) -> Width:
        """The sizes of the drafter's graph."""
        return Width(1, drafter_reads(self.drafter.config, self.capacity).window or self.capacity, self.capacity)

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
    return Plan(opened, assistant, device, recipe)
