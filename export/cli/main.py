"""The command line. Heavy imports live inside the verbs, so that --help answers at once."""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from export.errors import SlipstreamError, UsageError

if TYPE_CHECKING:
    from export.android.apk.build import Built

VERBS = ("generate", "inspect", "verify", "bench", "apk", "install", "check", "devices", "recipes")
DEMO = Path(__file__).parents[1] / "demo"
INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Runs one verb; returns the exit code (export/errors.py lists them)."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        if arguments and arguments[0] in VERBS:
            options = _verb_parser(arguments[0]).parse_args(arguments[1:])
            return globals()[f"_{arguments[0]}"](options) or 0
        return _export(_export_parser().parse_args(arguments))
    except SlipstreamError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        return 0
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from the work folder", file=sys.stderr)
        return INTERRUPTED


def _export_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m export",
        description="Gemma 4 and its drafter, from Hugging Face checkpoints to one verified LiteRT bundle.",
        epilog=f"other verbs: {', '.join(VERBS)} (each with --help)",
    )
    parser.add_argument("--device", required=True, help="what to export for; see `python -m export devices`")
    parser.add_argument("--target", help="folder or hub id (default: the demo pair's target)")
    parser.add_argument("--drafter", help="folder or hub id (default: the demo pair's, or none for another target)")
    parser.add_argument("--recipe", help="how weights are stored; see `python -m export recipes`")
    parser.add_argument("--draft-tokens", type=int, help="drafts a round that `verify` is made for")
    parser.add_argument("--context", type=int, help="cache slots")
    parser.add_argument("--out", type=Path, help="output folder (default: out/DEVICE)")
    parser.add_argument(
        "--from", dest="start", metavar="STAGE", help="run again from lower, quantize, record or report"
    )
    parser.add_argument("--force", action="store_true", help="overwrite an existing output")
    parser.add_argument("--apk", action="store_true", help="build OUT/app.apk too, without Gradle or the Android SDK")
    _add_apk_options(parser)
    return parser


def _add_apk_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--litert-aar", type=Path, metavar="FILE", help="LiteRT's AAR for the APK (default: Gradle's cache)"
    )
    parser.add_argument("--keystore", type=Path, metavar="FILE", help="sign the APK with this (default: a debug key)")
    parser.add_argument("--key-alias", metavar="NAME", help="which key of the key store")


def _verb_parser(verb: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m export {verb}")
    if verb in ("devices", "recipes"):
        return parser
    if verb == "apk":
        parser.add_argument("out", type=Path, nargs="?", help="an export's folder (default: the only one in out)")
        _add_apk_options(parser)
        return parser
    if verb in ("install", "check"):
        parser.add_argument("bundle", type=Path, nargs="?", help="default: the only one in out")
        if verb == "check":
            from export.android.phone.__main__ import add_options

            add_options(parser)
            return parser
        parser.add_argument("--serial", help="which phone, as `adb devices` names it")
        parser.add_argument("--apk", type=Path, help="default: the one beside the bundle")
        return parser
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout and nothing else")
    if verb in ("generate", "bench"):
        parser.add_argument("--threads", type=int, default=1)
    if verb == "generate":
        prompt = parser.add_mutually_exclusive_group(required=True)
        prompt.add_argument("--prompt")
        prompt.add_argument("--prompt-file", type=Path)
        parser.add_argument("--chat", action="store_true", help="one user turn of the chat template")
        parser.add_argument("--draft-tokens", default=None, help="drafts a round, or off")
        parser.add_argument("--max-new-tokens", type=int, default=128)
    return parser


def _export(options: argparse.Namespace) -> int:
    from rich.console import Console

    from export.choices.device import Device, unknown_choice
    from export.choices.recipe import Recipe
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
    build = _apk_builder(options) if options.apk else None
    console = Console(highlight=False)

    def progress(stage: str, what: str) -> None:
        console.print(f"[bold]{stage:>9}[/bold]  {what}")

    report = run(make_plan(target, drafter, device, recipe), out, options.start, options.force, progress)
    built = build(out, lambda what: progress("apk", what)) if build else None
    show(report, out, console, built)
    return 0


def _apk_builder(options: argparse.Namespace) -> Callable[[Path, Callable[[str], None]], "Built"]:
    """Builds the APK of an export's folder, telling of its steps; what it needs is checked here and now."""
    from export.android.apk.build import build_apk, check_apk_needs

    key = check_apk_needs(options.litert_aar, options.keystore, options.key_alias)
    return lambda out, progress: build_apk(out, options.litert_aar, key, progress)


def _generate(options: argparse.Namespace) -> None:
    from export.cli.generate import generate

    text = options.prompt
    if options.prompt_file:
        try:
            text = options.prompt_file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"Prompt file can't be read: {options.prompt_file}",
                expected="a UTF-8 text file",
                found=str(error),
                where="--prompt-file",
                action="Name a text file.",
            ) from error
    generate(
        options.bundle, text, options.chat, options.draft_tokens, options.max_new_tokens, options.threads, options.json
    )


def _inspect(options: argparse.Namespace) -> None:
    from export.cli.inspect import describe, show

    show(describe(options.bundle), options.json)


def _verify(options: argparse.Namespace) -> None:
    from export.cli.verify import verify

    verify(options.bundle, options.json)


def _bench(options: argparse.Namespace) -> None:
    from dataclasses import asdict

    from export.choices.prompts import Prompts
    from export.evidence.speed import measure_speeds
    from runtime_spec.litert.runtime import Runtime

    with Runtime(options.bundle, options.threads) as runtime:
        encoded = [runtime.encode(text)[: runtime.target.capacity // 2] for text in Prompts.load().plain]
        widths = [w - 1 for w in runtime.target.verify_widths if w > 1] if runtime.drafter else []
        result = measure_speeds(runtime.target, runtime.drafter, encoded, [0, *widths], repeats=3)
    if options.json:
        print(json.dumps({name: asdict(row) for name, row in result.items()}))
        return
    for name, row in result.items():
        low, high = row.spread
        line = f"{name:>11}  {row.tokens_per_second:8.1f} tokens/s ({low:.0f}-{high:.0f})  x{row.ratio_to_plain:.2f}"
        print(line + (f"  acceptance {row.acceptance_rate:.3f}" if row.acceptance_rate is not None else ""))


def _apk(options: argparse.Namespace) -> None:
    from export.android.apk.build import tell
    from export.android.phone.install import find_bundle

    out = options.out or find_bundle(None).parent
    tell(_apk_builder(options)(out, lambda what: print(what, flush=True)), print)


def _install(options: argparse.Namespace) -> None:
    from export.android.phone.adb import Phone
    from export.android.phone.install import find_apk, find_bundle, install
    from export.files import file_sha256

    bundle = find_bundle(options.bundle)
    apk = options.apk or find_apk(bundle)
    install(Phone.choose(options.serial), apk, bundle, file_sha256(bundle), lambda text: print(text, flush=True))


def _check(options: argparse.Namespace) -> None:
    from export.android.phone.check import check
    from export.android.phone.install import find_bundle
    from export.android.phone.reference import Reference

    reference = Reference.of_bundle(find_bundle(options.bundle))
    check(reference, options.serial, options.timeout, options.save, options.json)


def _devices(_: argparse.Namespace) -> None:
    from export.choices.device import Device

    for device in Device.all():
        print(f"{device.id:10} {device.description}")


def _recipes(_: argparse.Namespace) -> None:
    from export.choices.recipe import Recipe

    for recipe in Recipe.all():
        print(f"{recipe.name:10} {recipe.description}")


__all__ = ["json", "main"]
