"""What a re-tuning will do and need, known before any weight is read. Imports neither torch nor transformers."""

import hashlib
import json
import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from export.checkpoint.checkpoint import Checkpoint
from export.checkpoint.tensors import expected_tensors
from export.choices.device import Device
from export.choices.prompts import Prompts
from export.choices.recipe import Recipe
from export.errors import MachineError, OutputError, UsageError
from export.forecast import SMALL_PAIR, available_memory, cache_bytes
from export.plan import Choices, Plan, fetched, make_plan
from export.tuning.starts import Prompt, split

DEVICES = ("cpu", "cuda")
STEPS = 400
DRAFT_TOKENS = 4
POSITIONS, LOGITS_BYTES = 2048, 1 << 30
"""A step's tokens: so many, and fewer where the target's logits for them would take more."""
MOST_PROMPT = 160
NEW_TOKENS = (96, 192, 96, 384)
"""Longest texts of one cycle of training, and the next."""
HELD_OUT_TOKENS, HELD_OUT_TEXTS, MOST_HELD_OUT_TEXTS = 96, 32, 128
DECODED_ROWS = 128
"""Texts that are made at once: a pass costs little more over many."""
BASE_MEMORY = int(0.9e9)
"""Of Python, torch and Transformers."""
A_PARAMETER = 20
"""Bytes for each of the drafter's: itself, its gradient, two averages, and what a step makes of them."""
OF_LOGITS = 2.0
"""Copies of a step's logits that are held at once, besides chunks."""
CHUNKS = int(0.9e9)


@dataclass(frozen=True)
class TuningPlan:
    """`pair` says what an export of `choices` would: the checkpoints, stop tokens, the chat format. Either `steps` or
    `minutes` is None."""

    choices: Choices
    pair: Plan
    training: tuple[Prompt, ...]
    held_out: tuple[Prompt, ...]
    steps: int | None
    minutes: float | None
    device: str
    seed: int

    @property
    def in_float(self) -> bool:
        """Whether the target is held in float32 too: where it is small, for the sake of the processor."""
        return self.pair.num_parameters <= SMALL_PAIR

    @property
    def positions(self) -> int:
        """Tokens of a training step."""
        return max(64, min(POSITIONS, LOGITS_BYTES // (4 * self.pair.target.config.vocab_size)))

    @property
    def most_prompt(self) -> int:
        return min(MOST_PROMPT, self.pair.capacity // 2)

    @property
    def read_bytes(self) -> int:
        """Of both checkpoints."""
        pair = (self.pair.target, self.pair.drafter)
        return sum(one.tensors.info(name).nbytes for one in pair for name in expected_tensors(one.config, one.prefix))

    @property
    def target_bytes(self) -> int:
        return _parameters(self.pair.target) * (4 if self.in_float else 2)

    @property
    def memory_bytes(self) -> int:
        """Of the device that computes: what it takes at most."""
        target, longest = self.pair.target, self.most_prompt + max(NEW_TOKENS)
        logits = 4 * target.config.vocab_size * self.positions
        kept = (
            DECODED_ROWS * cache_bytes(target.config, min(longest, self.pair.capacity)) // (1 if self.in_float else 2)
        )
        adapter = target.adapter.product_bytes if target.adapter else 0
        trained = A_PARAMETER * _parameters(self.pair.drafter)
        return self.target_bytes + trained + BASE_MEMORY + adapter + 2 * kept + CHUNKS + int(OF_LOGITS * logits)

    @property
    def disk_bytes(self) -> int:
        """The drafter, and what is kept to go on from, in two versions while one is written."""
        return (2 + 2 * 12) * _parameters(self.pair.drafter)

    def key(self, threads: int) -> str:
        """SHA-256 of all that a result follows from: what a kept state must have in common with this run."""
        pair = self.pair
        facts = [pair.target.fingerprint(), pair.drafter.fingerprint(), pair.chat and pair.chat.text]
        facts += [[(prompt.text, prompt.is_chat) for prompt in self.training + self.held_out]]
        facts += [self.steps, self.minutes, self.device, self.seed, threads, pair.tokens.stop]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def check_machine(self, out: Path) -> None:
        """Raises OutputError when the disk, MachineError when the memory can't hold the work."""
        folder = next(path for path in [out.absolute().parent, *out.absolute().parents] if path.exists())
        free = shutil.disk_usage(folder).free
        if free < self.disk_bytes:
            raise OutputError(
                "The disk can't hold the drafter",
                expected=f"{self.disk_bytes / 1e9:.2f} GB free: the drafter, and a state of its training",
                found=f"{free / 1e9:.2f} GB",
                where=str(folder),
                action="Free some space, or choose another folder with --out.",
            )
        if self.device == "cpu":
            check_memory(self.memory_bytes, available_memory(), "/proc/meminfo")


def check_memory(needed: int, found: int | None, where: str) -> None:
    """Raises MachineError."""
    if found is not None and found < needed:
        raise MachineError(
            "The memory can't hold target, drafter and training",
            expected=f"{needed / 1e9:.2f} GB available",
            found=f"{found / 1e9:.2f} GB",
            where=where,
            action="Close other programs, or re-tune on a larger machine; the drafter is a folder that can be copied.",
        )


def make_tuning_plan(
    target: str,
    drafter: str,
    adapter: str | None,
    prompts: Prompts,
    *,
    steps: int | None,
    minutes: float | None,
    device: str,
    seed: int,
    chat_template: Path | None = None,
    use_chat: bool = True,
) -> TuningPlan:
    """Opens and checks both checkpoints as an export does. Raises SlipstreamError."""
    for name, value in (("--steps", steps), ("--minutes", minutes)):
        if value is not None and not (0 < value < 1e6 and math.isfinite(value)):
            raise UsageError(
                f"{name} is out of range",
                expected="a number above 0",
                found=str(value),
                where=name,
                action="Choose more than nothing and less than a million.",
            )
    # Of what is exported for a device nothing but its context matters here, and of a recipe nothing at all.
    device_of_export, recipe = Device.load("desktop"), Recipe.load("float")
    choices = Choices(
        target, drafter, device_of_export, recipe, prompts, None, DRAFT_TOKENS, chat_template, use_chat, adapter
    )
    pair = make_plan(choices)
    for checkpoint in (pair.target, pair.drafter):
        if checkpoint.codes:
            raise UsageError(
                "A drafter is tuned in 16 bits",
                expected="checkpoints of 16 bits",
                found=f"codes of quantisation-aware training in {checkpoint.id}",
                where=str(checkpoint.folder),
                action="Name the 16-bit checkpoint that the codes were made from.",
            )
    training, held_out = split(prompts, pair.chat is not None)
    steps = STEPS if steps is None and minutes is None else steps
    return TuningPlan(choices, pair, training, held_out, steps, minutes, device, seed)


def downloaded(plan: TuningPlan, tell: Callable[[str, int, int], None]) -> TuningPlan:
    """The plan over weights that are here: what is still on the hub is fetched. Raises CheckpointError, OutputError."""
    return replace(plan, pair=fetched(plan.pair, plan.choices, tell)) if plan.pair.absent else plan


def _parameters(checkpoint: Checkpoint) -> int:
    """Of what is loaded: without towers."""
    return sum(math.prod(shape) for shape in expected_tensors(checkpoint.config, checkpoint.prefix).values())
