"""An Android project around one bundle: gradle_template/ and android_app's sources copied, data and wrapper added.

Data only: no source is changed on its way, and a template's path is its path in the output. What the user changes in
the output stays: a file that is neither as an earlier export left it nor as this one would write it is kept. Only what
follows from the bundle is no user's to change: the constants, the golden traces and the bundle itself.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from export.android.identity import AS_IT_IS, Identity
from export.android.phone.application import Application
from export.android.phone.reference import Reference
from export.android.wrapper import find_wrapper
from export.files import file_sha256, output_errors, replacing, write_atomically
from export.outputs import PROJECT
from export.resources import ANDROID, ROOT, TEMPLATE
from runtime_spec.bundle.manifest import Manifest
from runtime_spec.bundle.reader import Bundle

SOURCES = (
    "decode/src/main",
    "litert/src/main",
    "slipstream/src/main",
    "app/src/main",
    "app/proguard.pro",
    "samples/minimal/src/main",
)
CHECK = (
    "export/__init__.py",
    "export/errors.py",
    "export/files.py",
    "export/android/__init__.py",
    "export/android/phone",
    "runtime_spec/__init__.py",
    "runtime_spec/errors.py",
    "runtime_spec/drafting",
    "runtime_spec/reference",
    "runtime_spec/sampling",
)
"""What `python3 -m export.android.phone` needs."""
BINDINGS = "app/src/bindings/kotlin/dev/slipstream/app/ModelBindings.kt"
REFERENCE = "check/reference.json"
ASSET = "model.litertlm"
ASSET_PATH = f"app/src/main/assets/{ASSET}"
OF_THE_BUNDLE = (BINDINGS, REFERENCE, ASSET_PATH)
"""Written, or removed, whatever lies there."""
NOTE = ".slipstream.json"
LARGEST_ASSET = 100_000_000


@dataclass(frozen=True)
class Rendered:
    """`kept` are the paths of files that the user has changed, and that are as the user left them. `application_id` is
    what the project builds an app of."""

    folder: Path
    files: int
    has_asset: bool
    kept: tuple[str, ...]
    application_id: str
    no_wrapper: str | None = None


def render(bundle: Path, out: Path, identity: Identity = AS_IT_IS) -> Rendered:
    """Renders `out`/android for the finished bundle, as the app that `identity` says. Raises OutputError, BundleError;
    UsageError where nothing was chosen and the project's own id is none.

    NOTE in that folder has, by path, the digests that a file of ours may have. It is written before the first file and
    after the last: in between both the old digests and the new count, so that an export that is cut off leaves nothing
    that the next one would take for the user's."""
    folder = out / PROJECT
    has_asset = bundle.stat().st_size <= LARGEST_ASSET
    with output_errors(folder, "The Android project can't be written"):
        named, wrapper = identity.files(folder), find_wrapper(folder)
        contents = dict(_files(bundle, has_asset)) | named | wrapper.files
        wanted = {path: _content_sha256(content) for path, content in contents.items()}
        known = _read_note(folder)
        either = {path: set(digests) for path, digests in known.items()}
        for path, digest in wanted.items():
            either.setdefault(path, set()).add(digest)
        _write_note(folder, either)
        kept = []
        for path, content in contents.items():
            may_go = path in OF_THE_BUNDLE or path in named or _digest_of(folder / path) in (None, *known.get(path, ()))
            if not _place(folder / path, content, wanted[path], may_go):
                kept.append(path)
        for path in {*known, *OF_THE_BUNDLE} - wanted.keys():
            if path in OF_THE_BUNDLE or _digest_of(folder / path) in known[path]:
                (folder / path).unlink(missing_ok=True)
        _write_note(folder, {path: {digest} for path, digest in wanted.items()})
    return Rendered(
        folder, len(wanted), has_asset, tuple(kept), Application.of_project(folder).id, no_wrapper=wrapper.problem
    )


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

    /** Most drafts a round, of the drafter or looked up in the text. */
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
    yield REFERENCE, Reference.of_bundle(bundle).to_json().encode()
    if has_asset:
        yield ASSET_PATH, bundle


def _below(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)


def _place(target: Path, content: bytes | Path, wanted: str, may_go: bool) -> bool:
    """Writes a file, whose digest is `wanted`, unless it is there already or what is there may not go; returns whether
    it is there."""
    if _digest_of(target) == wanted:
        return True
    if not may_go:
        return False
    if isinstance(content, bytes):
        write_atomically(target, content)
        return True
    with replacing(target) as partial:
        shutil.copyfile(content, partial)
        shutil.copymode(content, partial)
    return True


def _content_sha256(content: bytes | Path) -> str:
    return hashlib.sha256(content).hexdigest() if isinstance(content, bytes) else file_sha256(content)


def _digest_of(path: Path) -> str | None:
    try:
        return file_sha256(path)
    except OSError:
        return None


def _write_note(folder: Path, digests: dict[str, set[str]]) -> None:
    values = {path: sorted(found) for path, found in sorted(digests.items())}
    write_atomically(folder / NOTE, (json.dumps(values, indent=0) + "\n").encode())


def _read_note(folder: Path) -> dict[str, tuple[str, ...]]:
    """Digests by path; empty if there is no note, or not one that was written here."""
    with suppress(OSError, ValueError, RecursionError):
        values = json.loads((folder / NOTE).read_text(encoding="utf-8"))
        if isinstance(values, dict) and all(map(_is_inside, values)) and all(map(_is_digests, values.values())):
            return {path: tuple(digests) for path, digests in values.items()}
    return {}


def _is_inside(path: str) -> bool:
    """Files that are no longer rendered are removed: a note may be anybody's."""
    return not Path(path).is_absolute() and ".." not in Path(path).parts


def _is_digests(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(digest, str) for digest in value)
