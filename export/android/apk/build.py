"""The APK's steps in order; what has not changed since the last build is taken from it."""

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from export.android.apk import tools
from export.android.apk.compile import SOURCES, Compiled, compile_project, compiled
from export.android.apk.dex import make_dex
from export.android.apk.libraries import find_litert, litert_libraries, native_libraries
from export.android.apk.sign import Key, debug_key, own_key, sign
from export.android.apk.zip_writer import PAGE, WORD, Entry, write_zip
from export.android.phone.application import PROPERTIES, Application
from export.android.render import ASSET
from export.errors import ApkError
from export.files import file_sha256, output_errors, write_atomically
from export.outputs import APK, PROJECT
from export.resources import ANDROID

Progress = Callable[[str], None]

READ_BY_CLASSES = "org/commonmark/"
"""The package whose classes read a file beside them; files of other jars are for the JVM, or for tools."""


@dataclass(frozen=True)
class Built:
    """`litert` is the AAR that LiteRT's library came from; None: the app starts, and says that it is missing."""

    apk: Path
    litert: Path | None
    has_asset: bool


def check_apk_needs(litert_aar: Path | None, keystore: Path | None = None, alias: str | None = None) -> Key:
    """What a build would miss, before an export that takes minutes: programs, LiteRT's library, and the key to sign
    with, whose password may be asked for. Returns that key, the debug key without `keystore`. Raises ApkError."""
    for program in ("java", "mvn", "apksigner"):
        tools.find(program)
    litert = find_litert(litert_aar)
    if litert is not None:
        litert_libraries(litert)
    return debug_key() if keystore is None else own_key(keystore, alias)


def build_apk(out: Path, litert_aar: Path | None, key: Key, progress: Progress) -> Built:
    """Builds OUT/app.apk from OUT/android, the project that an export rendered. Raises ApkError,
    UsageError for an application id that is none."""
    out = out.resolve()
    project, work = out / PROJECT, out / "work" / "apk"
    if Application.of_project(project) is None:
        raise ApkError(
            "No Android project to build",
            expected=f"the folder {PROJECT}, as an export renders it",
            found=f"no {PROPERTIES} in it",
            where=str(out),
            action="Export first: python -m export --device pixel",
        )
    litert = find_litert(litert_aar)
    with output_errors(work):
        work.mkdir(parents=True, exist_ok=True)
    parts, dex = _classes(project, work, progress)
    progress(f"LiteRT {'from ' + str(litert) if litert else 'is missing: the app will say so'}")
    asset = project / "app/src/main/assets" / ASSET
    unsigned = work / "unsigned.apk"
    libraries = native_libraries(parts.jna, parts.androidx_libraries, litert)
    with output_errors(unsigned):
        write_zip(unsigned, _entries(parts, dex, libraries, asset if asset.is_file() else None))
    progress("signing")
    partial = work / "signed.apk"
    sign(unsigned, partial, key)
    with output_errors(out / APK):
        partial.replace(out / APK)
    return Built(out / APK, litert, asset.is_file())


def tell(built: Built, say: Progress) -> None:
    """What a user wants to know of the APK."""
    holds = "with the bundle in it" if built.has_asset else "without the bundle: python -m export install sends it"
    say(f"{built.apk}: {built.apk.stat().st_size / 1e6:.1f} MB, {holds}")
    if built.litert is None:
        say("LiteRT's library is not in it: the app starts and says so. Name litert-2.3.0.aar with --litert-aar, from")
        say("Google's Maven repository, or run gradlew in the android folder once: its cache is looked into.")


def _classes(project: Path, work: Path, progress: Progress) -> tuple[Compiled, list[Path]]:
    """Compiled sources and dex files, made anew if a source, a pom or a tool of ours has changed."""
    stamp, wanted = work / "stamp.json", _fingerprint(project)
    try:
        if json.loads(stamp.read_text())["sources"] == wanted:
            dex = sorted((work / "dex").glob("classes*.dex"), key=lambda path: (len(path.name), path.name))
            if dex:
                progress("sources unchanged")
                return compiled(work / "maven", project), dex
    except (OSError, ValueError, KeyError, StopIteration):
        pass
    stamp.unlink(missing_ok=True)
    progress("compiling, by Maven")
    parts = compile_project(project, work)
    progress("shrinking, by R8")
    dex = make_dex(parts, work)
    write_atomically(stamp, json.dumps({"sources": wanted}).encode())
    return parts, dex


def _fingerprint(project: Path) -> str:
    """Of every file that decides what the classes and resources are."""
    files = [path for name in SOURCES for path in (project / name / "src").rglob("*")]
    files += [project / "app/proguard.pro", *ANDROID.glob("pom.xml"), *ANDROID.glob("*/pom.xml")]
    files += [*ANDROID.glob("tools/*.py"), *Path(__file__).parent.glob("*.py")]
    digest = hashlib.sha256()
    for path in sorted(files):
        if path.is_file() and path.name != ASSET:
            digest.update(f"{path}\0{file_sha256(path)}\n".encode())
    return digest.hexdigest()


def _entries(parts: Compiled, dex: list[Path], libraries: list[Entry], asset: Path | None) -> Iterator[Entry]:
    with zipfile.ZipFile(parts.resources) as resources:
        for info in resources.infolist():
            stored = info.compress_type == zipfile.ZIP_STORED
            yield Entry(info.filename, resources.read(info), stored, WORD)
    for path in dex:
        yield Entry(path.name, path.read_bytes(), is_stored=False)
    yield from _files_beside_classes(parts.jars)
    yield from libraries
    if asset:
        # A page, so that the sections of the bundle, which begin on pages of it, do so in memory too.
        yield Entry(f"assets/{ASSET}", asset, is_stored=True, alignment=PAGE)


def _files_beside_classes(jars: Iterable[Path]) -> Iterator[Entry]:
    for path in jars:
        with zipfile.ZipFile(path) as jar:
            for info in jar.infolist():
                if info.filename.startswith(READ_BY_CLASSES) and not info.filename.endswith((".class", "/")):
                    yield Entry(info.filename, jar.read(info), is_stored=False)
