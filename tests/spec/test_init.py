"""What the documents and docstrings of runtime_spec promise."""

import ast
import re
import sys
from pathlib import Path

import pytest

import runtime_spec
from runtime_spec.reference import accept, decode_loop, plan
from runtime_spec.reference.trace import HEADER_FIELDS, ROUND_FIELDS, STOP_REASONS, integers
from runtime_spec.vectors.branches import BRANCHES
from runtime_spec.vectors.fuzz import WIDTH_SETS, scenario_lines
from runtime_spec.vectors.mutants import MUTANTS

ROOT = Path(runtime_spec.__file__).parent
DECODE, TRACES = ((ROOT / name).read_text(encoding="utf-8") for name in ("DECODE.md", "TRACES.md"))


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


def table_names(text, heading):
    """First cells of the first table after a heading."""
    rows = text.split(heading, 1)[1].split("\n|", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [cell.strip() for row in rows for cell in row.split("|")[1].split(",")]


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_here_imports_the_export(path):
    assert not [name for name in imported(path) if name.split(".")[0] == "export"]


@pytest.mark.parametrize(
    "path",
    [path for folder in ("reference", "sampling", "drafting") for path in (ROOT / folder).glob("*.py")],
    ids=lambda path: path.name,
)
def test_the_reference_needs_the_standard_library_only(path):
    allowed = tuple(f"runtime_spec.{name}" for name in ("drafting", "errors", "reference", "sampling"))
    for name in imported(path):
        assert name.startswith(allowed) or name.split(".")[0] in sys.stdlib_module_names, name


def test_the_first_scenario_stands_in_the_document():
    assert "```jsonl\n" + "\n".join(scenario_lines(0)) + "\n```" in TRACES


def test_the_documents_name_every_field_branch_fault_and_function():
    assert table_names(TRACES, "### Header") == list(HEADER_FIELDS)
    assert table_names(TRACES, "### Round") == list(ROUND_FIELDS)
    assert table_names(TRACES, "## Scenarios") == list(BRANCHES)
    unseen = {mutant.name for mutant in MUTANTS if mutant.text_unchanged}
    assert set(table_names(DECODE, "Equal text is not enough")) == unseen
    assert table_names(DECODE, "## Ends of a turn") == [f"`{reason}`" for reason in STOP_REASONS]
    assert ", ".join(map(integers, WIDTH_SETS)) in TRACES


def test_the_document_gives_every_signature_of_the_loop():
    for module in (decode_loop, accept, plan):
        for node in ast.parse(Path(module.__file__).read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                signature = f"`{node.name}({', '.join(argument.arg for argument in node.args.args)})`"
                assert signature in DECODE, signature


def test_the_document_gives_the_numbered_steps_of_the_loop():
    steps = re.findall(r"^    # (\d)\. (\w+)", Path(decode_loop.__file__).read_text(encoding="utf-8"), re.M)
    rounds = DECODE.split("### `prefill_round", 1)[1].split("Without a cut", 1)[0]
    assert re.findall(r"^(\d)\. \*\*(\w+)\*\*", rounds, re.M) == steps
