"""`slipstream verify`: every byte against its digest, then every golden trace replayed."""

import argparse
import json
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path)


def run(options: argparse.Namespace) -> None:
    verify(options.bundle, options.json)


def verify(path: Path, as_json: bool) -> None:
    """Prints what was verified. Raises BundleError naming the first wrong byte, TraceError the first wrong round."""
    from runtime_spec.bundle.reader import Bundle, verify_hashes
    from runtime_spec.litert.runtime import Runtime
    from runtime_spec.reference.replay import replay
    from runtime_spec.reference.trace import read_traces

    with Bundle.open(path) as bundle:
        verify_hashes(bundle)
        sections = len(bundle.manifest.sections)
    rounds, forks = {}, 0
    with Runtime(path) as runtime:
        for name, text in runtime.bundle.traces().items():
            for trace in read_traces(text, name):
                result = replay(trace, runtime.target, runtime.drafter)
                rounds[name] = result.rounds
                forks += result.target_forks + result.draft_forks
    if as_json:
        print(json.dumps({"verified": True, "sections": sections, "rounds": rounds, "forks": forks}))
    else:
        print(f"{sections} sections and their digests agree")
        for name, count in rounds.items():
            print(f"trace {name}: {count} rounds replayed")
