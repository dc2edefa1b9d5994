"""The APK, then the bundle: what is sent, what is not, and what goes wrong on the way."""

import json
import zipfile

import pytest

from export.android.identity import ID
from export.android.phone.application import Application
from export.android.phone.install import find_apk, find_bundle
from export.cli.main import main
from export.errors import ApkError, BundleError
from tests.bundles import write_bundle
from tests.export.android.apk.manifests import binary_manifest


@pytest.fixture
def apk(bundle):
    with zipfile.ZipFile(bundle.parent / "app.apk", "w") as archive:
        archive.writestr("classes.dex", b"dex")
        archive.writestr("AndroidManifest.xml", binary_manifest(ID))
    return bundle.parent / "app.apk"


def test_apk_and_bundle(phone, bundle, apk, capsys):
    assert main(["install", str(bundle)]) == 0
    assert phone.bundle.read_bytes() == bundle.read_bytes()
    said = capsys.readouterr().out
    assert f"app.apk, {ID}, to fake" in said and "SHA-256 agrees" in said
    assert any(f"install -r -t {apk}" in line for line in phone.log)
    assert main(["install", str(bundle)]) == 0
    assert "was there already" in capsys.readouterr().out


def test_a_lost_phone_and_the_same_command_again(phone, bundle, apk, capsys):
    phone.plan(lose_at=1)
    assert main(["install", str(bundle)]) == 13
    said = capsys.readouterr().err
    assert all(part in said for part in ("The phone was lost", "expected:", "found:", "where:", "do:"))
    phone.plan()
    assert main(["install", str(bundle)]) == 0 and phone.bundle.read_bytes() == bundle.read_bytes()


def test_an_apk_that_holds_the_bundle_needs_nothing_else(phone, bundle, apk, capsys):
    with zipfile.ZipFile(apk, "a") as archive:
        archive.write(bundle, "assets/model.litertlm")
    phone.bundle.parent.mkdir(parents=True)
    phone.bundle.write_bytes(b"an older one, which the app would take first")
    assert main(["install", str(bundle)]) == 0
    assert not phone.bundle.exists() and phone.pushes() == 0 and "holds the bundle" in capsys.readouterr().out


def test_an_app_that_was_there_keeps_its_bundle_until_another_is_sent(phone, bundle, apk):
    with zipfile.ZipFile(apk, "a") as archive:
        archive.write(bundle, "assets/model.litertlm")
    phone.plan(installed=True)
    assert main(["install", str(bundle)]) == 0 and phone.bundle.read_bytes() == bundle.read_bytes()


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("Failure [INSTALL_FAILED_UPDATE_INCOMPATIBLE: signatures do not match]", "adb uninstall dev.slipstream.app"),
        ("Failure [INSTALL_FAILED_INSUFFICIENT_STORAGE]", "Free some storage"),
        ("Failure [INSTALL_FAILED_NO_MATCHING_ABIS]", "64-bit ARM"),
        ("Failure [INSTALL_FAILED_SOMETHING_NEW]", "See what the phone says"),
    ],
)
def test_a_phone_that_refuses_the_apk(phone, bundle, apk, capsys, said, advice):
    phone.plan(install=said)
    assert main(["install", str(bundle)]) == 14
    error = capsys.readouterr().err
    assert said in error and advice in error and phone.pushes() == 0


def test_no_apk_says_how_to_get_one(phone, bundle, capsys):
    assert main(["install", str(bundle)]) == 14
    assert "python -m export apk" in capsys.readouterr().err
    assert main(["install", str(bundle), "--apk", "nowhere.apk"]) == 14


def test_the_apk_that_gradle_built_is_found(bundle):
    built = bundle.parent / "android/app/build/outputs/apk/debug/app-debug.apk"
    with pytest.raises(ApkError):
        find_apk(bundle)
    built.parent.mkdir(parents=True)
    built.touch()
    assert find_apk(bundle) == built


def test_the_only_bundle_is_found(bundle, tmp_path):
    root = tmp_path / "out"
    assert find_bundle(None, root) == bundle
    with pytest.raises(BundleError, match="No bundle"):
        find_bundle(tmp_path / "nowhere", root)
    other = root / "other" / "model.litertlm"
    other.parent.mkdir()
    other.touch()
    with pytest.raises(BundleError, match="Several bundles") as caught:
        find_bundle(None, root)
    assert str(other) in caught.value.found
    assert find_bundle(other, root) == other


@pytest.mark.parametrize("named", [True, False], ids=["by option", "by the APK"])
def test_an_app_of_another_id_gets_its_own_folder(phone, bundle, apk, capsys, named):
    other = Application("com.example.writer")
    if not named:
        with zipfile.ZipFile(apk, "w") as archive:
            archive.writestr("AndroidManifest.xml", binary_manifest(other.id))
    phone.plan(app=other.id, installed=True)
    option = ["--application-id", other.id] if named else []
    assert main(["install", "--json", *option, str(bundle)]) == 0
    assert phone.path(other.bundle).read_bytes() == bundle.read_bytes() and not phone.bundle.exists()
    assert not any(ID in line for line in phone.log)
    assert json.loads(capsys.readouterr().out)["application_id"] == other.id


def test_two_apps_on_one_phone(phone, bundle, apk, tmp_path):
    """Each has its bundle where it looks for it, whatever is sent to the other."""
    second = tmp_path / "second.apk"
    with zipfile.ZipFile(second, "w") as archive:
        archive.writestr("AndroidManifest.xml", binary_manifest("com.example.second"))
    write_bundle(tmp_path / "second.litertlm", context_length=128)
    assert main(["install", str(bundle)]) == 0
    assert main(["install", str(tmp_path / "second.litertlm"), "--apk", str(second)]) == 0
    assert phone.bundle.read_bytes() == bundle.read_bytes()
    other = phone.path(Application("com.example.second").bundle)
    assert other.read_bytes() == (tmp_path / "second.litertlm").read_bytes() != bundle.read_bytes()
