"""What stored evidence was made from: traces of another version are not taken for today's."""

from types import SimpleNamespace

from export import origin
from runtime_spec.reference import trace


def test_traces_of_another_version_are_other_evidence(monkeypatch):
    monkeypatch.setattr(origin, "models_origin", lambda plan: {"target": "t"})
    prompts = SimpleNamespace(plain=("a",), chats=("b",), source="prompts.toml")
    plan = SimpleNamespace(prompts=prompts, recipe=SimpleNamespace(tolerances=SimpleNamespace(near_tie_margin=0.5)))
    today = origin.evidence_origin(plan)
    monkeypatch.setattr(trace, "VERSION", trace.VERSION - 1)
    assert origin.evidence_origin(plan) != today == {**today, "target": "t", "near_tie_margin": "0.5"}
