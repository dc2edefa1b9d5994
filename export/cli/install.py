"""`slipstream install`: APK and bundle onto a phone."""

import argparse
from pathlib import Path

from export.cli.tell import progress_printer, show_object


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, nargs="?", help="default: the only one in out")
    parser.add_argument("--serial", help="which phone, as `adb devices` names it")
    parser.add_argument("--apk", type=Path, help="default: the one beside the bundle")
    parser.add_argument("--application-id", metavar="ID", help="which app to send the bundle to (default: the APK's)")


def run(options: argparse.Namespace) -> None:
    """Raises PhoneError, ApkError, BundleError, UsageError."""
    from export.android.identity import which_app
    from export.android.phone.adb import Phone
    from export.android.phone.install import find_apk, find_bundle, install
    from export.files import file_sha256

    bundle = find_bundle(options.bundle)
    apk, digest = options.apk or find_apk(bundle), file_sha256(bundle)
    app = which_app(bundle, options.application_id, apk)
    phone = Phone.choose(options.serial)
    install(phone, apk, app, bundle, digest, progress_printer(options.json))
    if options.json:
        told = {"serial": phone.serial, "application_id": app.id, "apk": str(apk)}
        show_object(told | {"bundle": str(bundle), "sha256": digest})
