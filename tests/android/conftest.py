"""Tools that a test needs, and one APK for all of them."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from export.android.apk.build import build_apk
from export.android.apk.compile import _lay_out
from export.android.apk.sign import debug_key
from export.android.identity import Identity
from export.android.render import render
from runtime_spec.bundle.manifest import Model
from tests.bundles import write_bundle
from tests.export.android.test_identity import NASTY as NASTY_NAME
from tests.export.android.test_render import NASTY


@pytest.fixture(scope="session")
def apk_tools(tmp_path_factory):
    """Under CI a missing tool is a failure. The debug key is made in a folder of the tests."""
    missing = [name for name in ("mvn", "java", "keytool", "apksigner") if shutil.which(name) is None]
    if missing and not os.environ.get("CI"):
        pytest.skip(f"without {', '.join(missing)} no APK is built")
    assert not missing
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANDROID_USER_HOME", str(tmp_path_factory.mktemp("android_home")))
        patch.setenv("GRADLE_USER_HOME", str(tmp_path_factory.mktemp("gradle_home")))
        yield


@pytest.fixture(scope="session")
def apk_out(tmp_path_factory, apk_tools) -> Path:
    """An export's folder with the APK of a bundle whose id tries to leave its literal."""
    folder = tmp_path_factory.mktemp("apk")
    write_bundle(folder / "model.litertlm", target=Model(NASTY, "gemma4"))
    assert render(folder / "model.litertlm", folder).kept == ()
    build_apk(folder, None, debug_key(), lambda _: None)
    return folder


@pytest.fixture(scope="session")
def named_app(tmp_path_factory, apk_tools) -> Path:
    """The app's `target`, compiled and with its resources linked, of an export that was told an id and a name, in a
    folder with a space and brackets in its name, which Maven hands to aapt2."""
    folder = tmp_path_factory.mktemp("named") / "an out [b]"
    folder.mkdir()
    write_bundle(folder / "model.litertlm", target=Model(NASTY, "gemma4"))
    project = render(folder / "model.litertlm", folder, Identity("com.example.writer", NASTY_NAME)).folder
    _lay_out(project, folder / "maven")
    command = ["mvn", "-B", "-q", "-f", folder / "maven/pom.xml", "compile", "-pl", "app", "-am"]
    subprocess.run([*command, "-Dktlint.mode=--version"], check=True)
    return folder / "maven/app/target"
