"""Native libraries: JNA's, androidx's and LiteRT's, each checked before it goes into an APK."""

import os
import re
import zipfile
from pathlib import Path

from export.android.apk.elf import read_elf
from export.android.apk.zip_writer import PAGE, Entry
from export.errors import ApkError
from export.resources import ANDROID

ABIS = ("arm64-v8a", "x86_64")
LITERT = "libLiteRt.so"
VERSION = "2.3"
CACHED = f"caches/modules-2/files-2.1/com.google.ai.edge.litert/litert/{VERSION}.*/*/litert-*.aar"
API = "litert/src/main/kotlin/dev/slipstream/litert/LiteRtApi.kt"


def native_libraries(jna: Path, androidx: Path, litert: Path | None) -> list[Entry]:
    """All libraries for all ABIs. `jna` and `litert` are AARs, `androidx` a folder ABI/*.so. Raises ApkError."""
    found = {f"{abi}/libjnidispatch.so": _member(jna, f"jni/{abi}/libjnidispatch.so") for abi in ABIS}
    for abi in ABIS:
        found |= {f"{abi}/{file.name}": file.read_bytes() for file in (androidx / abi).glob("*.so")}
    for name, data in found.items():
        _check(name, data, frozenset(), jna)
    if litert:
        found |= litert_libraries(litert)
    return [Entry(f"lib/{name}", data, is_stored=True, alignment=PAGE) for name, data in sorted(found.items())]


def litert_libraries(aar: Path) -> dict[str, bytes]:
    """LiteRT's library for each ABI, by ABI/NAME, with every function that the app calls. Raises ApkError."""
    found = {f"{abi}/{LITERT}": _member(aar, f"jni/{abi}/{LITERT}") for abi in ABIS}
    wanted = _wanted_symbols()
    for name, data in found.items():
        _check(name, data, wanted, aar)
    return found


def find_litert(named: Path | None) -> Path | None:
    """The AAR that was named, or the newest that fits in Gradle's cache, or None. Raises ApkError for a wrong name."""
    if named is not None:
        if not named.is_file():
            raise _error("No such AAR", "a file", "nothing", named)
        return named
    home = Path(os.environ.get("GRADLE_USER_HOME") or Path.home() / ".gradle")

    def number(path: Path) -> list[int]:
        return [int(part) for part in re.findall(r"\d+", path.name)]

    return max(home.glob(CACHED), key=number, default=None)


def _wanted_symbols() -> frozenset[str]:
    """The functions that the app binds."""
    return frozenset(re.findall(r"external fun (LiteRt\w+)", (ANDROID / API).read_text(encoding="utf-8")))


def _member(aar: Path, name: str) -> bytes:
    try:
        with zipfile.ZipFile(aar) as archive:
            return archive.read(name)
    except (OSError, zipfile.BadZipFile, KeyError) as error:
        raise _error("An AAR lacks a library", name, str(error), aar) from None


def _check(name: str, data: bytes, wanted: frozenset[str], archive: Path) -> None:
    where = f"{archive}, {name}"
    try:
        elf = read_elf(data)
    except ValueError as error:
        raise _error("A library can't be read", f"an ELF library for {name.split('/')[0]}", str(error), where) from None
    linux = [library for library in elf.needed if re.search(r"\.so\.\d", library)]
    missing = sorted(wanted - elf.symbols)
    if elf.abi != name.split("/")[0]:
        raise _error("A library is for another processor", name.split("/")[0], str(elf.abi), where)
    if linux:
        raise _error("A library is not Android's", "one that needs Android's libraries", linux[0], where)
    if elf.page < PAGE:
        raise _error("A library can't be loaded on 16 KB pages", f"alignment {PAGE}", str(elf.page), where)
    if missing:
        found = f"none of {', '.join(missing[:3])}" + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        raise _error("LiteRT lacks functions that the app calls", f"LiteRT {VERSION}", found, where)


def _error(title: str, expected: str, found: str, where: Path | str) -> ApkError:
    return ApkError(
        title,
        expected=expected,
        found=found,
        where=str(where),
        action=f"Name litert-{VERSION}.0.aar (com.google.ai.edge.litert:litert, Google's Maven repository) with "
        "--litert-aar.",
    )
