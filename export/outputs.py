"""The names in an export's folder, and what of an earlier export must go before a new bundle is put in place."""

from pathlib import Path

from export.files import output_errors

BUNDLE = "model.litertlm"
BUNDLE_SUM = f"{BUNDLE}.sha256"
REPORT = "report.json"
TRACES = "traces"
PROJECT = "android"
APK = "app.apk"
GRADLE_APK = f"{PROJECT}/app/build/outputs/apk/debug/app-debug.apk"
APKS = (APK, GRADLE_APK)
"""What `apk` builds, and what Gradle builds from the exported project: either holds a bundle."""


def clear_stale(out: Path) -> list[Path]:
    """Removes what speaks of an earlier bundle, so that nothing left behind can be taken for the next one's: the sum,
    the report, the traces, and the APKs that hold the bundle. The bundle itself is replaced, and the Android project
    rendered over, by those who write them. Returns the paths removed. Raises OutputError."""
    stale = [out / name for name in (BUNDLE_SUM, REPORT, *APKS)]
    stale += sorted((out / TRACES).glob("*.jsonl"))
    removed = [path for path in stale if path.is_file() or path.is_symlink()]
    for path in removed:
        with output_errors(path, "A file of an earlier export can't be removed"):
            path.unlink()
    return removed
