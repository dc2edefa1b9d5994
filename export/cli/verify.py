"""`slipstream verify`: every byte against its digest, then every golden trace replayed."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from export.cli.tell import show_object

if TYPE_CHECKING:
    from runtime_spec.litert.runtime import Runtime
    from runtime_spec.reference.replay import ReplayReport


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path)


def run(options: argparse.Namespace) -> None:
    verify(options.bundle, options.json)


def verify(path: Path, as_json: bool) -> None:
    """Prints what was verified, and by how many allowed forks. Packed weights of earlier runs are not looked at.

    Raises BundleError naming the first wrong byte or choice of a graph's, TraceError the first wrong round or that
    there is no trace."""
    from runtime_spec.litert.runtime import Runtime

    with Runtime(path, verifying=True) as runtime:
        sections, reports = len(runtime.manifest.sections), _replayed(runtime)
    rounds = {name: report.rounds for name, report in reports.items()}
    target_forks = sum(report.target_forks for report in reports.values())
    draft_forks = sum(report.draft_forks for report in reports.values())
    if as_json:
        forks = {"forks": target_forks + draft_forks, "target_forks": target_forks, "draft_forks": draft_forks}
        show_object({"verified": True, "sections": sections, "rounds": rounds, **forks})
        return
    print(f"{sections} sections and their digests agree")
    for name, report in reports.items():
        forks = f"{report.target_forks} target and {report.draft_forks} draft forks" if _forks(report) else "no forks"
        print(f"trace {_printable(name)}: {report.rounds} rounds replayed, {forks}")


def _replayed(runtime: "Runtime") -> "dict[str, ReplayReport]":
    """What came of every trace, by the name it has in the bundle; a section of several is counted together."""
    from runtime_spec.errors import TraceError
    from runtime_spec.reference.replay import ReplayReport, replay
    from runtime_spec.reference.trace import read_traces

    reports: dict[str, ReplayReport] = {}
    for name, text in runtime.bundle.traces().items():
        total = reports[name] = ReplayReport()
        for trace in read_traces(text, f"trace {_printable(name)}"):
            one = replay(trace, runtime.target.comparing(), runtime.drafter)
            total.rounds += one.rounds
            total.target_forks += one.target_forks
            total.draft_forks += one.draft_forks
    if not reports:
        raise TraceError(
            "The bundle has no golden trace",
            expected="at least one trace to replay",
            found="none",
            where=f"{runtime.bundle.path}, section traces",
            action="Export the bundle again: without a trace nothing tells whether it decodes as it was exported.",
        )
    return reports


def _forks(report: "ReplayReport") -> int:
    return report.target_forks + report.draft_forks


def _printable(name: str) -> str:
    """A name from a bundle may be any text, and goes to a terminal."""
    return name.encode("ascii", "backslashreplace").decode() if name.isprintable() else ascii(name)
