"""`slipstream export`, or no verb at all: checkpoints in, a verified bundle and an Android project out."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from export.cli import apk
from export.cli.tell import show_object
from export.resources import DEMO

if TYPE_CHECKING:
    from export.cli.console import ConsoleProgress
    from export.plan import Choices

NO_DRAFTER = "none"
"""For --drafter. A folder of that name is ./none."""
INTERRUPTED = "interrupted; the same command goes on where this ended"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    _add_choices(parser)
    parser.add_argument("--out", type=Path, help="output folder (default: out/DEVICE)")
    parser.add_argument(
        "--from", dest="start", metavar="STAGE", help="run again from lower, quantize, check, record, bench or report"
    )
    parser.add_argument("--force", action="store_true", help="overwrite an existing output")
    parser.add_argument("--dry-run", action="store_true", help="print the plan, do nothing")
    parser.add_argument("--no-bench", action="store_true", help="do not measure speed")
    parser.add_argument(
        "--accept-loss", action="store_true", help="seal a bundle outside its recipe's tolerances; it will say so"
    )
    parser.add_argument("--apk", action="store_true", help="build OUT/app.apk too, without Gradle or the Android SDK")
    apk.add_build_arguments(parser)
    parser.add_argument(
        "--application-id", metavar="ID", help="the app's, on phones and in stores (default: dev.slipstream.app)"
    )
    parser.add_argument("--app-name", metavar="NAME", help="what the launcher calls the app (default: Slipstream)")
    parser.add_argument("--json", action="store_true", help="the report on stdout and nothing else, progress on stderr")


def _add_choices(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", required=True, help="what to export for; the verb `devices` lists them")
    parser.add_argument(
        "--target", metavar="DIR|ORG/NAME[@REVISION]", help="folder or hub id (default: the demo pair's target)"
    )
    parser.add_argument(
        "--drafter",
        metavar="DIR|ORG/NAME[@REVISION]|none",
        help="folder or hub id, or none: drafts are looked up in the text (default: the demo pair's; none for another "
        "target)",
    )
    add_adapter_argument(parser)
    parser.add_argument(
        "--recipe",
        metavar="NAME|FILE.toml",
        help="how weights are stored; the verb `recipes` lists names (default: the device's; qat for codes)",
    )
    parser.add_argument("--draft-tokens", type=int, help="most drafts a round, which `verify` is made for")
    parser.add_argument("--context", type=int, help="cache slots")
    parser.add_argument(
        "--prompts", type=Path, metavar="FILE", help="what is checked and measured: one prompt a line, or TOML"
    )
    add_chat_arguments(parser)


def add_adapter_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--adapter",
        action="append",
        metavar="DIR|ORG/NAME[@REVISION]",
        help="LoRA adapter of the target (PEFT's folder) to merge into it",
    )


def add_chat_arguments(parser: argparse.ArgumentParser) -> None:
    chat = parser.add_mutually_exclusive_group()
    chat.add_argument("--chat-template", type=Path, metavar="FILE", help="Jinja in place of the checkpoint's template")
    chat.add_argument("--no-chat", action="store_true", help="leave the chat template out: plain prompts only")


def run(options: argparse.Namespace) -> None:
    """Raises SlipstreamError."""
    from export.android.identity import Identity
    from export.cli.console import ConsoleProgress, user_console
    from export.cli.plan_table import plan_json, plan_rows
    from export.cli.summary import show, show_plan
    from export.forecast import check_machine, forecast
    from export.outputs import PROJECT
    from export.pipeline import Options, is_lowered, run
    from export.plan import fetched, make_plan
    from export.work import refuse_finished

    choices, out = _choices(options), options.out or Path("out") / options.device
    # What costs nothing to find out comes before a download and minutes of work.
    identity = Identity(options.application_id, options.app_name)
    identity.check(out / PROJECT)
    if not options.dry_run:
        refuse_finished(out, options.force, options.start)
    build = apk.builder(options) if options.apk else None
    plan = make_plan(choices)
    found = forecast(plan, is_lowered(plan, out))
    console = user_console(sys.stderr if options.json else sys.stdout)
    if options.dry_run and options.json:
        show_object(json.loads(plan_json(plan, found)))
    else:
        show_plan(plan_rows(plan, found), console)
    if options.dry_run:
        check_machine(found, out, 0)
        return
    with ConsoleProgress(console) as progress:
        if plan.absent:
            check_machine(found, out, 0)
            progress.stage("download", f"{found.download_bytes / 1e6:,.1f} MB into {found.download_folder}")
            plan = fetched(plan, choices, downloading(progress))
        how = Options(options.start, options.force, options.accept_loss, not options.no_bench, identity)
        report = run(plan, out, how, progress)
        built = build(out, lambda what: progress.stage("apk", what)) if build else None
    show(report, out, console, built)
    if options.json:
        show_object(json.loads(report.to_json()))


def downloading(progress: "ConsoleProgress") -> Callable[[str, int, int], None]:
    """Names each file as it begins, and tells of bytes."""
    begun = set()

    def tell(name: str, here: int, total: int) -> None:
        if name not in begun:
            begun.add(name)
            progress.stage("download", name)
        progress.advance("download", here, total)

    return tell


def _choices(options: argparse.Namespace) -> "Choices":
    from export.choices.device import Device, unknown_choice
    from export.choices.prompts import Prompts
    from export.choices.recipe import Recipe
    from export.plan import Choices
    from export.work import STAGES

    device = Device.load(options.device)
    if options.start is not None and options.start not in STAGES:
        raise unknown_choice("from", options.start, list(STAGES))
    return Choices(
        target=options.target or str(DEMO / "target"),
        drafter=_drafter(options),
        device=device,
        recipe=Recipe.load(options.recipe) if options.recipe else None,
        prompts=Prompts.load(options.prompts),
        context=options.context,
        draft_tokens=options.draft_tokens,
        chat_template=options.chat_template,
        use_chat=not options.no_chat,
        adapter=one_adapter(options.adapter),
    )


def _drafter(options: argparse.Namespace) -> str | None:
    if options.drafter is None:
        return None if options.target else str(DEMO / "drafter")
    return None if options.drafter == NO_DRAFTER else options.drafter


def one_adapter(adapters: list[str] | None) -> str | None:
    """Raises UsageError."""
    from export.errors import UsageError

    if adapters and len(adapters) > 1:
        raise UsageError(
            "Several adapters",
            expected="one --adapter: PEFT's ways to combine several give different models",
            found=", ".join(adapters),
            where="--adapter",
            action="Combine them with PEFT (add_weighted_adapter), save the result, and name that folder.",
        )
    return adapters[0] if adapters else None
