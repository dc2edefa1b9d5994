"""What an export says of itself: report.json, and what the command line shows of it."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path

from export.android.render import Rendered
from export.evidence.against_float import FloatCheck
from export.evidence.speed import Speed
from export.files import write_atomically

RARELY_RIGHT = 0.25
"""Of drafts that are accepted. Reported for fine-tunes with the stock drafter: 0.03 to 0.13; drafts at this rate gain
nothing where a verify pass of five costs as much as two of one."""


@dataclass(frozen=True)
class Skipped:
    """A part of the checkpoint that is not exported, such as a vision tower: how many tensors, how many bytes."""

    name: str
    tensors: int
    bytes: int


@dataclass(frozen=True)
class PeakMemory:
    """Largest resident sizes in bytes: this process, and the largest that it started."""

    export: int
    largest_lowering_process: int


@dataclass(frozen=True)
class Report:
    """One export. Field names are the keys of report.json.

    `seconds` by stage, in order; `measured` by way of drafting (`plain`, `drafted_4`, `auto`); `accepted_loss` says
    which figures are outside the recipe's tolerances and were accepted all the same; `chat_template_for_litert_lm`
    what that engine gets of the template; `prompts` names the file that `check` and `measured` are about.
    `fingerprints` tell the checkpoints that were read from others of the same name. `adapter` was merged into the
    target, whose name ends with it. `codes`, by role: what of a checkpoint was codes already, and what of its
    quantisation is not used."""

    target: str
    drafter: str | None
    device: str
    recipe: str
    context_length: int
    draft_tokens: int
    sha256: str
    bytes: int
    skipped: tuple[Skipped, ...]
    seconds: Mapping[str, float]
    peak_resident_bytes: PeakMemory
    measured: Mapping[str, Speed]
    check: FloatCheck
    android: Rendered
    prompts: str
    fingerprints: Mapping[str, str]
    chat_template_for_litert_lm: str | None
    accepted_loss: tuple[str, ...] = ()
    adapter: str | None = None
    codes: Mapping[str, Mapping] | None = None

    @property
    def warnings(self) -> list[str]:
        """What was measured and is more often a mistake: a drafter that is hardly ever right."""
        rows = self.check.acceptance or self.measured
        rates = [row.float_rate if rows is self.check.acceptance else row.acceptance_rate for row in rows.values()]
        best = max((rate for rate in rates if rate is not None), default=None)
        if self.drafter is None or best is None or best >= RARELY_RIGHT:
            return []
        return [
            f"the drafter is hardly ever right: the target accepts {best:.2f} of its drafts. A base model with a chat "
            "model's drafter does that, and a fine-tune with the drafter of what it was made from: decoding without "
            "drafts (--draft-tokens off) may be faster. `python -m export retune` trains a drafter on the target's own "
            "text"
        ]

    def to_json(self) -> str:
        """report.json's text: the fields in order, seconds to two digits, null for a figure that is no number."""
        values = _plain(self)
        values["seconds"] = {name: round(value, 2) for name, value in self.seconds.items()}
        values["warnings"] = self.warnings
        if not self.check.acceptance:
            del values["check"]["acceptance"]
        android = self.android
        values["android"] = {
            "files": android.files,
            "has_asset": android.has_asset,
            "kept": list(android.kept),
            "application_id": android.application_id,
            "has_wrapper": android.no_wrapper is None,
        }
        return json.dumps(values, indent=2, allow_nan=False) + "\n"

    def write(self, path: Path) -> None:
        """Raises OutputError."""
        write_atomically(path, self.to_json().encode())


def _plain(value: object) -> object:
    """As JSON has it: dataclasses and mappings as objects, tuples as lists."""
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
