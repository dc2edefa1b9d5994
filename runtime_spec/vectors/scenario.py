"""Named scenarios: one file each, what a scripted pair is asked and every round that must come of it."""

import json
from dataclasses import dataclass
from pathlib import Path

from runtime_spec.errors import TraceError
from runtime_spec.reference.record import record
from runtime_spec.reference.replay import replay
from runtime_spec.reference.trace import Round, Trace, header_line, read_header, read_round, round_line
from runtime_spec.vectors.branches import BRANCHES, reached
from runtime_spec.vectors.fuzz import COUNT, digest, script_line
from runtime_spec.vectors.scripted import DrafterScript, Script, scripted_pair

FOLDER = Path(__file__).parent / "scenarios"
DIGEST_FILE = Path(__file__).parent / "digest.txt"


@dataclass(frozen=True, slots=True)
class Scenario:
    """`branch` is the one of branches.BRANCHES that the rounds must reach; the name is the file's."""

    description: str
    branch: str
    script: Script
    trace: Trace

    @property
    def name(self) -> str:
        return self.trace.header.name


def scenario_files() -> list[Path]:
    """Every scenario file, by name."""
    return sorted(FOLDER.glob("*.json"))


def read_scenario(path: Path) -> Scenario:
    """Raises TraceError naming the file if it is not a scenario."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        header = read_header(raw["header"], f"{path.name}, header")
        is_sampled = header.sampling is not None
        rounds = [read_round(line, f"{path.name}, round {i}", is_sampled) for i, line in enumerate(raw["rounds"])]
        scenario = Scenario(raw["description"], raw["branch"], read_script(raw["script"]), Trace(header, rounds))
    except (ValueError, KeyError, TypeError) as error:
        raise _error(path.name, "a scenario as in TRACES.md", f"{type(error).__name__}: {error}") from None
    if scenario.name != path.stem or scenario.branch not in BRANCHES:
        raise _error(path.name, f"name {path.stem} and a known branch", f"{scenario.name}, {scenario.branch}")
    return scenario


def read_script(raw: dict) -> Script:
    logits = {int(slot): tuple(row) for slot, row in raw["logits"].items()}
    drafter = None if raw["drafter"] is None else DrafterScript(**raw["drafter"])
    return Script(raw["seed"], raw["vocab"], raw["fill_length"], drafter, logits)


def scenario_text(scenario: Scenario) -> str:
    """The file's bytes: canonical JSON per header, script and round, one of them a line."""
    rounds = ",\n".join(f"    {round_line(round)}" for round in scenario.trace.rounds)
    return (
        f'{{\n  "description": {json.dumps(scenario.description)},\n  "branch": {json.dumps(scenario.branch)},\n'
        f'  "header": {header_line(scenario.trace.header)},\n  "script": {script_line(scenario.script)},\n'
        f'  "rounds": [\n{rounds}\n  ]\n}}\n'
    )


def play_scenario(scenario: Scenario) -> list[Round]:
    """The rounds that the reference makes of it now."""
    header = scenario.trace.header
    return record(header, *scripted_pair(scenario.script, header.capacity, header.verify_widths, header.sampling))


def verify_scenario(scenario: Scenario) -> None:
    """Replays it. Raises TraceError at the first round and field that differ, or if its branch is not reached."""
    header = scenario.trace.header
    replay(scenario.trace, *scripted_pair(scenario.script, header.capacity, header.verify_widths, header.sampling))
    if scenario.branch not in reached(scenario.trace, scenario.script):
        raise _error(scenario.name, f"a round that reaches {scenario.branch}", "none")


def record_all() -> None:
    """Rewrites the rounds of every scenario file, and the digest."""
    for path in scenario_files():
        old = read_scenario(path)
        trace = Trace(old.trace.header, play_scenario(old))
        new = Scenario(old.description, old.branch, old.script, trace)
        verify_scenario(new)
        path.write_text(scenario_text(new), encoding="utf-8")
    DIGEST_FILE.write_text(digest() + "\n", encoding="utf-8")


def verify_all() -> int:
    """Checks every scenario file, that every branch has one, and the digest. Returns how many were checked."""
    scenarios = [read_scenario(path) for path in scenario_files()]
    for scenario in scenarios:
        verify_scenario(scenario)
    missing = sorted(set(BRANCHES) - {scenario.branch for scenario in scenarios})
    if missing:
        raise _error("scenarios/", "a scenario for every branch", f"none for {', '.join(missing)}")
    expected, found = DIGEST_FILE.read_text(encoding="utf-8").strip(), digest()
    if expected != found:
        raise _error(f"digest.txt, over {COUNT} scripted scenarios", expected, found)
    return len(scenarios)


def _error(where: str, expected: str, found: str) -> TraceError:
    return TraceError(
        "The reference and its vectors disagree",
        expected=expected,
        found=found,
        where=where,
        action="Mend the loop, or record again with `python -m runtime_spec record` if the change is meant.",
    )
