"""A key of the user's own is tried before any work, and its password is seen by nobody."""

import io
import os
import shutil
import subprocess
import zipfile

import pytest

from export.android.apk import sign, tools
from export.android.apk.build import check_apk_needs
from export.android.apk.libraries import _wanted_symbols
from export.android.apk.sign import PASSWORD, Key, own_key
from export.cli.main import main
from export.errors import ApkError
from tests.export.android.apk.elves import elf

SECRET = "a secret"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """With the keys `mine` and `yours`."""
    if shutil.which("keytool") is None and not os.environ.get("CI"):
        pytest.skip("without keytool there is no key store")
    path = tmp_path_factory.mktemp("keys") / "own.p12"
    for alias in ("mine", "yours"):
        command = ["keytool", "-genkeypair", "-keystore", path, "-storetype", "PKCS12", "-keyalg", "EC"]
        command += ["-alias", alias, "-storepass", SECRET, "-dname", "CN=Somebody", "-validity", "30"]
        subprocess.run(command, check=True, capture_output=True)
    return path


@pytest.fixture(autouse=True)
def nobody_at_the_terminal(monkeypatch):
    monkeypatch.delenv(PASSWORD, raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO(SECRET))


def refused(*arguments):
    with pytest.raises(ApkError) as raised:
        own_key(*arguments)
    assert SECRET not in str(raised.value)
    return raised.value


def test_a_store_that_is_not_there(tmp_path):
    assert "No such key store" in refused(tmp_path / "missing.p12", None).title


def test_no_password(store):
    assert PASSWORD in refused(store, "mine").expected


def test_a_wrong_password(store, monkeypatch):
    monkeypatch.setenv(PASSWORD, "another")
    found = refused(store, "mine")
    assert "password was incorrect" in found.found and "another" not in str(found)


def test_a_file_that_is_no_store(tmp_path, monkeypatch):
    monkeypatch.setenv(PASSWORD, SECRET)
    (tmp_path / "own.p12").write_bytes(b"not a store")
    assert "can't be used" in refused(tmp_path / "own.p12", None).title


def test_an_alias_that_the_store_lacks(store, monkeypatch):
    monkeypatch.setenv(PASSWORD, SECRET)
    assert "nobody" in refused(store, "nobody").found


def test_several_keys_and_no_alias(store, monkeypatch):
    monkeypatch.setenv(PASSWORD, SECRET)
    assert refused(store, None).found == "2 private keys"


def test_a_key_by_its_alias(store, monkeypatch):
    monkeypatch.setenv(PASSWORD, SECRET)
    assert own_key(store, "mine") == Key(store, SECRET, "mine")


def test_the_password_is_asked_for_once_on_a_terminal(store, monkeypatch):
    asked = []
    monkeypatch.setattr(sign, "_has_terminal", lambda: True)
    monkeypatch.setattr("getpass.getpass", lambda prompt: asked.append(prompt) or SECRET)
    key = own_key(store, "mine")
    assert key.password == SECRET and len(asked) == 1 and str(store) in asked[0]


def test_a_password_is_handed_over_by_the_environment_and_shown_nowhere(tmp_path, monkeypatch):
    commands = []
    monkeypatch.setattr(tools, "find", lambda name: name)
    monkeypatch.setattr(tools, "run", lambda command, title, **more: commands.append((command, more)) or "")
    key = Key(tmp_path / "own.p12", SECRET, "mine")
    sign.sign(tmp_path / "a.apk", tmp_path / "b.apk", key)
    assert SECRET not in repr(key) and SECRET not in str([command for command, _ in commands])
    assert commands[0][1]["env"][PASSWORD] == SECRET and f"env:{PASSWORD}" in commands[0][0]


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Programs that are there, whatever they would do."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("java", "mvn", "apksigner", "keytool"):
        (folder / name).write_text("#!/bin/sh\nexit 0\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("ANDROID_USER_HOME", str(tmp_path / "android"))
    monkeypatch.setenv("GRADLE_USER_HOME", str(tmp_path / "gradle"))
    return folder


@pytest.mark.parametrize(
    "options", [["--keystore", "missing.jks"], ["--litert-aar", "missing.aar"]], ids=lambda value: value[0]
)
def test_an_export_fails_before_it_begins(programs, tmp_path, capsys, options):
    out = tmp_path / "out"
    assert main(["--device", "pixel", "--apk", "--out", str(out), *options]) == 14
    assert options[1] in capsys.readouterr().err and not out.exists()


@pytest.mark.parametrize("program", ["java", "mvn", "apksigner"])
def test_every_program_is_looked_for(programs, program, monkeypatch):
    monkeypatch.delenv("ANDROID_HOME", raising=False)
    monkeypatch.delenv("ANDROID_SDK_ROOT", raising=False)
    (programs / program).unlink()
    with pytest.raises(ApkError, match=f"{program} is missing"):
        check_apk_needs(None)


def test_litert_is_looked_into(programs, tmp_path):
    """An AAR whose library lacks a function of the app's."""
    symbols = sorted(_wanted_symbols())
    for name, defined in (("whole.aar", symbols), ("old.aar", symbols[1:])):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for abi in ("arm64-v8a", "x86_64"):
                archive.writestr(f"jni/{abi}/libLiteRt.so", elf(abi, defined=frozenset(defined)))
    assert check_apk_needs(tmp_path / "whole.aar").alias == sign.DEBUG_ALIAS
    with pytest.raises(ApkError, match=symbols[0]):
        check_apk_needs(tmp_path / "old.aar")
