"""R8's output run on the JVM over the real LiteRT: a missing keep rule fails here, not on the phone.

The rules are the app's and those that its jars bring; what is kept beside is only what ShrunkReplay.java calls. Nothing
is taken from JNA's jar but its native library.
"""

import importlib.util
import json
import re
import subprocess
import zipfile
from pathlib import Path

from export.android.apk import dex, tools
from export.android.apk.compile import compiled

ROOTS = """
-keep class dev.slipstream.litert.BundleRuntime { public *; }
-keep class dev.slipstream.litert.LiteRtLibrary* { public *; }
-keep class dev.slipstream.trace.* { public *; }
-keep class dev.slipstream.bundle.Bundle { public *; }
"""


def run_shrunk(out: Path, bundle: Path, work: Path, without: str | None = None):
    """Shrinks the compiled app to a jar and replays `bundle` with it. A rule with `without` in it is left out."""
    parts = compiled(out / "work/apk/maven", out / "android")
    jars = [path if without is None else copy_without(path, without, work) for path in parts.jars]
    roots, shrunk = work / "roots.pro", work / "shrunk.jar"
    roots.write_text(ROOTS + dex.RULES)
    command = [*dex.r8_command(parts, (*parts.rules, roots)), "--classfile", "--output", shrunk]
    tools.run([*command, *jars], "R8 failed")
    jna = next(path for path in parts.jars if path.name.startswith("jna-"))
    with zipfile.ZipFile(jna) as jar:
        (work / "libjnidispatch.so").write_bytes(jar.read("com/sun/jna/linux-x86-64/libjnidispatch.so"))
    library = Path(importlib.util.find_spec("ai_edge_litert").submodule_search_locations[0]) / "libLiteRt.so"
    command = ["java", "-XX:TieredStopAtLevel=1", f"-Djna.boot.library.path={work}", "-Djna.nosys=true", "-cp", shrunk]
    source = Path(__file__).with_name("ShrunkReplay.java")
    return subprocess.run([*command, source, bundle, library], capture_output=True, text=True)


def copy_without(path: Path, without: str, work: Path) -> Path:
    """The jar, or a copy of one that brings rules, less the lines in which `without` occurs."""
    with zipfile.ZipFile(path) as jar:
        brought = [name for name in jar.namelist() if re.fullmatch("META-INF/proguard/slipstream.*", name)]
        if not brought:
            return path
        with zipfile.ZipFile(work / path.name, "w") as out:
            for name in jar.namelist():
                data = jar.read(name)
                if name in brought:
                    data = b"".join(line for line in data.splitlines(True) if without.encode() not in line)
                out.writestr(name, data)
    return work / path.name


def test_the_shrunk_classes_replay_the_golden_traces(apk_out, int8_out, tmp_path):
    found = run_shrunk(apk_out, int8_out / "model.litertlm", tmp_path)
    assert found.returncode == 0, found.stderr[-2000:]
    counted = dict(line.split() for line in found.stdout.splitlines())
    lines = {path.stem: path.read_text().splitlines() for path in (int8_out / "traces").glob("*.jsonl")}
    assert counted == {
        name: str(sum("format" not in json.loads(line) for line in text)) for name, text in lines.items()
    }


def test_without_the_rules_for_jna_they_do_not(apk_out, int8_out, tmp_path):
    """The planted fault: this test can see a missing rule."""
    assert run_shrunk(apk_out, int8_out / "model.litertlm", tmp_path, without="-keep").returncode != 0
