"""`slipstream clean`: removes what is kept between runs (runtime_spec/PACKED_WEIGHTS.md)."""

import argparse

from export.cli.tell import show_object
from runtime_spec.cache import cache_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(options: argparse.Namespace) -> None:
    """Removes what no process holds open. Bundles and exports stay; the next `generate` packs its weights again."""
    from runtime_spec.litert.known_drafting import forget
    from runtime_spec.litert.packed_weights import clean

    root = cache_folder()
    freed = clean(root) + forget(root)
    if options.json:
        show_object({"folder": str(root), "freed_bytes": freed})
        return
    print(f"{freed / 1e6:.1f} MB removed from {root}")
