"""make_aar.py MANIFEST JAR OUT: an Android library of those classes, with no resources. The same bytes each time.

Rules for R8 are not copied: they are in META-INF/proguard of the jar that needs them."""

import sys
import zipfile
from pathlib import Path


def main(manifest: Path, jar: Path, out: Path) -> None:
    files = {"AndroidManifest.xml": manifest.read_bytes(), "R.txt": b"", "classes.jar": jar.read_bytes()}
    out.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as aar:
        for name, data in files.items():
            aar.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
