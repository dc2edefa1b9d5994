"""The library for apps of one's own, over the real LiteRT on the demo pair."""

import os
import shutil
import subprocess

import pytest

from runtime_spec.litert.library import default_path
from tests.android.jvm import ANDROID_APP

TARGET = ANDROID_APP / "slipstream/target"


def run_tests(name: str, bundle) -> str:
    """What JUnit printed about a test class that Maven has compiled and left out, as it wants an exported bundle.
    Skips without Java or classes, but never under CI."""
    if shutil.which("java") is None or not (TARGET / "test-lib").is_dir():
        reason = f"no Java, or no {TARGET}/test-lib: run mvn -f android_app/pom.xml verify"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    path = ":".join(str(TARGET / part) for part in ("classes", "test-classes", "test-lib/*"))
    command = ["java", "-XX:TieredStopAtLevel=1", f"-Dslipstream.bundle={bundle}", "-cp", path]
    command += ["org.junit.platform.console.ConsoleLauncher", "execute", "--disable-banner", "--disable-ansi-colors"]
    environment = os.environ | {"SLIPSTREAM_LITERT": str(default_path()), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        [*command, f"--select-class={name}", "--fail-if-no-tests"], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    return done.stdout


def test_a_chat_over_litert_keeps_the_contract(int8_out):
    """The same tests that Maven runs over a script, and what only a model can show."""
    said = run_tests("dev.slipstream.LiteRtChatOnBundleTest", int8_out / "model.litertlm")
    assert "0 tests failed" in said
