#!/usr/bin/env python3
"""Writes the two small bundles of the import's tests: real layout, arbitrary section bytes. Run from the repository."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[4]))

from tests import bundles


def main(folder: Path) -> None:
    plain = bundles.section_bytes
    for name in ("small", "other"):
        bundles.section_bytes = lambda section, size, name=name: plain(f"{name} {section}", size)
        path = bundles.write_bundle(folder / f"{name}.litertlm")
        path.with_name(path.name + ".sha256").unlink(missing_ok=True)
    bundles.section_bytes = plain


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "resources")
