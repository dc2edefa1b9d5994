"""`python -m export install`: the APK, then the bundle, both checked on the phone."""

import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from export.android.phone.adb import Phone
from export.android.phone.application import Application
from export.android.phone.push import push
from export.errors import ApkError, BundleError
from export.outputs import APKS
from export.outputs import BUNDLE as BUNDLE_NAME

ASSET = "assets/model.litertlm"
ADVICE = {
    "INSTALL_FAILED_UPDATE_INCOMPATIBLE": "Another key signed the installed app. Remove it: adb uninstall {id}",
    "INSTALL_FAILED_VERSION_DOWNGRADE": "A newer app is installed. Remove it: adb uninstall {id}",
    "INSTALL_FAILED_INSUFFICIENT_STORAGE": "Free some storage on the phone.",
    "INSTALL_FAILED_OLDER_SDK": "The app needs Android 10 or newer.",
    "INSTALL_FAILED_NO_MATCHING_ABIS": "The app needs a 64-bit ARM phone or an x86-64 emulator.",
    "INSTALL_FAILED_USER_RESTRICTED": "Allow installing over USB in the phone's developer options.",
    "INSTALL_PARSE_FAILED_NO_CERTIFICATES": "The APK is not signed: build it with --apk, or sign it with apksigner.",
}
Say = Callable[[str], None]


def install(phone: Phone, apk: Path, app: Application, bundle: Path, digest: str, say: Say) -> None:
    """Installs `apk`, which is `app`; sends `bundle`, whose SHA-256 is `digest`, unless the APK holds it. Raises
    PhoneError, ApkError."""
    say(f"{apk.name}, {app.id}, to {phone.serial}")
    is_update = phone.try_shell(f"pm path {app.id}").code == 0
    _install_apk(phone, apk, app)
    # An app that was there before has a bundle already, and keeps it until another one is sent.
    if not is_update and _asset_size(apk) == bundle.stat().st_size:
        # One that was pushed before would be used in its place.
        phone.shell(f"rm -f {app.bundle}")
        say("the APK holds the bundle: nothing else to send")
        return
    # The app makes this folder when it starts: on some phones one made by the shell stays closed to the app.
    phone.try_shell(f"test -d {app.files} || monkey -p {app.id} -c android.intent.category.LAUNCHER 1")
    last = [-1]

    def progress(done: int, size: int) -> None:
        percent = 100 * done // size
        if percent // 10 != last[0] // 10:
            last[0] = percent
            say(f"bundle {done / 1e6:.1f} of {size / 1e6:.1f} MB")

    sent = push(phone, bundle, digest, app.bundle, progress)
    say("the phone's SHA-256 agrees" if sent else "the bundle was there already, and its SHA-256 agrees")


def find_apk(bundle: Path) -> Path:
    """The APK beside a bundle. Raises ApkError."""
    for name in APKS:
        if (bundle.parent / name).is_file():
            return bundle.parent / name
    raise ApkError(
        "No APK beside the bundle",
        expected=" or ".join(APKS),
        found="neither",
        where=str(bundle.parent),
        action="Build one with `python -m export apk`, or with Gradle in the android folder, or name one with --apk.",
    )


def find_bundle(named: Path | None, root: Path = Path("out")) -> Path:
    """The bundle that was named, or the only one in `out`. Raises BundleError."""
    found = [named] if named else sorted(root.glob(f"*/{BUNDLE_NAME}"))
    if len(found) == 1 and found[0].is_file():
        return found[0]
    raise BundleError(
        "No bundle to work with" if len(found) < 2 else "Several bundles to choose from",
        expected="one .litertlm file",
        found=", ".join(map(str, found)) if len(found) > 1 else "no such file",
        where=str(named or root),
        action="Name one, or export one: python -m export --device pixel",
    )


def _install_apk(phone: Phone, apk: Path, app: Application) -> None:
    result = phone.run(["install", "-r", "-t", str(apk)], 120 + apk.stat().st_size / 500_000)
    said = (result.out + result.err).strip()
    if result.code == 0 and "Success" in said:
        return
    advice = next((text for code, text in ADVICE.items() if code in said), "See what the phone says.")
    raise ApkError(
        "The APK was not installed",
        expected="Success",
        found=said[-300:] or f"exit code {result.code}",
        where=f"{phone.serial}: adb install {apk}",
        action=advice.format(id=app.id),
    )


def _asset_size(apk: Path) -> int | None:
    with suppress(KeyError, zipfile.BadZipFile), zipfile.ZipFile(apk) as archive:
        return archive.getinfo(ASSET).file_size
    return None
