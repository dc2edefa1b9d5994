"""What `python -m export check` prints, and the order of things: phone, self-check, verdict."""

import json
from pathlib import Path

from export.android.phone.adb import Phone
from export.android.phone.answer import Answer
from export.android.phone.application import Application
from export.android.phone.judge import judge
from export.android.phone.reference import Reference
from export.android.phone.self_check import run_self_check
from export.files import write_atomically
from runtime_spec.reference.replay import ReplayReport


def check(
    reference: Reference, app: Application, serial: str | None, patience: float, save: Path | None, as_json: bool
) -> None:
    """Raises SlipstreamError on anything but a self-check that agrees with the bundle's golden traces."""
    phone = Phone.choose(serial)
    answer, text = run_self_check(phone, app, patience)
    if save is not None:
        write_atomically(save, text.encode())
    report = judge(answer, reference, phone.serial)
    if as_json:
        print(json.dumps(_summary(answer, report)))
        return
    print(f"{_name(answer, phone.serial)}: {report.rounds} rounds of {len(reference.traces)} traces agree")
    if report.target_forks or report.draft_forks:
        print(
            f"{report.target_forks} near ties and the drafts of {report.draft_forks} rounds fell otherwise, as allowed"
        )
    for name, row in (answer.bench or {}).items():
        if isinstance(row, dict) and "tokens_per_second" in row:
            print(f"{name:>11}  {row['tokens_per_second']:8.1f} tokens/s  x{row.get('ratio_to_plain') or 0:.2f}")
    print(f"temperature: {answer.thermal_status}")


def _summary(answer: Answer, report: ReplayReport) -> dict:
    return {
        "passed": True,
        "device": answer.device,
        "rounds": report.rounds,
        "target_forks": report.target_forks,
        "draft_forks": report.draft_forks,
        "bench": answer.bench,
        "thermal_status": answer.thermal_status,
    }


def _name(answer: Answer, serial: str) -> str:
    words = [str(answer.device[key]) for key in ("manufacturer", "model") if key in answer.device]
    return " ".join(words) or serial
