"""The app's window over the real engine on the demo pair, and the bundles its own tests import."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runtime_spec.litert.library import default_path

APP = Path(__file__).parents[2] / "android_app/app"
CLASS_PATH = APP / "target/test-class-path.txt"


def run_on_bundle(test: str, bundle: Path) -> str:
    """What JUnit printed about a test class that Maven has compiled and left out, as it wants an exported bundle.
    Skips without Java or classes, but never under CI."""
    if shutil.which("java") is None or not CLASS_PATH.exists():
        reason = f"no Java, or no {CLASS_PATH}: run mvn -f android_app/pom.xml verify"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    properties = {
        "robolectric.offline": "true",
        "robolectric.dependency.dir": APP / "target/robolectric",
        "slipstream.bundle": bundle,
    }
    path = f"{APP}/target/test-classes:{APP}/target/classes:{CLASS_PATH.read_text().strip()}"
    command = ["java", "@src/test/jvm.options", "-XX:TieredStopAtLevel=1", "-cp", path]
    command += [f"-D{name}={value}" for name, value in properties.items()]
    environment = os.environ | {"SLIPSTREAM_LITERT": str(default_path())}
    command += ["org.junit.runner.JUnitCore", test]
    done = subprocess.run(command, cwd=APP, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    return done.stdout


def test_the_window_runs_the_demo_pair(int8_out):
    """Import through the picker, chat with drafting auto, on and off, turned in between and always the same text, stop
    and go on, ask again and edit, the self-check by intent."""
    said = run_on_bundle("dev.slipstream.app.RealEngineOnBundleTest", int8_out / "model.litertlm")
    assert "OK (5 tests)" in said


def test_the_small_bundles_are_what_the_writer_writes(tmp_path):
    """Checked in, so that the app's tests need no Python; made anew here, so that they follow the format."""
    subprocess.run([sys.executable, APP / "src/test/make_bundles.py", tmp_path], check=True)
    for name in ("small.litertlm", "other.litertlm"):
        assert (tmp_path / name).read_bytes() == (APP / "src/test/resources" / name).read_bytes()
