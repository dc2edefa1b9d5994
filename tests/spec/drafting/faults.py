"""Faults planted in the automatic draft length. Each is a replacement in one of its source files, in memory alone."""

import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from runtime_spec.drafting import acceptance, auto, costs, goodput, recent, trials

MODULES = {
    "acceptance": acceptance, "auto": auto, "costs": costs, "goodput": goodput, "recent": recent, "trials": trials,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    name: str
    module: str
    right: str
    wrong: str


FAULTS = (
    Fault(
        "mean_for_median",
        "recent",
        "self.value = self._sorted[(len(self._sorted) - 1) // 2]",
        "self.value = sum(self._recent) / len(self._recent)",
    ),
    Fault("first_round_after_a_switch_counted", "costs", "        if is_regular:\n", "        if True:\n"),
    Fault("no_budget", "trials", " and self.account >= min(expected_loss, MOST_SAVED)", ""),
    Fault("dear_trials_never", "trials", "min(expected_loss, MOST_SAVED)", "expected_loss"),
    Fault("alarm_costs_nothing", "trials", "min(self.account, 0.0) - ALARM", "self.account"),
    Fault("delayed_rounds_believed", "costs", "PLAUSIBLE = 1.5", "PLAUSIBLE = 1e9"),
    Fault(
        "dear_drafts_for_ever",
        "costs",
        "self.level / (1.0 + age)\n\n    def import_pass",
        "self.level\n\n    def import_pass",
    ),
    Fault("gains_pay_nothing", "trials", " + REPAID * ahead", ""),
    Fault("first_planning_forgotten", "costs", "self._first_nanos = passed", "pass"),
    Fault(
        "fading_by_rounds",
        "auto",
        "if self.tokens - source.tokens >= FADING_TOKENS:",
        "if False:",
    ),
    Fault("hopeless_trial_not_stopped", "auto", "if is_over or not is_hopeful:", "if is_over:"),
    Fault("no_wait_after_a_failure", "trials", "+ self._waits[kind]", "+ 0.0"),
    Fault("waits_do_not_grow", "trials", "min(2.0 * self._waits[kind], LONGEST_WAIT)", "FIRST_WAIT"),
    Fault("plain_not_measured_again", "auto", "if self.goodput.used > 0 and self._checks_plain():", "if False:"),
    Fault("changed_text_not_noticed", "acceptance", "alarm = is_other or self.deficit > most", "alarm = False"),
    Fault("confidence_ignored", "auto", "self.goodput.goes_on(self._reach,", "self.goodput.goes_on(1.0,"),
    Fault("matches_without_measure", "goodput", "and tokens > passed * STAY", "or True"),
    Fault(
        "matches_judged_by_trials_alone",
        "auto",
        "            self._add_seen(accepted + 1, matched)",
        "            pass",
    ),
    Fault("refused_drafts_cost_nothing", "auto", "max(self._made, drafted)", "drafted"),
    Fault(
        "made_drafts_paid_again",
        "goodput",
        "self.costs.round_nanos(count, not are_made)",
        "self.costs.round_nanos(count, True)",
    ),
    Fault("matches_stay_narrow", "auto", "in range(self.costs.index[sure] + 1,", "in range(1 if sure == 0 else 99,"),
    Fault("gains_of_matches_pay_nothing", "auto", "if NGRAM <= kind < DRAFTER and not self._is_trial:", "if False:"),
    Fault("round_after_a_trial_free", "trials", "self.account - max(excess, 0.0)", "self.account"),
    Fault("widest_first", "auto", "(index > 1 and not is_tried)", "(index < 2 and not is_tried)"),
)


@contextmanager
def planted(fault: Fault) -> Iterator[dict[str, types.ModuleType]]:
    """The modules with the fault in one of them; the rest of the process keeps the right ones."""
    sources = {name: Path(module.__file__).read_text(encoding="utf-8") for name, module in MODULES.items()}
    if sources[fault.module].count(fault.right) < 1:
        raise AssertionError(f"{fault.name}: {fault.right!r} is not in {fault.module}.py")
    sources[fault.module] = sources[fault.module].replace(fault.right, fault.wrong)
    changed = {}
    for name in ("recent", "acceptance", "costs", "trials", "goodput", "auto"):
        module = types.ModuleType(f"faulty.{name}")
        source = sources[name]
        for other in changed:
            source = source.replace(f"from runtime_spec.drafting.{other} import", f"from faulty.{other} import")
        source = source.replace(
            "from runtime_spec.drafting import trials as kinds", "from faulty import trials as kinds"
        )
        changed[name] = module
        with _importable(changed):
            exec(compile(source, f"{name}.py", "exec"), module.__dict__)
    yield changed


@contextmanager
def _importable(modules: dict[str, types.ModuleType]) -> Iterator[None]:
    package = types.ModuleType("faulty")
    names = {"faulty": package} | {f"faulty.{name}": module for name, module in modules.items()}
    for name, module in modules.items():
        setattr(package, name, module)
    sys.modules.update(names)
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]
