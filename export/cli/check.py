"""`slipstream check`: the app's self-check, judged here against the bundle's golden traces."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from export.android.phone.__main__ import add_options

    parser.add_argument("bundle", type=Path, nargs="?", help="default: the only one in out")
    add_options(parser)


def run(options: argparse.Namespace) -> None:
    """Raises PhoneError, ApkError, BundleError, TraceError, UsageError."""
    from export.android.identity import which_app
    from export.android.phone.check import check
    from export.android.phone.install import find_bundle
    from export.android.phone.reference import Reference

    bundle = find_bundle(options.bundle)
    reference, app = Reference.of_bundle(bundle), which_app(bundle, options.application_id)
    check(reference, app, options.serial, options.timeout, options.save, options.json)
