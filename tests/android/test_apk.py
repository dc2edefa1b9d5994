"""A whole APK out of a rendered project: what Android's own tools say of it, and the same bytes each time.

Maven compiles the project's own files, so that this is also the test that they compile."""

import os
import re
import shutil
import subprocess
import time
import zipfile
from pathlib import Path

import pytest

from export.android.apk.build import build_apk
from export.android.apk.compile import SOURCES
from export.android.apk.libraries import _wanted_symbols
from export.android.apk.package import apk_application
from export.android.apk.sign import debug_key, own_key
from export.android.identity import ID
from export.android.render import ANDROID, BINDINGS, kotlin_string
from export.cli.main import main
from export.errors import ApkError
from tests.android.dex import read_all
from tests.export.android.apk.elves import elf
from tests.export.android.apk.test_zip_writer import data_offset
from tests.export.android.test_identity import NASTY as NASTY_NAME
from tests.export.android.test_render import NASTY

AAPT2 = ANDROID / "androidx/target/tools/prebuilt/linux/aapt2_64"
SMALL = 2_200_000
"""Measured: 2,079,619 bytes without the bundle and LiteRT, Room among them."""
SECONDS = 10


def quiet(_: str) -> None:
    pass


@pytest.fixture
def out(apk_out) -> Path:
    return apk_out


@pytest.fixture
def apk(out) -> Path:
    return out / "app.apk"


def said(*command) -> str:
    return subprocess.run([*map(str, command)], check=True, capture_output=True, text=True).stdout


def libraries(path) -> dict[str, zipfile.ZipInfo]:
    with zipfile.ZipFile(path) as archive:
        return {info.filename: info for info in archive.infolist() if info.filename.startswith("lib/")}


def test_the_signature_verifies_by_schemes_2_and_3(apk):
    found = said("apksigner", "verify", "--verbose", "--min-sdk-version", 24, "--max-sdk-version", 35, apk)
    assert "v2 scheme (APK Signature Scheme v2): true" in found
    assert "v3 scheme (APK Signature Scheme v3): true" in found


def test_what_android_reads_of_it(apk):
    found = said(AAPT2, "dump", "badging", apk)
    assert apk_application(apk).id == ID
    assert "package: name='dev.slipstream.app' versionCode='1' versionName='0.1.0'" in found
    assert re.search(r"^(minSdkVersion|sdkVersion):'29'$", found, flags=re.M) and "targetSdkVersion:'35'" in found
    assert "launchable-activity: name='dev.slipstream.app.MainActivity'" in found
    assert "native-code: 'arm64-v8a' 'x86_64'" in found and "application-debuggable" not in found


def test_an_app_of_another_id_has_nothing_of_the_default_one(named_app):
    """Package, permission, authorities and action are its own, so that both can be installed; classes are where the
    code has them, and the launcher shows the name letter for letter."""
    apk = named_app / "res.apk"
    found = said(AAPT2, "dump", "badging", apk)
    tree = said(AAPT2, "dump", "xmltree", "--file", "AndroidManifest.xml", apk)
    assert "package: name='com.example.writer'" in found
    assert f'() "{NASTY_NAME}"' in said(AAPT2, "dump", "resources", apk)
    assert "launchable-activity: name='dev.slipstream.app.MainActivity'" in found
    assert '"com.example.writer.SELF_CHECK"' in tree
    assert set(re.findall(r'authorities\(.*?\)="(.*?)"', tree)) == {
        "com.example.writer.files",
        "com.example.writer.androidx-startup",
    }
    classes = {"MainActivity", "SelfCheck", "SlipstreamApplication", "WorkService"}
    assert set(re.findall(r'"(dev\.slipstream\..*?)"', tree)) == {f"dev.slipstream.app.{name}" for name in classes}
    assert apk_application(apk).id == "com.example.writer"
    assert (named_app / "classes/dev/slipstream/app/MainActivity.class").is_file()


def test_no_permission_but_those_of_its_work_and_the_one_of_androidx(apk):
    """What goes on without a window, and its notification; a signature permission of androidx guards its receivers."""
    found = re.findall(
        r"^(?:uses-permission|permission): (?:name=')?([\w.]+)", said(AAPT2, "dump", "permissions", apk), re.M
    )
    work = {f"android.permission.FOREGROUND_SERVICE{kind}" for kind in ("", "_DATA_SYNC", "_SPECIAL_USE")}
    own = {"android.permission.POST_NOTIFICATIONS", "dev.slipstream.app.DYNAMIC_RECEIVER_NOT_EXPORTED_PERMISSION"}
    assert set(found) == work | own


def test_the_manifest_keeps_data_here_and_libraries_in_the_apk(apk):
    tree = said(AAPT2, "dump", "xmltree", "--file", "AndroidManifest.xml", apk)
    assert re.search(r"allowBackup.*=false", tree) and re.search(r"extractNativeLibs.*=false", tree)
    assert "dev.slipstream.app.SELF_CHECK" in tree


def test_only_the_shell_starts_the_self_check(apk):
    tree = said(AAPT2, "dump", "xmltree", "--file", "AndroidManifest.xml", apk)
    alias = tree[tree.index("E: activity-alias") :]
    assert "dev.slipstream.app.SELF_CHECK" in alias and "dev.slipstream.app.SELF_CHECK" not in tree[: -len(alias)]
    assert re.search(r"permission\(.*android\.permission\.DUMP", alias)


def test_what_is_mapped_begins_on_a_page(apk):
    with zipfile.ZipFile(apk) as archive:
        assert archive.testzip() is None
        for info in archive.infolist():
            if info.filename.endswith((".so", ".litertlm")):
                assert info.compress_type == zipfile.ZIP_STORED and data_offset(apk, info) % 16384 == 0
        assert data_offset(apk, archive.getinfo("resources.arsc")) % 4 == 0


def test_libraries_of_both_architectures(apk):
    for abi in ("arm64-v8a", "x86_64"):
        assert {f"lib/{abi}/libjnidispatch.so", f"lib/{abi}/libandroidx.graphics.path.so"} <= libraries(apk).keys()
    assert {name.split("/")[1] for name in libraries(apk)} == {"arm64-v8a", "x86_64"}


def test_the_classes_that_are_found_by_name_are_there(apk):
    with zipfile.ZipFile(apk) as archive:
        classes, methods = read_all(archive)
    own = {"MainActivity", "SlipstreamApplication", "WorkService", "history.HistoryDatabase_Impl"}
    assert {f"dev.slipstream.app.{name}" for name in own} <= classes
    assert {"com.sun.jna.Native", "com.sun.jna.Structure", "com.sun.jna.Callback"} <= classes
    assert {f"dev.slipstream.litert.LiteRtApi.{name}" for name in _wanted_symbols()} <= methods
    assert not any(name.startswith(("picocli", "org.junit", "kotlin.reflect.jvm")) for name in classes)


def test_the_file_that_markdown_is_read_with_is_there(apk):
    """Its class fails to begin without it, at the first reply."""
    with zipfile.ZipFile(apk) as archive:
        assert b"amp=&" in archive.read("org/commonmark/internal/util/entities.txt")


def test_dexdump_reads_every_dex_file(apk, tmp_path):
    if shutil.which("dexdump") is None and not os.environ.get("CI"):
        pytest.skip("without dexdump")
    with zipfile.ZipFile(apk) as archive:
        for name in filter(lambda name: name.endswith(".dex"), archive.namelist()):
            assert "Opened" in said("dexdump", "-f", archive.extract(name, tmp_path))


def test_the_bundle_is_in_it_and_the_constants_say_so(out, apk):
    with zipfile.ZipFile(apk) as archive:
        assert archive.read("assets/model.litertlm") == (out / "model.litertlm").read_bytes()
        assert b"model.litertlm" in archive.read("classes.dex")


def test_an_id_of_quotes_dollars_and_newlines_is_compiled(out):
    """The rendered sources were compiled with it: it did not leave its literal."""
    assert kotlin_string(NASTY) in (out / "android" / BINDINGS).read_text()
    classes = out / "work/apk/maven/app/target/classes/dev/slipstream/app/ModelBindings.class"
    # Modified UTF-8, as class files hold it: zero as two bytes, surrogates by themselves.
    units = NASTY.encode("utf-16-be")
    letters = "".join(chr(int.from_bytes(units[i : i + 2], "big")) for i in range(0, len(units), 2))
    assert letters.encode("utf-8", "surrogatepass").replace(b"\0", b"\xc0\x80") in classes.read_bytes()


def test_it_is_small(out, apk):
    assert apk.stat().st_size - (out / "model.litertlm").stat().st_size < SMALL


def test_a_second_build_with_nothing_changed_is_quick_and_has_the_same_bytes(out, apk):
    before, begin = (out / "work/apk/unsigned.apk").read_bytes(), time.monotonic()
    build_apk(out, None, debug_key(), quiet)
    assert time.monotonic() - begin < SECONDS
    assert (out / "work/apk/unsigned.apk").read_bytes() == before


def test_another_folder_gives_the_same_classes(out, named_app):
    """But for the one that holds the application's id. What R8 makes of them is not made a second time."""
    first, second = classes(out / "work/apk/maven/app/target"), classes(named_app)
    assert first.keys() == second.keys() and len(first) > 500
    changed = {name for name in first if first[name] != second[name]}
    assert changed == {"app/dev/slipstream/app/Manifest$permission.class"}


def classes(app: Path) -> dict[str, bytes]:
    """Of the four modules, by module and path, of the app's `target` and those beside it."""
    found = {}
    for module in SOURCES:
        folder = app.parents[1] / module / "target/classes"
        found |= {f"{module}/{path.relative_to(folder)}": path.read_bytes() for path in folder.rglob("*.class")}
    return found


def test_litert_from_an_aar(out, tmp_path):
    aar = tmp_path / "litert-2.3.0.aar"
    with zipfile.ZipFile(aar, "w") as archive:
        for abi in ("arm64-v8a", "x86_64"):
            archive.writestr(f"jni/{abi}/libLiteRt.so", elf(abi, defined=_wanted_symbols()))
    built = build_apk(out, aar, debug_key(), quiet)
    assert built.litert == aar and "lib/arm64-v8a/libLiteRt.so" in libraries(built.apk)
    assert build_apk(out, None, debug_key(), quiet).litert is None


def test_a_key_of_ones_own(out, tmp_path, monkeypatch):
    store = tmp_path / "own.p12"
    command = ["keytool", "-genkeypair", "-keystore", store, "-storetype", "PKCS12", "-keyalg", "RSA", "-alias", "mine"]
    said(*command, "-storepass", "a secret", "-dname", "CN=Somebody", "-validity", "30")
    monkeypatch.setenv("SLIPSTREAM_KEYSTORE_PASSWORD", "a secret")
    build_apk(out, None, own_key(store, "mine"), quiet)
    assert "CN=Somebody" in said("apksigner", "verify", "--print-certs", out / "app.apk")
    monkeypatch.setenv("SLIPSTREAM_KEYSTORE_PASSWORD", "another")
    with pytest.raises(ApkError, match="can't be used") as caught:
        build_apk(out, None, own_key(store, "mine"), quiet)
    assert "another" not in str(caught.value) and "a secret" not in str(caught.value)
    with pytest.raises(ApkError, match="No such key store"):
        own_key(tmp_path / "nowhere.p12", None)
    build_apk(out, None, debug_key(), quiet)


def test_the_debug_key_is_made_once_and_never_in_the_repository():
    key = debug_key()
    before = key.store.read_bytes()
    assert debug_key().store.read_bytes() == before and ANDROID.parent not in key.store.parents


def test_the_verb(out, capsys):
    assert main(["apk", str(out)]) == 0
    found = capsys.readouterr().out
    assert "sources unchanged" in found and "app.apk" in found and "--litert-aar" in found


def test_no_project(tmp_path, capsys):
    assert main(["apk", str(tmp_path)]) == 14
    assert "Export first" in capsys.readouterr().err


def test_sources_that_do_not_compile_are_named(out, tmp_path, monkeypatch, capsys):
    """A user's own change: it makes a build of its own, and the APK of before is left alone."""
    shutil.copytree(out / "android", tmp_path / "out/android")
    (tmp_path / "out/app.apk").write_bytes(b"before")
    maven = tmp_path / "tools/mvn"
    maven.parent.mkdir()
    maven.write_text(
        "#!/bin/sh\necho '[ERROR] app/src/MainActivity.kt: (2, 1) Expecting a top level declaration'\nexit 1\n"
    )
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", f"{maven.parent}{os.pathsep}{os.environ['PATH']}")
    assert main(["apk", str(tmp_path / "out")]) == 14
    assert "MainActivity.kt: (2, 1)" in capsys.readouterr().err
    assert (tmp_path / "out/app.apk").read_bytes() == b"before"


def test_a_missing_tool_says_how_to_get_it(out, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("ANDROID_HOME", raising=False)
    monkeypatch.delenv("ANDROID_SDK_ROOT", raising=False)
    assert main(["apk", str(out)]) == 14
    assert "java is missing" in capsys.readouterr().err
