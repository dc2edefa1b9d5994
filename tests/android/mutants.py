"""Plants faults in the Kotlin reader of bundles, one at a time in a copy, and expects decode's tests to find each.

    python -m tests.android.mutants

Takes a minute a fault: for whoever changes the reader or its tests, and no part of the test command.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ANDROID_APP = Path(__file__).parents[2] / "android_app"
BUNDLE = "decode/src/main/kotlin/dev/slipstream/bundle"

# Name, file, what stands there, and the fault.
FAULTS = [
    ("offsets are not checked", "FlatBytes.kt", "if (at < 0 || at > bytes.size - size)", "if (at < -size)"),
    ("texts have no limit", "FlatBytes.kt", "if (textLeft < 0)", "if (textLeft < -1_000_000_000)"),
    ("sections may end beyond the file", "Header.kt", "if (end > size.toULong())", "if (end < begin)"),
    ("sections may lie anywhere", "Header.kt", "begin % ALIGNMENT.toULong() != 0uL", "end < begin"),
    (
        "the header's digest is not compared",
        "LoadedBundle.kt",
        "?.let { throw it.error(where) }\n    problem",
        "\n    problem",
    ),
    ("header and manifest may differ", "LoadedBundle.kt", "if (listed != actual)", "if (listed.isEmpty())"),
    (
        "any spelling is taken",
        "LoadedBundle.kt",
        "if (!canonicalJson(tree).contentEquals(text))",
        "if (text.isEmpty())",
    ),
    ("any spelling of a number is taken", "CanonicalJson.kt", "if (writer.numbersAreCanonical)", "if (value != null)"),
    ("trees have no limit", "ManifestJson.kt", "1 shl 17", "1 shl 30"),
    ("padding is not looked at", "Scan.kt", "count, gaps)\n", "count, gaps.take(0))\n"),
    ("a tokenizer may have a tail", "Unpack.kt", "inflater.remaining == 0", "inflater.remaining >= 0"),
    (
        "a tokenizer's size is believed",
        "Unpack.kt",
        "data, ByteArray(PIECE), size",
        "data, ByteArray(size.toInt() + 1), size",
    ),
    (
        "a trace may begin anywhere",
        "Unpack.kt",
        "if (length !in 0..data.size - start)",
        "if (length > data.size - start)",
    ),
]


def found(folder: Path, file: str, right: str, wrong: str) -> bool:
    """Whether the tests fail with the fault; an error when it does not apply or compile."""
    path = folder / BUNDLE / file
    text = path.read_text(encoding="utf-8")
    if text.count(right) != 1:
        raise SystemExit(f"{file} has {right!r} {text.count(right)} times")
    path.write_text(text.replace(right, wrong), encoding="utf-8")
    tests = ["-Dtest=dev.slipstream.bundle.*Test", "-Dsurefire.skipAfterFailureCount=1"]
    command = ["mvn", "-q", "-o", "-f", folder / "pom.xml", "-pl", "decode", "test", *tests]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
        if "Compilation failure" in done.stdout:
            raise SystemExit(f"{file} does not compile with {wrong!r}:\n{done.stdout}")
        return done.returncode != 0
    finally:
        path.write_text(text, encoding="utf-8")


def main() -> int:
    missed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "android_app"
        shutil.copytree(ANDROID_APP, folder, ignore=shutil.ignore_patterns("target"))
        if found(folder, "Scan.kt", "package", "package"):
            raise SystemExit("The tests fail without any fault.")
        for fault, file, right, wrong in FAULTS:
            caught = found(folder, file, right, wrong)
            missed += not caught
            print("found " if caught else "MISSED", fault, flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
