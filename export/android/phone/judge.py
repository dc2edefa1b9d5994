"""The verdict on a self-check's answer: the phone's rounds against the bundle's golden traces, decided here."""

from export.android.phone.answer import Answer
from export.android.phone.reference import Reference
from export.errors import BundleError, TraceError
from runtime_spec.reference.compare import compare
from runtime_spec.reference.replay import ReplayReport
from runtime_spec.reference.trace import read_traces


def judge(answer: Answer, reference: Reference, where: str) -> ReplayReport:
    """Sums over all traces.

    Raises BundleError if the phone checked another bundle, TraceError naming trace, round and field of the first
    difference, or what the phone itself found wrong."""
    if answer.bundle_sha256 != reference.bundle_sha256:
        raise BundleError(
            "The phone checked another bundle",
            expected=f"SHA-256 {reference.bundle_sha256}",
            found=answer.bundle_sha256 or "none",
            where=where,
            action="Put this one on the phone: python -m export install",
        )
    total = ReplayReport()
    for name, text in reference.traces.items():
        if name not in answer.traces:
            raise _failed(answer, f"trace {name}", "no such trace", where)
        wanted = read_traces(text, name)
        found = read_traces(answer.traces[name], f"{where}, trace {name}")
        if len(wanted) != len(found):
            raise _failed(answer, f"{len(wanted)} traces in {name}", str(len(found)), where)
        for one, other in zip(wanted, found, strict=True):
            report = compare(one, other)
            total.rounds += report.rounds
            total.target_forks += report.target_forks
            total.draft_forks += report.draft_forks
    if not answer.passed:
        raise _failed(answer, "a self-check that passes", "one that failed", where)
    return total


def _failed(answer: Answer, expected: str, found: str, where: str) -> TraceError:
    return TraceError(
        "The self-check failed",
        expected=expected,
        found=f"{found}; the phone says: {answer.first_difference or 'nothing'}",
        where=where,
        action="Run `python -m export verify` on the bundle here; if it passes, look at the phone's library and app.",
    )
