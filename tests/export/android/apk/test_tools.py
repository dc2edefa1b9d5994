"""Programs that are missing or fail, in words."""

import sys
from pathlib import Path

import pytest

from export.android.apk import tools
from export.android.apk.build import Built, tell
from export.cli.main import main
from export.errors import ApkError


def test_a_missing_program_names_its_package(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("ANDROID_HOME", raising=False)
    monkeypatch.delenv("ANDROID_SDK_ROOT", raising=False)
    with pytest.raises(ApkError, match="apt-get install maven"):
        tools.find("mvn")


def test_apksigner_of_the_newest_build_tools(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    for version in ("34.0.0", "36.0.0", "35.0.1"):
        (tmp_path / "sdk/build-tools" / version).mkdir(parents=True)
        (tmp_path / "sdk/build-tools" / version / "apksigner").touch()
    monkeypatch.setenv("ANDROID_HOME", str(tmp_path / "sdk"))
    assert tools.find("apksigner") == str(tmp_path / "sdk/build-tools/36.0.0/apksigner")


def test_an_export_that_shall_end_with_an_apk_asks_for_its_programs_first(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("ANDROID_HOME", raising=False)
    monkeypatch.delenv("ANDROID_SDK_ROOT", raising=False)
    assert main(["--device", "pixel", "--apk", "--out", str(tmp_path / "out")]) == 14
    assert "java is missing" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_a_failure_shows_its_errors_without_colours():
    script = "print('fine\\n' * 50 + '\\x1b[31m[ERROR] Main.kt: what is wrong\\x1b[0m'); raise SystemExit(3)"
    with pytest.raises(ApkError, match="It failed") as caught:
        tools.run([sys.executable, "-c", script], "It failed")
    assert caught.value.found == "3: [ERROR] Main.kt: what is wrong"


def test_a_failure_without_marked_errors_shows_its_end():
    with pytest.raises(ApkError) as caught:
        tools.run(["sh", "-c", "seq 100; exit 1"], "It failed")
    assert caught.value.found == "1: " + "\n".join(map(str, range(93, 101)))


@pytest.mark.parametrize(("litert", "says"), [(None, "--litert-aar"), (Path("litert.aar"), "with the bundle in it")])
def test_what_is_told_of_an_apk(tmp_path, litert, says):
    (tmp_path / "app.apk").write_bytes(bytes(1_100_000))
    said = []
    tell(Built(tmp_path / "app.apk", litert, has_asset=True), said.append)
    assert "1.1 MB" in said[0] and says in " ".join(said) and (litert is None) == (len(said) > 1)
