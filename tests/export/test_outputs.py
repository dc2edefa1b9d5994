"""What of an earlier export goes before a new bundle is put in place, and what stays."""

import pytest

from export import outputs
from export.android.phone.install import find_apk
from export.errors import ApkError, OutputError
from export.outputs import clear_stale

STALE = [
    "model.litertlm.sha256",
    "report.json",
    "app.apk",
    "android/app/build/outputs/apk/debug/app-debug.apk",
    "traces/chat.jsonl",
    "traces/drafted.jsonl",
]
KEPT = ["model.litertlm", "android/app/build.gradle.kts", "work/graphs/verify.tflite", "traces/notes.txt", "mine.apk"]


@pytest.fixture
def out(tmp_path):
    for name in STALE + KEPT:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def files(out):
    return sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())


def test_what_speaks_of_the_earlier_bundle_goes_and_is_listed(out):
    assert sorted(path.relative_to(out).as_posix() for path in clear_stale(out)) == sorted(STALE)
    assert files(out) == sorted(KEPT)


def test_install_finds_no_apk_of_the_earlier_bundle(out):
    assert find_apk(out / "model.litertlm") == out / outputs.APK
    clear_stale(out)
    with pytest.raises(ApkError):
        find_apk(out / "model.litertlm")


def test_a_folder_without_an_export_has_nothing_stale(tmp_path):
    assert clear_stale(tmp_path) == [] and clear_stale(tmp_path / "nowhere") == []


def test_what_can_not_be_removed_is_named(out, monkeypatch):
    def refused(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.unlink", refused)
    with pytest.raises(OutputError, match=r"model\.litertlm\.sha256"):
        clear_stale(out)
