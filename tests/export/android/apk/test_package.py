"""The id of an APK, out of its binary manifest: as aapt2 writes it, and of bytes that are none."""

import random
import zipfile

import pytest

from export.android.apk.package import apk_application
from export.errors import ApkError, UsageError
from tests.export.android.apk.manifests import binary_manifest

LONG = "com." + "a" * 200


def apk_of(tmp_path, manifest, name="AndroidManifest.xml"):
    path = tmp_path / "app.apk"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, manifest)
    return path


@pytest.mark.parametrize("utf8", [True, False], ids=["utf8", "utf16"])
@pytest.mark.parametrize("id", ["com.example.writer", "a.b", LONG], ids=["usual", "short", "long"])
def test_the_package_is_read(tmp_path, id, utf8):
    assert apk_application(apk_of(tmp_path, binary_manifest(id, utf8))).id == id


@pytest.mark.parametrize(
    "manifest",
    [b"", b"<manifest/>", binary_manifest("a.b")[:40], binary_manifest("a.b", first="application")],
    ids=["empty", "text", "cut", "another element"],
)
def test_what_is_no_manifest_is_an_error_that_names_the_apk(tmp_path, manifest):
    path = apk_of(tmp_path, manifest)
    with pytest.raises(ApkError, match="manifest can't be read") as caught:
        apk_application(path)
    assert str(path) in str(caught.value) and "--apk" in caught.value.action


def test_an_apk_without_a_manifest_and_a_file_that_is_none(tmp_path):
    with pytest.raises(ApkError, match="AndroidManifest.xml"):
        apk_application(apk_of(tmp_path, b"", "classes.dex"))
    (tmp_path / "text").write_text("no archive")
    with pytest.raises(ApkError, match="can't be read"):
        apk_application(tmp_path / "text")
    with pytest.raises(ApkError, match="No such APK"):
        apk_application(tmp_path / "nowhere.apk")


def test_a_package_that_android_would_not_take_goes_into_no_command(tmp_path):
    with pytest.raises(UsageError, match="no application id"):
        apk_application(apk_of(tmp_path, binary_manifest("com.example;reboot")))


def test_damage_ends_in_a_package_or_an_error_of_ours(tmp_path):
    draw, whole = random.Random(4), binary_manifest("com.example.writer")
    refused = 0
    for _ in range(500):
        data = bytearray(whole)
        for _ in range(draw.randrange(1, 4)):
            data[draw.randrange(len(data))] = draw.choice([0, 1, 0x7F, 0x80, 0xFF])
        try:
            apk_application(apk_of(tmp_path, bytes(data)))
        except (ApkError, UsageError):
            refused += 1
    assert 100 < refused < 500
