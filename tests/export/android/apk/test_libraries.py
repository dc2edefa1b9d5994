"""Native libraries: taken from AARs, and only if Android can load them."""

import importlib.util
import zipfile
from pathlib import Path

import pytest

from export.android.apk.libraries import _wanted_symbols, find_litert, native_libraries
from export.errors import ApkError
from tests.export.android.apk.elves import elf


def aar(path, members):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


@pytest.fixture
def jna(tmp_path):
    return aar(tmp_path / "jna.aar", {f"jni/{abi}/libjnidispatch.so": elf(abi) for abi in ("arm64-v8a", "x86_64")})


def litert(path, arm=None, x86_64=None, **changes):
    members = {f"jni/{abi}/libLiteRt.so": elf(abi, defined=_wanted_symbols()) for abi in ("arm64-v8a", "x86_64")}
    if changes:
        members["jni/arm64-v8a/libLiteRt.so"] = elf(**({"defined": _wanted_symbols()} | changes))
    if arm is not None:
        members["jni/arm64-v8a/libLiteRt.so"] = arm
    if x86_64 is not None:
        members["jni/x86_64/libLiteRt.so"] = x86_64
    return aar(path, members)


def names(entries):
    return [entry.name for entry in entries]


def test_without_litert(jna, tmp_path):
    found = native_libraries(jna, tmp_path / "nowhere", None)
    assert names(found) == ["lib/arm64-v8a/libjnidispatch.so", "lib/x86_64/libjnidispatch.so"]
    assert all(entry.is_stored and entry.alignment == 16384 for entry in found)


def test_with_litert_and_androidx(jna, tmp_path):
    (tmp_path / "jni/x86_64").mkdir(parents=True)
    (tmp_path / "jni/x86_64/libandroidx.graphics.path.so").write_bytes(elf("x86_64"))
    found = native_libraries(jna, tmp_path / "jni", litert(tmp_path / "litert.aar"))
    assert names(found) == [
        "lib/arm64-v8a/libLiteRt.so",
        "lib/arm64-v8a/libjnidispatch.so",
        "lib/x86_64/libLiteRt.so",
        "lib/x86_64/libandroidx.graphics.path.so",
        "lib/x86_64/libjnidispatch.so",
    ]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"abi": "x86_64"}, "for another processor"),
        ({"page": 4096}, "16 KB pages"),
        ({"needed": ("libc.so.6", "libm.so.6")}, "not Android's"),
        ({"defined": ("LiteRtCreateEnvironment",)}, "lacks functions"),
        ({"arm": b"no library"}, "can't be read"),
    ],
)
def test_a_library_that_would_fail_on_the_phone(jna, tmp_path, changes, says):
    file = litert(tmp_path / "litert.aar", **changes)
    with pytest.raises(ApkError, match=says) as caught:
        native_libraries(jna, tmp_path, file)
    assert "--litert-aar" in caught.value.action and str(file) in caught.value.where and caught.value.exit_code == 14


def test_the_library_of_a_linux_wheel(jna, tmp_path):
    """A real one, as a user may take it by mistake: it wants glibc."""
    folder = Path(importlib.util.find_spec("ai_edge_litert").submodule_search_locations[0])
    file = litert(tmp_path / "litert.aar", x86_64=(folder / "libLiteRt.so").read_bytes())
    with pytest.raises(ApkError, match="not Android's") as caught:
        native_libraries(jna, tmp_path, file)
    assert caught.value.where == f"{file}, x86_64/libLiteRt.so"


def test_an_aar_without_the_library(jna, tmp_path):
    with pytest.raises(ApkError, match="lacks a library"):
        native_libraries(jna, tmp_path, aar(tmp_path / "litert.aar", {"classes.jar": b""}))
    (tmp_path / "text.aar").write_text("no archive")
    with pytest.raises(ApkError, match="lacks a library"):
        native_libraries(jna, tmp_path, tmp_path / "text.aar")


def test_the_functions_are_those_that_the_app_binds():
    assert "LiteRtCreateEnvironment" in _wanted_symbols() and len(_wanted_symbols()) > 20


def test_gradles_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADLE_USER_HOME", str(tmp_path))
    assert find_litert(None) is None
    root = tmp_path / "caches/modules-2/files-2.1/com.google.ai.edge.litert/litert"
    for version in ("2.2.0", "2.3.0", "2.3.10", "2.3.2", "2.4.0"):
        aar(root / version / "0a1b" / f"litert-{version}.aar", {})
    assert find_litert(None) == root / "2.3.10/0a1b/litert-2.3.10.aar"
    named = aar(tmp_path / "mine.aar", {})
    assert find_litert(named) == named
    with pytest.raises(ApkError, match="No such AAR"):
        find_litert(tmp_path / "nowhere.aar")
