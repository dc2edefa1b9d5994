"""What the stages of an export find out, and its JSON form in the work folder."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from export.evidence.against_float import Acceptance, FloatCheck
from export.evidence.speed import Speed
from export.report import PeakMemory


@dataclass(frozen=True)
class Evidence:
    """What was found out about the stored models, before they are sealed."""

    against_float: FloatCheck
    traces: dict[str, bytes]
    speed: dict[str, Speed]

    def to_json(self) -> dict:
        speed = {name: asdict(row) for name, row in self.speed.items()}
        return {"against_float": asdict(self.against_float), "traces": texts(self.traces), "speed": speed}

    @classmethod
    def from_json(cls, values: dict) -> "Evidence":
        speed = {name: Speed(**row | {"spread": tuple(row["spread"])}) for name, row in values["speed"].items()}
        traces = {name: text.encode() for name, text in values["traces"].items()}
        return cls(float_check(values["against_float"]), traces, speed)


def float_check(values: dict) -> FloatCheck:
    acceptance = {name: Acceptance(**row) for name, row in values["acceptance"].items()}
    return FloatCheck(**values | {"acceptance": acceptance})


@dataclass(frozen=True)
class Sealed:
    """A bundle that is whole but not in place yet: its SHA-256, and what the report says of it."""

    sha256: str
    evidence: Evidence
    accepted_loss: tuple[str, ...]
    seconds: Mapping[str, float]
    peak: PeakMemory


def texts(traces: Mapping[str, bytes]) -> dict[str, str]:
    return {name: text.decode() for name, text in traces.items()}
