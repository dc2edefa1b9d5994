"""`python3 -m export.android.phone reference.json`: the check alone, as an exported Android project carries it.

Standard library only, from Python 3.11 on."""

import argparse
import sys
from pathlib import Path

from export.android.phone.check import check
from export.android.phone.reference import Reference
from export.errors import SlipstreamError


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python3 -m export.android.phone", description="The app's self-check, judged here."
    )
    parser.add_argument("reference", type=Path)
    add_options(parser)
    options = parser.parse_args(arguments)
    try:
        check(Reference.load(options.reference), options.serial, options.timeout, options.save, options.json)
    except SlipstreamError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--device-serial", "--serial", dest="serial", metavar="SERIAL", help="which phone, as `adb devices` names it"
    )
    parser.add_argument("--timeout", type=float, default=900, help="seconds that the self-check may take")
    parser.add_argument("--save", type=Path, metavar="FILE", help="keep the phone's answer")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout and nothing else")


if __name__ == "__main__":
    sys.exit(main())
