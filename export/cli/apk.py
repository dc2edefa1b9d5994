"""`slipstream apk`: OUT/app.apk from OUT/android."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from export.cli.tell import progress_printer, show_object

if TYPE_CHECKING:
    from export.android.apk.build import Built


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("out", type=Path, nargs="?", help="an export's folder (default: the only one in out)")
    add_build_arguments(parser)


def add_build_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--litert-aar", type=Path, metavar="FILE", help="LiteRT's AAR for the APK (default: Gradle's cache)"
    )
    parser.add_argument("--keystore", type=Path, metavar="FILE", help="sign the APK with this (default: a debug key)")
    parser.add_argument("--key-alias", metavar="NAME", help="which key of the key store")


def run(options: argparse.Namespace) -> None:
    """Raises ApkError."""
    from export.android.apk.build import tell
    from export.android.phone.install import find_bundle

    say = progress_printer(options.json)
    built = builder(options)(options.out or find_bundle(None).parent, say)
    tell(built, say)
    if options.json:
        litert = str(built.litert) if built.litert else None
        size = built.apk.stat().st_size
        show_object({"apk": str(built.apk), "bytes": size, "litert": litert, "has_asset": built.has_asset})


def builder(options: argparse.Namespace) -> Callable[[Path, Callable[[str], None]], "Built"]:
    """Builds the APK of an export's folder, telling of its steps. What a build would miss is found here and now, before
    an export that takes minutes. Both raise ApkError."""
    from export.android.apk.build import build_apk, check_apk_needs

    key = check_apk_needs(options.litert_aar, options.keystore, options.key_alias)
    return lambda out, progress: build_apk(out, options.litert_aar, key, progress)
