"""`slipstream inspect`: what a bundle holds."""

import argparse
import json
from collections import Counter
from pathlib import Path

from export.cli.tell import show_object


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path)


def run(options: argparse.Namespace) -> None:
    """Raises BundleError."""
    found = describe(options.bundle)
    if options.json:
        show_object(found)
    else:
        show(found)


def describe(path: Path) -> dict:
    """Sections, signatures, quantisation, shared weights and the manifest, as one JSON object."""
    from runtime_spec.bundle.reader import Bundle

    with Bundle.open(path) as bundle:
        manifest = json.loads(bundle.manifest.to_json())
        sections = [
            {key: section[key] for key in ("name", "begin", "end", "sha256")}
            | {"bytes": section["end"] - section["begin"]}
            for section in manifest["sections"]
        ]
    return {
        "file": path.name,
        "bytes": path.stat().st_size,
        "sections": sections,
        "signatures": manifest["signatures"],
        "quantisation": manifest["recipe"],
        "shared_weights": manifest["shared_weights"],
        "manifest": {key: value for key, value in manifest.items() if key not in ("sections", "signatures", "recipe")},
    }


def show(found: dict) -> None:
    """The same for people, signatures cut short."""
    print(f"{found['file']}  {found['bytes']:,} bytes")
    for section in found["sections"]:
        print(f"  {section['name']:20} {section['bytes']:>14,}  {section['sha256'][:16]}")
    for model, signatures in found["signatures"].items():
        for name, signature in signatures.items():
            shapes = ", ".join(f"{key}{value['shape']}" for key, value in list(signature["inputs"].items())[:3])
            print(f"  {model}.{name}: {len(signature['inputs'])} inputs ({shapes}, ...)")
    for shared in found["shared_weights"]:
        print(
            f"  shared: {shared['name']} {shared['end'] - shared['begin']:,} bytes by {', '.join(shared['sections'])}"
        )
    for source in found["manifest"].get("sources", []):
        at = f" at {source['revision']}" if source["revision"] else ""
        license = source.get("license")
        under = f", licence {ascii(license['name'])[1:-1]}" if license else ""
        print(f"  {source['role']} {ascii(source['id'])[1:-1]}{at}, {len(source['files'])} files{under}")
    print(f"  recipe {found['quantisation']['name']}, context {found['manifest']['context_length']}")
    for loss in found["quantisation"]["accepted_loss"]:
        print(f"  accepted outside the recipe's tolerances: {ascii(loss)[1:-1]}")
    for model, tensors in found["quantisation"]["tensors"].items():
        stored = Counter(map(str, tensors.values() if isinstance(tensors, dict) else [tensors]))
        print(f"  {model} stored: {', '.join(f'{count} {how}' for how, count in sorted(stored.items()))}")
