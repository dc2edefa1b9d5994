"""`slipstream retune`: a drafter that learns from the target's own text, for a fine-tune whose stock drafter has become
wrong."""

import argparse
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from export.cli.export import add_adapter_argument, add_chat_arguments, downloading, one_adapter
from export.cli.tell import show_object

if TYPE_CHECKING:
    from export.tuning.plan import TuningPlan
    from export.tuning.tune import Tuned

INTERRUPTED = "interrupted; nothing is written, and the same command goes on from the last cycle's end"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "Trains a drafter on what the target itself says, and measures how many of its drafts are accepted on held-out "
        "prompts before and after. The target stays as it is. Where the drafter is no better, nothing is written and "
        "the exit code is 7. It learns what it is shown: give prompts of the target's own use, some hundred if there "
        "are; the few that come with the program are about code."
    )
    parser.add_argument("--target", required=True, help="folder or hub id")
    parser.add_argument("--drafter", required=True, help="folder or hub id of the drafter to begin with")
    add_adapter_argument(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder for the new drafter, which export takes")
    parser.add_argument(
        "--prompts", type=Path, metavar="FILE", help="of the target's own use: one prompt a line, or TOML as for export"
    )
    add_chat_arguments(parser)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, help="how long (default: 400)")
    length.add_argument(
        "--minutes", type=float, help="as many steps as fit, by the first cycle's pace; the other work not counted"
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is drawn (default: 0)")
    parser.add_argument("--dry-run", action="store_true", help="print the plan, do nothing")
    parser.add_argument("--json", action="store_true", help="what came of it on stdout and nothing else")


def run(options: argparse.Namespace) -> None:
    """Raises SlipstreamError."""
    from export.choices.device import unknown_choice
    from export.choices.prompts import Prompts
    from export.cli.console import ConsoleProgress, user_console
    from export.cli.summary import show_plan
    from export.tuning.plan import DEVICES, downloaded, make_tuning_plan
    from export.tuning.saving import refuse_existing

    # What costs nothing to find out comes before a download.
    if options.device not in DEVICES:
        raise unknown_choice("device", options.device, list(DEVICES))
    refuse_existing(options.out)
    prompts, adapter = Prompts.load(options.prompts), one_adapter(options.adapter)
    plan = make_tuning_plan(
        options.target,
        options.drafter,
        adapter,
        prompts,
        steps=options.steps,
        minutes=options.minutes,
        device=options.device,
        seed=options.seed,
        chat_template=options.chat_template,
        use_chat=not options.no_chat,
    )
    console = user_console(sys.stderr if options.json else sys.stdout)
    if options.dry_run and options.json:
        show_object(plan_json(plan))
    else:
        show_plan(plan_rows(plan), console)
    plan.check_machine(options.out)
    if options.dry_run:
        return
    # Transformers imports torchao where it is installed, which logs a deprecation of its own.
    logging.getLogger("torch.utils._pytree").setLevel(logging.ERROR)
    from export.tuning.tune import as_json, retune

    with ConsoleProgress(console) as progress:
        plan = downloaded(plan, downloading(progress))
        tuned = retune(plan, options.out, progress)
    if options.json:
        show_object(as_json(plan, tuned, options.out))
    else:
        show_plan(tuned_rows(tuned, options.out), console)


def plan_json(plan: "TuningPlan") -> dict:
    """The plan as one object; sizes in bytes."""
    pair = plan.pair
    return {
        "target": pair.target.id,
        "adapter": pair.target.adapter and pair.target.adapter.id,
        "drafter": pair.drafter.id,
        "prompts": pair.prompts.source,
        "training_prompts": len(plan.training),
        "held_out_prompts": len(plan.held_out),
        "steps": plan.steps,
        "minutes": plan.minutes,
        "device": plan.device,
        "seed": plan.seed,
        "memory_bytes": plan.memory_bytes,
        "disk_bytes": plan.disk_bytes,
        "skipped": [{"name": tower.name, "bytes": tower.nbytes} for tower in pair.target.skipped],
        "warnings": pair.warnings,
    }


def plan_rows(plan: "TuningPlan") -> list[tuple[str, str]]:
    """What will be done, for people."""
    from export.cli.plan_table import adapter_rows, size
    from export.forecast import available_memory

    pair = plan.pair
    skipped = ", ".join(f"{tower.name} {size(tower.nbytes)}" for tower in pair.target.skipped)
    prompts, held_out = pair.prompts.source, len(plan.held_out)
    kinds = "" if any(prompt.is_chat for prompt in plan.training + plan.held_out) else ", none of them chats"
    memory = available_memory() if plan.device == "cpu" else None
    there = f" of {size(memory)} available" if memory is not None else ""
    rows = [
        ("target", f"{pair.target.id}, as it is" + (f"; skips {skipped}" if skipped else "")),
        *adapter_rows(pair),
        ("drafter", pair.drafter.id),
        ("prompts", f"{prompts}: {len(plan.training)} to learn from, {held_out} held out{kinds}"),
        ("length", f"{plan.steps} steps" if plan.steps else f"{plan.minutes:g} minutes"),
        ("here", f"{size(plan.memory_bytes)} of memory{there} ({plan.device}), {size(plan.disk_bytes)} of disk"),
    ]
    return rows + [("warning", text) for text in pair.warnings]


def tuned_rows(tuned: "Tuned", out: Path) -> list[tuple[str, str]]:
    """What came of it, for people."""
    rows = []
    for name, found in {"accepted": tuned.acceptance, **tuned.classes}.items():
        error = f" (standard error {found.error:.3f}, {found.texts} held-out texts)"
        rows.append((name, f"{found.before:.3f} of drafts before, {found.after:.3f} after{error}"))
    rows.append(
        ("learned", f"{tuned.steps} steps on {tuned.own_tokens:,} tokens of the target's in {tuned.seconds:.0f} s")
    )
    rows.append(("in", f"{out}; `python -m export export --drafter` takes it"))
    return rows
