"""`slipstream export`, or no verb at all: checkpoints in, a verified bundle and an Android project out."""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from export.cli import apk
from export.cli.tell import show_object
from export.resources import DEMO

INTERRUPTED = "interrupted; the same command goes on from the work folder"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", required=True, help="what to export for; the verb `devices` lists them")
    parser.add_argument("--target", help="folder or hub id (default: the demo pair's target)")
    parser.add_argument("--drafter", help="folder or hub id (default: the demo pair's, or none for another target)")
    parser.add_argument(
        "--recipe", metavar="NAME|FILE.toml", help="how weights are stored; the verb `recipes` lists names"
    )
    parser.add_argument("--draft-tokens", type=int, help="drafts a round that `verify` is made for")
    parser.add_argument("--context", type=int, help="cache slots")
    parser.add_argument("--out", type=Path, help="output folder (default: out/DEVICE)")
    parser.add_argument(
        "--from", dest="start", metavar="STAGE", help="run again from lower, quantize, record or report"
    )
    parser.add_argument("--force", action="store_true", help="overwrite an existing output")
    parser.add_argument("--apk", action="store_true", help="build OUT/app.apk too, without Gradle or the Android SDK")
    apk.add_build_arguments(parser)
    parser.add_argument("--json", action="store_true", help="the report on stdout and nothing else, progress on stderr")


def run(options: argparse.Namespace) -> None:
    """Raises SlipstreamError."""
    from export.choices.device import Device, unknown_choice
    from export.choices.recipe import Recipe
    from export.cli.console import progress_on, user_console
    from export.cli.summary import show
    from export.pipeline import STAGES, run
    from export.plan import make_plan

    device = Device.load(options.device)
    if options.start is not None and options.start not in STAGES:
        raise unknown_choice("from", options.start, list(STAGES))
    changes = {"draft_tokens": options.draft_tokens, "context_length": options.context}
    device = replace(device, **{key: value for key, value in changes.items() if value is not None})
    recipe = Recipe.load(options.recipe or device.recipe)
    target = options.target or str(DEMO / "target")
    drafter = options.drafter or (None if options.target else str(DEMO / "drafter"))
    out = options.out or Path("out") / options.device
    if options.apk:
        apk.check_needs(options)
    console = user_console(sys.stderr if options.json else sys.stdout)
    progress = progress_on(console)
    report = run(make_plan(target, drafter, device, recipe), out, options.start, options.force, progress)
    built = apk.build(options, out, lambda what: progress("apk", what)) if options.apk else None
    show(report, out, console, built)
    if options.json:
        show_object(json.loads((out / "report.json").read_text(encoding="utf-8")))
