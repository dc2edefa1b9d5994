"""Trains the demo pair from scratch: `python -m export.demo.train OUT`.

Seeded and counted in steps, so the same interpreter, libraries and thread count walk the same path. Stages:
1. tokenizer on the standard library;
2. target: next-token loss; in its last part also the drafter's loss (weight 0.2), so that its hidden states and K/V
   carry what a drafter needs, and an unlikelihood loss on repetitions in its own greedy text (Welleck et al. 2020);
3. drafter alone against the frozen, bf16-rounded target: KL to the target plus half cross-entropy to its argmax,
   unrolled and teacher-forced; then clusters over its head, and the centroids that choose among them;
4. drafter on the target's own greedy text, which is what it will draft for, most of all where rounds begin;
5. target with its MLP twice as wide and the new units without effect at first, trained on as at the end of stage 2;
6. stage 4 for that target;
7. target and drafter once more, with four times as many steps against repetitions, which is too much: the weights kept
   are an average of those before and after (as in model soups, Wortsman et al. 2022);
8. stage 4 for the target as it is now;
9. the drafter without its sliding layer, which makes a draft step a quarter faster, trained on with the target, half of
   the time on the target's own text; the target kept is the average of that and of stage 5's, which predicts held-out
   text better than either;
10. stage 4 for both as they are now;
11. both once more as in stage 9, and on its own text the target also moves towards what the drafter expects, which
    costs it little where it hardly prefers one token to another; averaged with stage 7's, which repeats itself less;
12. stage 4 for both as they are now;
13. two of the target's layers made two each, and both trained on as in stage 11, against repetitions in replies too;
    averaged with what they were before;
14. both once more, with twice as many steps against repetitions in text;
15. stage 4 for both as they are now.

`--start STAGE` takes OUT/target and OUT/drafter as the stage before left them (and for stage 9 OUT/wide, stage 5's;
for stage 11 OUT/calm, stage 7's).
"""

import argparse
import copy
import json
import random
import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from transformers import Gemma4AssistantForCausalLM, Gemma4ForConditionalGeneration

from export.demo import pair
from export.demo.losses import next_token_loss, repetition_loss
from export.demo.rows import Rows, read_rows
from export.demo.tokenizer import BOS, EOS, PAD, TURN_END
from export.tuning.forward import target_forward
from export.tuning.losses import bfloat16, drafter_loss
from export.tuning.optimizer import Optimizer
from export.tuning.own_text import greedy

CLUSTERS_FROM = 0.6
OWN_ROWS, OWN_LENGTH, OWN_PROMPT = 16, 257, (24, 56)
OWN_BATCHES, OWN_USES = 16, 2
"""Batches of own text made at once (a decoding step costs little more over many rows), and steps that read each."""
CORPUS_EVERY = 6
"""Every so many steps of stage 4 read the corpus, so that chats and long positions are not forgotten."""
OWN_UNROLL = 5
BETWEEN_ROUNDS = 0.25
"""Weight in stage 4 of positions where no round of the loop would begin."""


@dataclass(frozen=True)
class TargetPlan:
    """From the share `joint_from` of its steps on, every `joint_every` steps the target learns to be drafted for, with
    `joint_weight` over `joint_unroll` draft steps, and every `repetition_every` steps not to repeat itself, with
    `chat_repetitions` in text and replies by turns. With `own_text` the steps between learn to be drafted for on the
    target's own text, where with `agreement` the target learns from the drafter too. What is kept lies `share` of the
    way from the weights before to those after; with `since`, the target's from those that this stage left."""

    steps: int
    learning_rate: float
    joint_from: float
    joint_every: int
    joint_weight: float
    joint_unroll: int
    repetition_every: int
    own_text: bool = False
    agreement: float = 0.0
    chat_repetitions: bool = False
    share: float = 1.0
    since: str = ""


@dataclass(frozen=True)
class DrafterPlan:
    """The drafter alone, against a frozen target; on the corpus, or mostly on the target's own text."""

    steps: int
    learning_rate: float


NARROW, WIDE = 256, 512
"""Intermediate size of the target's MLP up to stage 4, and from stage 5 on."""
TWICE = [1, 3]
"""Layers of the target that stage 13 makes two of."""
JOINT = TargetPlan(360, 1.5e-3, joint_from=0.0, joint_every=2, joint_weight=0.4, joint_unroll=4, repetition_every=4)
"""What stages 7, 9, 11, 13 and 14 have in common."""
STAGES = {
    "target": TargetPlan(
        1300, 4e-3, joint_from=0.65, joint_every=1, joint_weight=0.2, joint_unroll=2, repetition_every=4
    ),
    "drafter": DrafterPlan(550, 3e-3),
    "own-text": DrafterPlan(500, 1.5e-3),
    "wide": TargetPlan(480, 2e-3, joint_from=0.0, joint_every=2, joint_weight=0.4, joint_unroll=4, repetition_every=8),
    "wide-own-text": DrafterPlan(800, 1.2e-3),
    # Of the shares 0.15, 0.3, 0.4, 0.5 and 1: the larger, the more distinct 4-grams and chats that end, and the fewer
    # drafts accepted.
    "calm": replace(JOINT, steps=120, repetition_every=2, share=0.35),
    "calm-own-text": DrafterPlan(400, 1.2e-3),
    "short": replace(JOINT, own_text=True, share=0.5, since="wide"),
    "short-own-text": DrafterPlan(400, 1.2e-3),
    "agreed": replace(JOINT, own_text=True, agreement=0.5, share=0.7, since="calm"),
    "agreed-own-text": DrafterPlan(800, 1.2e-3),
    "deep": replace(
        JOINT, steps=280, learning_rate=5e-4, own_text=True, agreement=0.5, chat_repetitions=True, share=0.5
    ),
    "deep-calm": replace(
        JOINT, steps=120, learning_rate=8e-4, own_text=True, agreement=0.5, repetition_every=2, share=0.3
    ),
    "deep-own-text": DrafterPlan(400, 1.2e-3),
}
"""In order, from stage 2 on."""


def train_target(
    target, drafter, rows: Rows, checks: dict[str, torch.Tensor], plan: TargetPlan, before: list, save, log
) -> None:
    """Stages 2, 5, 7, 9, 11, 13 and 14. `before`: models with the weights that they are averaged with in the end."""
    optimizer = Optimizer([target, drafter], plan.learning_rate, plan.steps)
    embed, own = target.model.language_model.embed_tokens, []
    log("target at first, held out", held_out_losses(target, checks))
    for step in range(plan.steps):
        batch = rows.step_batch(step)
        inputs = batch[:, :-1]
        joint = step >= plan.joint_from * plan.steps
        accepted, repetition = [], 0.0
        with bfloat16():
            logits, hidden, kv = target_forward(target, inputs)
            loss = cross_entropy = next_token_loss(logits, batch)
            if joint and (plan.own_text or step % plan.joint_every == 0):
                text, states, weights = inputs, (logits, hidden, kv), {}
                if step % plan.joint_every:
                    own = own or own_text(target, rows)
                    text, weights = own.pop()[:, :-1], dict(between_rounds=BETWEEN_ROUNDS, agreement=plan.agreement)
                    states = target_forward(target, text)
                draft, _, accepted = drafter_loss(
                    drafter, embed, text, *states, plan.joint_unroll, text != PAD, **weights
                )
                loss = loss + plan.joint_weight * plan.joint_every * draft
        if joint and step % plan.repetition_every == 0:
            chats = plan.chat_repetitions and step % (2 * plan.repetition_every) > 0
            prompts = rows.chat_prompts(12) if chats else rows.batch(12, 32, 0.0)
            penalty = repetition_loss(target, greedy(target, prompts, 96), prompts.shape[1])
            repetition, loss = float(penalty), loss + penalty
        optimizer.step(loss)
        if step % 20 == 0 or plan.own_text and step % 20 == 1:
            log("target", step, "loss", round(float(cross_entropy), 3), "drafts", accepted, "rep", round(repetition, 3))
        if step % 200 == 199:
            log("target", step, "held out", held_out_losses(target, checks))
            save()
    for model, weights in before:
        average(model, weights, 1 - plan.share)
    log("target, held out", held_out_losses(target, checks))
    save()


@torch.no_grad()
def held_out_losses(target, checks: dict[str, torch.Tensor]) -> dict[str, float]:
    """Nats a token; `checks` are int64[B, T]."""
    losses = {}
    for name, rows in checks.items():
        logits, _, _ = target_forward(target, rows[:, :-1])
        losses[name] = round(float(next_token_loss(logits, rows)), 3)
    return losses


@torch.no_grad()
def average(model, weights: dict[str, torch.Tensor], share: float) -> None:
    """Moves the parameters of `model` by `share` of the way towards `weights`."""
    for name, parameter in model.named_parameters():
        parameter.lerp_(weights[name], share)


def train_drafter(target, drafter, rows: Rows, plan: DrafterPlan, seed: int, save, log) -> None:
    """Stage 3."""
    optimizer, steps = Optimizer([drafter], plan.learning_rate, plan.steps), plan.steps
    embed, clusters, draw = target.model.language_model.embed_tokens, None, random.Random(seed)
    for step in range(steps):
        if clusters is None and step >= CLUSTERS_FROM * steps:
            head = drafter.masked_embedding
            cluster, centroids = pair.balanced_clusters(drafter.lm_head.weight.detach(), pair.NUM_CENTROIDS)
            head.centroids.weight.data.copy_(centroids * 3)
            head.token_ordering.copy_(cluster.argsort(stable=True))
            clusters = head.token_ordering.view(pair.NUM_CENTROIDS, -1)
        batch = rows.step_batch(step)[:, :-1]
        with torch.no_grad():
            logits, hidden, kv = target_forward(target, batch)
        unroll = 2 if step < steps // 3 else 4
        states = logits, hidden, kv
        loss, centroid_loss, accepted = drafter_loss(
            drafter, embed, batch, *states, unroll, batch != PAD, clusters, draw
        )
        optimizer.step(loss + centroid_loss)
        if step % 20 == 0:
            log("drafter", step, "loss", round(float(loss), 3), "centroid", round(float(centroid_loss), 3), accepted)
        if step % 200 == 199:
            save()


@torch.no_grad()
def own_text(target, rows: Rows) -> list[torch.Tensor]:
    """Batches int64[OWN_ROWS, OWN_LENGTH], each OWN_USES times: starts of training text as the target goes on."""
    length = rows.draw.randint(*OWN_PROMPT)
    prompts = rows.batch(OWN_BATCHES * OWN_ROWS, length, 0.0)
    batches = OWN_USES * list(greedy(target, prompts, OWN_LENGTH - length).split(OWN_ROWS))
    rows.draw.shuffle(batches)
    return batches


def refine_drafter(target, drafter, rows: Rows, plan: DrafterPlan, seed: int, save, log) -> None:
    """Stages 4, 6, 8, 10, 12 and 15. Clusters stay as they are; their centroids are trained on."""
    optimizer = Optimizer([drafter], plan.learning_rate, plan.steps)
    embed, draw, own = target.model.language_model.embed_tokens, random.Random(seed), []
    clusters = drafter.masked_embedding.token_ordering.view(pair.NUM_CENTROIDS, -1)
    for step in range(plan.steps):
        from_corpus = step % CORPUS_EVERY == CORPUS_EVERY - 1
        if not from_corpus and not own:
            own = own_text(target, rows)
        batch = (rows.step_batch(step) if from_corpus else own.pop())[:, :-1]
        with torch.no_grad():
            logits, hidden, kv = target_forward(target, batch)
        with bfloat16():
            loss, centroid_loss, accepted = drafter_loss(
                drafter, embed, batch, logits, hidden, kv, OWN_UNROLL, batch != PAD, clusters, draw, BETWEEN_ROUNDS
            )
        optimizer.step(loss + centroid_loss)
        if step % 20 in (0, CORPUS_EVERY - 1):
            text = "corpus" if from_corpus else "own text"
            log("refine", step, text, round(float(loss), 3), "centroid", round(float(centroid_loss), 3), accepted)
        if step % 100 == 99:
            save()


def save_model(model, folder: Path, generation: dict) -> None:
    """A Hugging Face folder as Google publishes it: in bf16, without the head, which is the embedding table again, its
    config with `global_head_dim`."""
    for key, value in generation.items():
        setattr(model.generation_config, key, value)
    state = {
        name: value.to(torch.bfloat16) if value.is_floating_point() else value
        for name, value in model.state_dict().items()
        if name != "lm_head.weight"
    }
    model.config.dtype = torch.bfloat16
    model.save_pretrained(folder, state_dict=state)
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["text_config"].pop("per_layer_config", None)
    config["text_config"]["global_head_dim"] = pair.SHARED_SHAPE["global_head_dim"]
    config["dtype"] = config["text_config"]["dtype"] = "bfloat16"
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="folder that receives target/ and drafter/")
    parser.add_argument("--start", choices=list(STAGES), default="target")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    start = time.monotonic()

    def log(*words) -> None:
        print(f"[{time.monotonic() - start:7.0f} s]", *words, flush=True)

    target_folder, drafter_folder = args.out / "target", args.out / "drafter"
    rows, checks = read_rows(target_folder, args.start == "target", args.seed)
    log("chats", len(rows.chats), "tokens", [len(stream[0]) for stream in rows.streams])
    stops = dict(eos_token_id=[EOS, TURN_END], pad_token_id=PAD, bos_token_id=BOS)

    def save_target() -> None:
        save_model(target, target_folder, stops)

    def save_drafter() -> None:
        drafting = dict(num_assistant_tokens=4, num_assistant_tokens_schedule="constant")
        save_model(drafter, drafter_folder, stops | drafting)

    def load_target(folder: Path = target_folder):
        return Gemma4ForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)

    if args.start == "target":
        target, drafter = pair.new_target(NARROW), pair.new_drafter([pair.SLIDING, pair.FULL])
        log("parameters", *(sum(p.numel() for p in m.parameters()) for m in (target, drafter)))
    else:
        target = load_target()
        drafter = Gemma4AssistantForCausalLM.from_pretrained(drafter_folder, dtype=torch.float32)
    names, kept = list(STAGES), {plan.since for plan in STAGES.values() if isinstance(plan, TargetPlan)}
    for name in names[names.index(args.start) :]:
        log("stage", name)
        plan = STAGES[name]
        if isinstance(plan, TargetPlan):
            if name == "wide":
                target = pair.widened(target, WIDE)
            if name == "deep":
                target = pair.deepened(target, TWICE)
            if name == "short":
                drafter = pair.shortened(drafter)
            before = []
            if plan.since:
                before = [(target, load_target(args.out / plan.since).state_dict())]
            elif plan.share < 1:
                before = [(model, copy.deepcopy(model.state_dict())) for model in (target, drafter)]
            train_target(target.train().requires_grad_(True), drafter, rows, checks, plan, before, save_target, log)
            if name in kept:
                save_model(target, args.out / name, stops)
        else:
            # What the drafter will meet: the weights as they were rounded to be kept.
            target = load_target().eval().requires_grad_(False)
            train = train_drafter if name == "drafter" else refine_drafter
            train(target, drafter, rows, plan, args.seed, save_drafter, log)
        save_drafter()
    log("done")


if __name__ == "__main__":
    main()
