"""`slipstream install`: APK and bundle onto a phone."""

import argparse
from pathlib import Path

from export.cli.tell import progress_printer, show_object


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, nargs="?", help="default: the only one in out")
    parser.add_argument("--serial", help="which phone, as `adb devices` names it")
    parser.add_argument("--apk", type=Path, help="default: the one beside the bundle")


def run(options: argparse.Namespace) -> None:
    """Raises PhoneError, ApkError, BundleError."""
    from export.android.phone.adb import Phone
    from export.android.phone.install import find_apk, find_bundle, install
    from export.files import file_sha256

    bundle = find_bundle(options.bundle)
    apk, digest = options.apk or find_apk(bundle), file_sha256(bundle)
    phone = Phone.choose(options.serial)
    install(phone, apk, bundle, digest, progress_printer(options.json))
    if options.json:
        show_object({"serial": phone.serial, "apk": str(apk), "bundle": str(bundle), "sha256": digest})
