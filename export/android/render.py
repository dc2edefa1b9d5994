"""An Android project around one bundle: gradle_template/ and android_app's sources copied, one file of constants made.

Data only: no source is changed on its way, and a template's path is its path in the output. What the user changes in
the output stays: a file that is neither as an earlier export left it nor as this one would write it is kept.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from export.android.phone.reference import Reference
from export.errors import OutputError
from export.resources import ANDROID, ROOT, TEMPLATE
from runtime_spec.bundle.manifest import Manifest
from runtime_spec.bundle.reader import Bundle

SOURCES = ("decode/src/main", "litert/src/main", "app/src/main", "app/proguard.pro")
CHECK = (
    "export/__init__.py",
    "export/errors.py",
    "export/android/__init__.py",
    "export/android/phone",
    "runtime_spec/__init__.py",
    "runtime_spec/errors.py",
    "runtime_spec/reference",
)
"""What `python3 -m export.android.phone` needs."""
BINDINGS = "app/src/bindings/kotlin/dev/slipstream/app/ModelBindings.kt"
ASSET = "model.litertlm"
LARGEST_ASSET = 100_000_000


@dataclass(frozen=True)
class Rendered:
    """`kept` are the paths of files that the user has changed, and that are as the user left them."""

    folder: Path
    files: int
    has_asset: bool
    kept: tuple[str, ...]


def render(bundle: Path, out: Path) -> Rendered:
    """Renders `out`/android for the finished bundle. Raises OutputError, BundleError."""
    folder, noted = out / "android", out / "work" / "android.json"
    has_asset = bundle.stat().st_size <= LARGEST_ASSET
    known = _known(noted)
    wanted: dict[str, str] = {}
    kept = []
    try:
        for path, content in _files(bundle, has_asset):
            wanted[path], written = _place(folder / path, content, known.get(path))
            if not written:
                kept.append(path)
        for path in known.keys() - wanted.keys():
            if _digest_of(folder / path) == known[path]:
                (folder / path).unlink()
        noted.parent.mkdir(parents=True, exist_ok=True)
        noted.write_text(json.dumps(wanted, indent=0) + "\n")
    except OSError as error:
        raise OutputError(
            "The Android project can't be written",
            expected="a folder that can be written to",
            found=str(error),
            where=str(folder),
            action="Choose another folder with --out, or mend its permissions.",
        ) from error
    return Rendered(folder, len(wanted), has_asset, tuple(kept))


def bindings(manifest: Manifest, size: int, asset: str | None) -> str:
    """The one generated source: constants of a bundle of `size` bytes, packed into the APK as `asset` or not at all."""
    drafter = manifest.drafter.id if manifest.drafter else ""
    return f"""package dev.slipstream.app

/** The bundle this app was made for. The export wrote this file. */
internal object ModelBindings {{
    /** `manifest_sha256` of the bundle's manifest, which is over the digests of all its sections. */
    const val BUNDLE_SHA256: String = {kotlin_string(manifest.manifest_sha256)}

    /** Bytes of the `.litertlm`. */
    const val BUNDLE_SIZE: Long = {size}L

    /** The asset that holds the bundle, uncompressed, where it is packed into the APK. */
    val BUNDLE_ASSET: String? = {"null" if asset is None else kotlin_string(asset)}
    const val TARGET_ID: String = {kotlin_string(manifest.target.id)}

    /** Empty without a drafter. */
    const val DRAFTER_ID: String = {kotlin_string(drafter)}
    const val RECIPE: String = {kotlin_string(manifest.recipe.name)}

    /** Drafts a round that the drafter was exported for. */
    const val DRAFT_TOKENS: Int = {manifest.draft_tokens}

    /** Tokens. */
    const val CONTEXT_LENGTH: Int = {manifest.context_length}
}}
"""


def kotlin_string(text: str) -> str:
    """A Kotlin string literal of that value: quotes, backslashes, dollars, control and other characters escaped."""
    escaped = []
    for letter in text:
        if letter in '\\"$':
            escaped.append("\\" + letter)
        elif " " <= letter <= "~":
            escaped.append(letter)
        else:
            units = letter.encode("utf-16-be", "surrogatepass")
            escaped += [f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2)]
    return '"' + "".join(escaped) + '"'


def _files(bundle: Path, has_asset: bool) -> Iterator[tuple[str, bytes | Path]]:
    """Paths in the project, with the bytes to write there or the file to copy."""
    for file in _below(TEMPLATE):
        yield file.relative_to(TEMPLATE).as_posix(), file
    for source in SOURCES:
        for file in _below(ANDROID / source):
            yield file.relative_to(ANDROID).as_posix(), file
    for source in CHECK:
        for file in _below(ROOT / source):
            yield f"check/{file.relative_to(ROOT).as_posix()}", file
    with Bundle.open(bundle) as opened:
        text = bindings(opened.manifest, bundle.stat().st_size, ASSET if has_asset else None)
    yield BINDINGS, text.encode()
    yield "check/reference.json", Reference.of_bundle(bundle).to_json().encode()
    if has_asset:
        yield f"app/src/main/assets/{ASSET}", bundle


def _below(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)


def _place(target: Path, content: bytes | Path, known: str | None) -> tuple[str, bool]:
    """Writes a file unless it is there already, or the user's; returns the digest it should have, and if it has."""
    wanted = hashlib.sha256(content).hexdigest() if isinstance(content, bytes) else _digest_of(content)
    found = _digest_of(target)
    if found != wanted and (found in (None, known) or isinstance(content, bytes)):
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.partial")
        with suppress(FileNotFoundError):
            partial.unlink()
        if isinstance(content, bytes):
            partial.write_bytes(content)
        else:
            shutil.copyfile(content, partial)
            shutil.copymode(content, partial)
        os.replace(partial, target)
        found = wanted
    return wanted, found == wanted


def _digest_of(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _known(noted: Path) -> dict[str, str]:
    """Digests by path, as the last export left the project; empty if there was none."""
    with suppress(OSError, ValueError):
        values = json.loads(noted.read_text())
        if isinstance(values, dict):
            return values
    return {}
