"""Bundles of somebody else, every digest right, in one Kotlin runtime: errors in words, in little time and memory."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime_spec.litert.library import default_path
from tests.android.hostile import Whole, mutations, refused
from tests.android.launcher import ANDROID_APP, run

SLOWEST_MS = 5_000
BUNDLE, PROMPT, TRACE = 8, 9, 11


class Driver:
    """One JVM of 256 MB that is handed bundles and tells how each ended."""

    def __init__(self, path: Path):
        target = ANDROID_APP / "litert/target"
        classes = ":".join(str(target / part) for part in ("classes", "test-classes", "test-lib/*"))
        command = ["java", "-Xmx256m", "-cp", classes, "dev.slipstream.litert.HostileDriverKt"]
        environment = os.environ | {"SLIPSTREAM_LITERT": str(default_path())}
        self.path, pipe = path, subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)

    def ask(self, data: bytes) -> tuple[int, int, int, str]:
        """Exit code, milliseconds, the peak of resident KiB, and the words of the error."""
        self.path.write_bytes(data)
        self.process.stdin.write(f"{self.path}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the runtime ended with {self.process.wait()}"
        code, milliseconds, peak, text = line.rstrip("\n").split("\t")
        return int(code), int(milliseconds), int(peak), text

    def close(self) -> None:
        self.process.stdin.close()
        assert self.process.wait() == 0


@pytest.fixture(scope="module")
def whole(int8_out) -> Whole:
    return Whole(int8_out / "model.litertlm")


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    driver = Driver(tmp_path_factory.mktemp("hostile") / "model.litertlm")
    yield driver
    driver.close()


@pytest.fixture(scope="module")
def ask(driver, whole) -> Callable[[bytes], tuple[int, int, str]]:
    """Asks the driver, which may not grow by more than the models of the whole bundle take a few times over."""
    code, _, peak, text = driver.ask(whole.changed(lambda contents, manifest: None))
    assert code == 0, text

    def bounded(data: bytes) -> tuple[int, int, str]:
        code, milliseconds, found, text = driver.ask(data)
        assert found < peak + 400_000, (found, peak, text)
        assert milliseconds < SLOWEST_MS, text
        return code, milliseconds, text

    return bounded


@pytest.mark.parametrize("name", refused())
def test_what_the_manifest_does_not_say_is_refused(ask, whole, name):
    code, _, text = ask(whole.changed(refused()[name]))
    assert code == (TRACE if "trace" in name and name != "no traces" else BUNDLE), text
    assert "expected:" in text and "found:" in text


def test_the_shell_says_so_too(whole, tmp_path):
    bundle = tmp_path / "model.litertlm"
    bundle.write_bytes(whole.changed(refused()["main is the drafter"]))
    for command in (["verify", bundle], ["generate", bundle, "--prompt", "x"]):
        done = run(*command, XDG_CACHE_HOME=str(tmp_path))
        assert done.returncode == BUNDLE and "not what its manifest says" in done.stderr
        assert "warning" not in done.stderr and "\tat " not in done.stderr


def test_two_hundred_drawn_damages(ask, whole):
    """Some stay valid: a name, a text, a stop token, bytes behind a section's end. No damage crashes or hangs."""
    codes = [ask(data)[0] for _, data in mutations(whole, seed=7, count=200)]
    assert set(codes) <= {0, PROMPT, BUNDLE, 10, TRACE}
    assert codes.count(0) < 50 and codes.count(10) < 5, [codes.count(code) for code in sorted(set(codes))]
