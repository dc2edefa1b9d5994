"""The loop around it all: acceptance before, cycles of own text and steps on it, acceptance after, the folder."""

import random
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from export.checkpoint.checkpoint import Checkpoint
from export.checkpoint.pairing import check_pairing
from export.errors import CheckFailedError, UsageError
from export.evidence.encoder import Encoder
from export.evidence.float_ports import one_torch_thread
from export.files import output_errors
from export.progress import Progress
from export.tuning.acceptance import Counted, count_accepted, difference_error, rate
from export.tuning.forward import in_float, round_to_bf16, target_forward
from export.tuning.losses import bfloat16, drafter_loss
from export.tuning.models import load_drafter, load_target
from export.tuning.optimizer import Optimizer
from export.tuning.own_text import Text, continued, stacked
from export.tuning.plan import (
    DECODED_ROWS,
    DRAFT_TOKENS,
    HELD_OUT_TEXTS,
    HELD_OUT_TOKENS,
    MOST_HELD_OUT_TEXTS,
    NEW_TOKENS,
    TuningPlan,
    check_memory,
)
from export.tuning.saving import read_state, refuse_existing, save_drafter, state_path, write_state
from export.tuning.starts import Starts

LEARNING_RATE = 1e-3
BATCHES, USES = 16, 2
"""Batches of own text made at once, and steps that read each."""
UNROLL = 5
BETWEEN_ROUNDS = 0.25
"""Weight of positions where no round of the loop would begin."""
NO_END = 10**9
"""Steps of a schedule whose end is not known yet."""


@dataclass(frozen=True)
class Acceptance:
    """Of drafts on held-out texts, before and after; `error` is the standard error of the difference."""

    before: float
    after: float
    error: float
    texts: int
    drafted: int


@dataclass(frozen=True)
class Tuned:
    """What came of it. `classes` has the acceptance of plain prompts and of chats, where there are both."""

    acceptance: Acceptance
    classes: dict[str, Acceptance]
    steps: int
    own_tokens: int
    seconds: float


class _Run:
    """One re-tuning at work: models, and what its cycles change."""

    def __init__(self, plan: TuningPlan, progress: Progress):
        self.plan, self.progress = plan, progress
        self.encoder, self.stop = Encoder(plan.pair), frozenset(plan.pair.tokens.stop)
        self.control = self.stop | set(plan.pair.target.tokenizer.added.values())
        self.most = plan.most_prompt
        target, drafter = plan.pair.target, plan.pair.drafter
        total, done = plan.read_bytes, 0

        def read(nbytes: int) -> None:
            nonlocal done
            done += nbytes
            progress.advance("load", done, total)

        dtype = torch.float32 if plan.in_float else torch.bfloat16
        self.target = load_target(target, dtype, plan.device, read)
        self.drafter = load_drafter(drafter, plan.device, read)
        self.optimizer = Optimizer([self.drafter], LEARNING_RATE, plan.steps or NO_END)
        self.step = self.cycle = self.own_tokens = 0
        self.said: list[list[int]] = []

    def texts(self, starts: Sequence[list[int]], count: int, beyond: int = 0) -> list[Text]:
        """Each as the target goes on."""
        found, most = [], self.plan.pair.capacity
        count = min(count, most - max(map(len, starts)))
        for i in range(0, len(starts), DECODED_ROWS):
            rows = starts[i : i + DECODED_ROWS]

            def told(made: int, before: int = i, more: int = len(rows)) -> None:
                self.progress.advance("own text", before * count + more * made, len(starts) * count, "tokens")

            found += continued(self.target, rows, count, self.stop, beyond, told)
        return found

    def held_out(self) -> tuple[list[Text], list[bool]]:
        """Texts behind prompts that no training text begins with, and which of them are chats."""
        count = max(HELD_OUT_TEXTS, min(2 * len(self.plan.held_out), MOST_HELD_OUT_TEXTS))
        draw = random.Random(f"{self.plan.seed} held out")
        drawn = Starts(self.encoder, self.plan.held_out, self.most).draw(draw, count)
        texts = self.texts([tokens for tokens, _ in drawn], HELD_OUT_TOKENS, DRAFT_TOKENS)
        return texts, [is_chat for _, is_chat in drawn]

    def count(self, texts: Sequence[Text]) -> list[Counted]:
        rows = max(1, self.plan.positions // max(len(text.tokens) for text in texts))
        return count_accepted(self.target, self.drafter, texts, DRAFT_TOKENS, self.stop, rows)

    def run_cycle(self) -> None:
        """Makes own text and takes steps on it, as many as there are left, or USES for each batch."""
        draw, count = random.Random(f"{self.plan.seed} {self.cycle}"), NEW_TOKENS[self.cycle % len(NEW_TOKENS)]
        rows = max(1, self.plan.positions // (count + self.most // 2))
        left = self.optimizer.steps - self.step
        batches = min(BATCHES, -(-left // USES))
        starts = Starts(self.encoder, self.plan.training, self.most).draw(draw, batches * rows, self.said)
        texts = [text for text in self.texts([tokens for tokens, _ in starts], count) if text.end > text.prompt + 2]
        if not texts:
            raise CheckFailedError(
                "Target says nothing",
                expected="replies of more than two tokens to learn from",
                found="a stop token at once behind every prompt",
                where=self.plan.pair.prompts.source,
                action="Name other prompts with --prompts, or a target that answers them.",
            )
        self.said = [[token for token in text.said if token not in self.control] for text in texts]
        self.said = [said for said in self.said if said]
        self.own_tokens += sum(len(text.said) for text in texts)
        texts.sort(key=lambda text: text.end)
        made = USES * [texts[i : i + rows] for i in range(0, len(texts), rows)]
        draw.shuffle(made)
        for batch in made[:left]:
            loss, accepted = self._train(batch, draw)
            self.step += 1
            self.progress.advance("tune", self.step, max(self.step, min(self.optimizer.steps, NO_END)), "steps")
        self.cycle += 1
        self.progress.stage(
            "tune", f"step {self.step}: loss {loss:.3f}, of each draft where those before were right {accepted}"
        )

    def _train(self, texts: Sequence[Text], draw: random.Random) -> tuple[float, list[float]]:
        """One step on own text."""
        rows, head = stacked(texts, self.target.device), self.drafter.masked_embedding
        slots = torch.arange(rows.shape[1], device=rows.device)
        first = torch.tensor([text.prompt for text in texts], device=rows.device)[:, None]
        last = torch.tensor([text.end - 1 for text in texts], device=rows.device)[:, None]
        with torch.no_grad():
            logits, hidden, kv = target_forward(self.target, rows)
        with bfloat16(self.plan.device):
            loss, centroid_loss, accepted = drafter_loss(
                self.drafter,
                self.target.get_decoder().embed_tokens,
                rows,
                logits,
                hidden.float(),
                in_float(kv),
                UNROLL,
                (slots >= first) & (slots < last),
                None if head is None else head.token_ordering.view(head.num_centroids, -1),
                draw,
                BETWEEN_ROUNDS,
                begins=[text.prompt - 1 for text in texts],
            )
        self.optimizer.step(loss + centroid_loss)
        return float(loss.detach()), accepted

    def state(self) -> dict:
        return {
            "step": self.step,
            "cycle": self.cycle,
            "steps": self.optimizer.steps,
            "own_tokens": self.own_tokens,
            "said": self.said,
            "drafter": dict(self.drafter.named_parameters()),
            "optimizers": [one.state_dict() for one in self.optimizer.optimizers],
        }

    @torch.no_grad()
    def restore(self, state: dict) -> None:
        self.step, self.cycle, self.own_tokens = state["step"], state["cycle"], state["own_tokens"]
        self.said, self.optimizer.steps, self.optimizer.done = state["said"], state["steps"], state["step"]
        for name, parameter in self.drafter.named_parameters():
            parameter.copy_(state["drafter"][name])
        for one, values in zip(self.optimizer.optimizers, state["optimizers"], strict=True):
            one.load_state_dict(values)


def retune(plan: TuningPlan, out: Path, progress: Progress) -> Tuned:
    """Writes the re-tuned drafter to `out`, or raises CheckFailedError where it drafts no better than before; then, and
    where it ends before, nothing is written but a state beside `out`, from which the same call goes on at the last
    cycle's end. The same bytes come of the same plan, threads and machine. Raises SlipstreamError."""
    out = out.absolute()
    refuse_existing(out)
    _prepare(plan)
    with one_torch_thread() if plan.in_float else nullcontext():
        return _retune(plan, out, progress)


def _retune(plan: TuningPlan, out: Path, progress: Progress) -> Tuned:
    begin = time.monotonic()
    # 1. What an earlier run left, if it was the same.
    kept, key = state_path(out), plan.key(torch.get_num_threads())
    state = read_state(kept, key)
    # 2. Models, the held-out texts, and how the drafter does on them.
    progress.stage("load", f"target in {'float' if plan.in_float else 'bfloat16'}, drafter in float")
    run = _Run(plan, progress)
    progress.stage("measure", "the target's text behind held-out prompts")
    texts, chats = run.held_out()
    before = run.count(texts)
    progress.stage("measure", f"accepts {rate(before):.3f} of {sum(one.drafted for one in before)} drafts")
    # 3. Training, cycle by cycle.
    if state:
        run.restore(state)
        progress.stage("tune", f"goes on behind step {run.step}")
    measured = time.monotonic()
    while run.step < run.optimizer.steps:
        run.run_cycle()
        if run.optimizer.steps == NO_END:
            a_step = (time.monotonic() - measured) / run.step
            run.optimizer.steps = max(run.step, int(60 * plan.minutes / a_step))
            progress.stage("tune", f"{run.optimizer.steps} steps take {plan.minutes:g} minutes")
        write_state(kept, run.state() | {"key": key})
    # 4. What ships is rounded.
    round_to_bf16(run.drafter)
    after = run.count(texts)
    tuned = Tuned(_acceptance(before, after), {}, run.step, run.own_tokens, 0.0)
    for name, is_chat in (("plain", False), ("chat", True)):
        rows = [(b, a) for b, a, chat in zip(before, after, chats, strict=True) if chat == is_chat]
        if rows:
            tuned.classes[name] = _acceptance(*zip(*rows, strict=True))
    progress.stage("measure", f"accepts {rate(after):.3f} of {sum(one.drafted for one in after)} drafts")
    # 5. A drafter that is no better is none.
    if tuned.acceptance.after <= tuned.acceptance.before:
        _forget(kept)
        raise _no_better(plan, tuned)
    save_drafter(run.drafter, plan.pair.drafter, out, lambda folder: _check(plan, folder))
    _forget(kept)
    return replace(tuned, seconds=round(time.monotonic() - begin, 1))


def as_json(plan: TuningPlan, tuned: Tuned, out: Path) -> dict:
    """What --json prints."""
    pair = plan.pair
    return {
        "target": pair.target.id,
        "drafter": pair.drafter.id,
        "adapter": pair.target.adapter and pair.target.adapter.id,
        "out": str(out),
        "device": plan.device,
        "seed": plan.seed,
        "prompts": pair.prompts.source,
        "draft_tokens": DRAFT_TOKENS,
        **asdict(tuned),
    }


def _prepare(plan: TuningPlan) -> None:
    """Raises UsageError without such a device, MachineError where its memory is too small."""
    if plan.device == "cpu":
        return
    if not torch.cuda.is_available():
        raise UsageError(
            "There is no CUDA device",
            expected="a GPU that this torch can use",
            found=f"torch {torch.__version__} finds none",
            where="--device cuda",
            action="Mend its driver, or leave --device out: --device cpu takes longer.",
        )
    check_memory(plan.memory_bytes, torch.cuda.mem_get_info()[0], "the GPU")
    torch.use_deterministic_algorithms(True, warn_only=True)


def _acceptance(before: Sequence[Counted], after: Sequence[Counted]) -> Acceptance:
    rates, error = (round(rate(before), 4), round(rate(after), 4)), round(difference_error(before, after), 4)
    return Acceptance(*rates, error, len(after), sum(one.drafted for one in after))


def _check(plan: TuningPlan, folder: Path) -> None:
    check_pairing(plan.pair.target, Checkpoint.open(folder, "drafter"))


def _forget(path: Path) -> None:
    with output_errors(path, "The state of a training that is done can't be removed"):
        path.unlink(missing_ok=True)


def _no_better(plan: TuningPlan, tuned: Tuned) -> CheckFailedError:
    found = tuned.acceptance
    return CheckFailedError(
        "The drafter is no better than it was: nothing is written",
        expected=f"more than {found.before:.3f} of drafts accepted on {found.texts} held-out texts",
        found=f"{found.after:.3f} after {tuned.steps} steps",
        where=plan.pair.drafter.id,
        action="Give more prompts of what the target is used for (--prompts), or more steps; a drafter that fits "
        "its target already has little to learn.",
    )
