"""`python3 -m export.android.phone reference.json`: the check alone, as an exported Android project carries it.

Standard library only, from Python 3.11 on."""

import argparse
import sys
from pathlib import Path

from export.android.phone.application import PROPERTIES, Application
from export.android.phone.check import check
from export.android.phone.reference import Reference
from export.errors import SlipstreamError, UsageError


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python3 -m export.android.phone", description="The app's self-check, judged here."
    )
    parser.add_argument("reference", type=Path)
    add_options(parser)
    options = parser.parse_args(arguments)
    try:
        reference = Reference.load(options.reference)
        app = _application(options)
        check(reference, app, options.serial, options.timeout, options.save, options.json)
    except SlipstreamError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--application-id", metavar="ID", help="which app (default: the exported one)")
    parser.add_argument(
        "--device-serial", "--serial", dest="serial", metavar="SERIAL", help="which phone, as `adb devices` names it"
    )
    parser.add_argument("--timeout", type=float, default=900, help="seconds that the self-check may take")
    parser.add_argument("--save", type=Path, metavar="FILE", help="keep the phone's answer")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout and nothing else")


def _application(options: argparse.Namespace) -> Application:
    """The app of the project that the reference lies in, unless another was named. Raises UsageError."""
    if options.application_id is not None:
        return Application(options.application_id)
    project = options.reference.resolve().parents[1]
    found = Application.of_project(project)
    if found is None:
        raise UsageError(
            "Which app is to be checked?",
            expected=f"{PROPERTIES}, in the project that {options.reference.name} lies in",
            found="no such file",
            where=str(project),
            action="Name the app with --application-id.",
        )
    return found


if __name__ == "__main__":
    sys.exit(main())
