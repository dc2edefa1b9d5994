"""Which room of the house may import which: the data flows one way.

A line says all that a folder or module of `export` or `runtime_spec` imports of the two. A new import that is not
listed is either wrong, or a change of the design to be made here too."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ALLOWED = {
    "export.__main__": ["export.cli"],
    "export.errors": ["runtime_spec.errors"],
    "export.files": ["export.errors"],
    "export.outputs": ["export.files"],
    "export.processes": ["export.errors"],
    "export.choices": ["export.errors"],
    "export.checkpoint": [
        "export.errors", "export.files", "export.floats", "runtime_spec.bundle", "runtime_spec.cache",
    ],
    "export.chat": ["export.checkpoint", "export.errors", "runtime_spec.chat"],
    "export.modules": ["export.checkpoint"],
    "export.plan": [
        "export.chat", "export.checkpoint", "export.choices", "export.errors", "export.modules", "runtime_spec.bundle",
        "runtime_spec.chat",
    ],
    "export.graphs": [
        "export.checkpoint", "export.choices", "export.errors", "export.files", "export.modules", "export.plan",
        "export.processes",
    ],
    "export.resources": ["runtime_spec.cache"],
    "export.weights": [
        "export.alignment", "export.checkpoint", "export.choices", "export.errors", "export.graphs",
        "runtime_spec.bundle",
    ],
    "export.bundle": [
        "export.alignment", "export.chat", "export.checkpoint", "export.choices", "export.errors", "export.files",
        "export.graphs", "export.modules", "export.plan", "export.weights", "runtime_spec.bundle", "runtime_spec.chat",
    ],
    "export.evidence": [
        "export.checkpoint", "export.choices", "export.errors", "export.files", "export.modules", "export.plan",
        "export.weights", "runtime_spec.chat", "runtime_spec.drafting", "runtime_spec.litert", "runtime_spec.reference",
        "runtime_spec.sampling",
    ],
    "export.android": [
        "export.errors", "export.files", "export.outputs", "export.resources", "runtime_spec.bundle",
        "runtime_spec.cache", "runtime_spec.reference",
    ],
    "export.report": ["export.android", "export.evidence", "export.files"],
    "export.forecast": [
        "export.bundle", "export.checkpoint", "export.choices", "export.errors", "export.modules", "export.plan",
        "runtime_spec.bundle",
    ],
    "export.progress": ["export.errors", "export.files"],
    "export.results": ["export.evidence", "export.report"],
    "export.origin": ["export.checkpoint", "export.plan", "runtime_spec.reference"],
    "export.sources": ["export.checkpoint", "export.plan", "runtime_spec.bundle"],
    "export.work": ["export.errors", "export.files", "export.outputs"],
    "export.pipeline": [
        "export.android", "export.bundle", "export.errors", "export.evidence", "export.files", "export.forecast",
        "export.graphs", "export.origin", "export.outputs", "export.plan", "export.processes", "export.progress",
        "export.report", "export.results", "export.sources", "export.work", "runtime_spec.bundle",
        "runtime_spec.litert",
    ],
    "export.cli": [
        "export", "export.android", "export.choices", "export.errors", "export.evidence", "export.files",
        "export.forecast", "export.outputs", "export.pipeline", "export.plan", "export.report", "export.resources",
        "export.tuning", "export.work", "runtime_spec.bundle", "runtime_spec.cache", "runtime_spec.chat",
        "runtime_spec.drafting", "runtime_spec.errors", "runtime_spec.litert", "runtime_spec.reference",
        "runtime_spec.sampling",
    ],
    "export.tuning": [
        "export.checkpoint", "export.choices", "export.errors", "export.evidence", "export.files", "export.floats",
        "export.forecast", "export.plan", "export.progress", "runtime_spec.chat",
    ],
    "export.demo": ["export.tuning", "runtime_spec.chat", "runtime_spec.litert", "runtime_spec.reference"],
    "runtime_spec.__main__": ["runtime_spec.errors", "runtime_spec.vectors"],
    "runtime_spec.bundle": ["runtime_spec.chat", "runtime_spec.errors"],
    "runtime_spec.chat": ["runtime_spec.errors"],
    "runtime_spec.sampling": ["runtime_spec.errors"],
    "runtime_spec.drafting": ["runtime_spec.errors"],
    "runtime_spec.reference": ["runtime_spec.drafting", "runtime_spec.errors", "runtime_spec.sampling"],
    "runtime_spec.vectors": [
        "runtime_spec.chat", "runtime_spec.drafting", "runtime_spec.errors", "runtime_spec.reference",
        "runtime_spec.sampling",
    ],
    "runtime_spec.litert": [
        "runtime_spec", "runtime_spec.bundle", "runtime_spec.cache", "runtime_spec.chat", "runtime_spec.drafting",
        "runtime_spec.errors", "runtime_spec.reference", "runtime_spec.sampling",
    ],
}  # fmt: skip
TORCH = (
    "export.demo", "export.evidence", "export.floats", "export.graphs", "export.modules", "export.pipeline",
    "export.tuning", "export.weights",
)  # fmt: skip
"""Rooms that may import torch: none of them is asked for --help, --dry-run or by a runtime. `export.floats` does when
it is called, and reading a merged weight calls it."""


def sources():
    for root in ("export", "runtime_spec"):
        yield from sorted((ROOT / root).rglob("*.py"))


def room(module):
    return ".".join(module.split(".")[:2])


def imported(path):
    """Every module that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            packages = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from packages if all(map(is_module, packages)) else [node.module]


def is_module(name):
    path = ROOT / name.replace(".", "/")
    return path.with_suffix(".py").exists() or path.is_dir()


def edges():
    """Room → the other rooms of the two packages that it imports."""
    found = {}
    for path in sources():
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        ours = (room(name) for name in imported(path) if name.split(".")[0] in ("export", "runtime_spec"))
        found.setdefault(room(module), set()).update(set(ours) - {room(module)})
    return found


def test_rooms_import_what_is_listed_and_nothing_else():
    found = {name: sorted(rooms) for name, rooms in edges().items() if rooms}
    assert found == {name: sorted(rooms) for name, rooms in ALLOWED.items()}


def test_no_two_rooms_need_each_other():
    TopologicalSorter(edges()).prepare()


@pytest.mark.parametrize("library", ["torch", "litert_torch", "litert_converter", "transformers"])
def test_only_rooms_that_trace_and_compute_import_heavy_libraries(library):
    users = {
        room(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for path in sources()
        if library in {name.split(".")[0] for name in imported(path)}
    }
    assert users <= set(TORCH)
