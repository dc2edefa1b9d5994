#!/usr/bin/env python3
"""Makes one Maven module of AARs and jars: merge_libraries.py FOLDER OUT AAPT2.

Below OUT: classes/ with every class, and each proguard.txt as META-INF/proguard/NAME.pro (R8 reads those by itself);
res/NAME.zip, compiled; jni/ABI/*.so; manifests/NAME.xml of libraries that declare something; packages.txt with the
packages that want an R class.
"""

import io
import re
import subprocess
import sys
import zipfile
from pathlib import Path

DECLARES = re.compile(r"<(application|permission|uses-permission)\b")


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.read_bytes() != data:
        if path.suffix == ".class":
            sys.exit(f"two libraries have different {path}")
        if path.parent.name == "services":
            data = path.read_bytes() + b"\n" + data
    path.write_bytes(data)


def unpack_jar(data: bytes, classes: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as jar:
        for name in jar.namelist():
            if not name.endswith("/") and not re.match(r"META-INF/(MANIFEST.MF|versions/)|module-info", name):
                write(classes / name, jar.read(name))


def unpack_aar(file: Path, out: Path, aapt2: str) -> str | None:
    """Returns the package that wants an R class, if any."""
    resources = out / "resources" / file.stem
    with zipfile.ZipFile(file) as aar:
        for name in aar.namelist():
            if name == "classes.jar" or re.match(r"libs/.*\.jar$", name):
                unpack_jar(aar.read(name), out / "classes")
            elif name == "proguard.txt":
                write(out / f"classes/META-INF/proguard/{file.stem}.pro", aar.read(name))
            elif name.startswith("jni/") and not name.endswith("/"):
                write(out / name, aar.read(name))
            elif name.startswith("res/") and not name.endswith("/"):
                write(resources / name, aar.read(name))
        manifest = aar.read("AndroidManifest.xml").decode()
        has_ids = "R.txt" in aar.namelist() and aar.read("R.txt").strip()
    if DECLARES.search(manifest):
        write(out / "manifests" / f"{file.stem}.xml", manifest.encode())
    if resources.exists():
        compiled = out / "res" / f"{file.stem}.zip"
        subprocess.run([aapt2, "compile", "--dir", resources / "res", "-o", compiled], check=True)
    return re.search(r'package="([^"]+)"', manifest)[1] if has_ids else None


def main(folder: Path, out: Path, aapt2: str) -> None:
    files = sorted(folder.iterdir())
    stamp, names = out / "merged.txt", "\n".join(f.name for f in files)
    if stamp.exists() and stamp.read_text() == names:
        return
    for name in ("classes", "res", "manifests"):
        (out / name).mkdir(parents=True, exist_ok=True)
    packages = []
    for file in files:
        if file.suffix == ".jar":
            unpack_jar(file.read_bytes(), out / "classes")
        else:
            packages.append(unpack_aar(file, out, aapt2))
    (out / "packages.txt").write_text(":".join(filter(None, packages)))
    stamp.write_text(names)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
