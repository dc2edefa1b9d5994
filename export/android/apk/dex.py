"""Jars to dex files, by R8: what the app does not use is left out."""

import hashlib
import re
import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path

from export.android.apk import tools
from export.android.apk.compile import Compiled
from export.files import replacing
from runtime_spec.cache import cache_folder

MIN_SDK = 29
FRAMEWORK = re.compile(r"(android|dalvik|libcore|org/(json|xml|xmlpull|w3c))/.*\.class")
MODULES = ("java.base", "java.logging")
RULES = """# The framework's jar here is the public part of it, with part of the JDK.
-dontwarn android.**
-dontwarn java.**
-dontwarn androidx.annotation.**
"""


def make_dex(compiled: Compiled, work: Path) -> list[Path]:
    """The dex files, in order. Raises ApkError with what R8 says."""
    rules, out = work / "library.pro", work / "dex"
    rules.write_text(RULES)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    command = r8_command(compiled, (*compiled.rules, rules))
    tools.run([*command, "--min-api", str(MIN_SDK), "--output", out, *compiled.jars], "R8 can't make the dex files")
    return sorted(out.glob("classes*.dex"), key=lambda path: (len(path.name), path.name))


def r8_command(compiled: Compiled, rules: Iterable[Path]) -> list[str | Path]:
    """R8 with its library and rules; what it reads and writes is the caller's to add."""
    command = [tools.find("java"), "-XX:TieredStopAtLevel=1", "-Xmx2g", "-cp", compiled.r8, "com.android.tools.r8.R8"]
    command += ["--release", "--lib", _library(compiled.framework)]
    # R8 says so about every class of a newer Kotlin than it knows; it keeps their metadata as it is.
    command += ["--map-diagnostics:com.android.tools.r8.utils.StringDiagnostic", "warning", "none"]
    command += ["--map-diagnostics", "info", "none"]
    for file in rules:
        command += ["--pg-conf", file]
    return command


def _library(framework: Path) -> Path:
    """The framework's public classes with the JDK's java.*: R8 reads this five times as fast as the whole jar."""
    home = tools.java_home()
    name = hashlib.sha256(f"{framework.name} {home}".encode()).hexdigest()[:12]
    path = cache_folder() / f"android-{name}.jar"
    if path.exists():
        return path
    with replacing(path) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as out:
        with zipfile.ZipFile(framework) as jar:
            for name in filter(FRAMEWORK.fullmatch, jar.namelist()):
                out.writestr(name, jar.read(name))
        for module in MODULES:
            with zipfile.ZipFile(home / "jmods" / f"{module}.jmod") as jmod:
                for name in jmod.namelist():
                    if name.startswith("classes/java") and name.endswith(".class"):
                        out.writestr(name.removeprefix("classes/"), jmod.read(name))
    return path
