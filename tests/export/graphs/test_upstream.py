"""What the export needs of its libraries beyond their interfaces, and whether it still needs it."""

import ast
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from litert_torch.backend import inline_consts

import export
from export.graphs import lower, upstream
from export.graphs.flatbuffer import WEIGHT_PREFIX, load
from export.modules.layers import weights_of

EXPORT = Path(export.__file__).parent
LIBRARIES = ("litert_converter", "litert_torch")


def test_every_private_name_exists():
    assert upstream.missing() == [], "an upgrade took these away: see what PRIVATE says they are for"


def test_a_name_that_is_gone_is_told(monkeypatch):
    gone = ["litert_torch._convert.core.gone", "litert_torch.gone.x", "torch.export.ExportedProgram._gone"]
    monkeypatch.setattr(upstream, "PRIVATE", dict.fromkeys([*gone, *upstream.PRIVATE], "planted"))
    assert upstream.missing() == gone


def private_uses(path):
    """Private modules of the libraries that a file imports, and private attributes that it takes of anything."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in LIBRARIES:
            found |= {part for part in node.module.split(".") if part.startswith("_")}
            found |= {alias.name for alias in node.names if alias.name.startswith("_")}
        own = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__") and not own:
            found.add(node.attr)
    return found


def test_the_list_is_whole_and_no_other_file_uses_private_names_of_the_libraries():
    listed = {part for name in upstream.PRIVATE for part in name.split(".")}
    assert private_uses(EXPORT / "graphs/upstream.py") <= listed
    others = {path: private_uses(path) for path in (EXPORT / "graphs").glob("*.py") if path.name != "upstream.py"}
    assert {path.name: found for path, found in others.items() if found} == {}
    importers = [
        path.name
        for path in EXPORT.rglob("*.py")
        if any(f"{library}." in path.read_text(encoding="utf-8") for library in LIBRARIES)
    ]
    assert sorted(importers) == ["lower.py", "upstream.py"]


class Twins(torch.nn.Module):
    """Two weights of one shape."""

    def __init__(self):
        super().__init__()
        self.a = weights_of(lower.placeholder)(24, 16)
        self.b = weights_of(lower.placeholder)(24, 16)

    def forward(self, x):
        return {"y": torch.nn.functional.linear(x, self.a) - torch.nn.functional.linear(x, self.b)}


def lowered(tmp_path):
    lower.lower("twins", Twins(), {"x": torch.zeros(1, 16)}, tmp_path / "twins.tflite")
    return load(tmp_path / "twins.tflite")


def weights(model):
    """Buffers of the external weights."""
    return [t.buffer for t in model.subgraphs[0].tensors if t.name.decode().startswith(WEIGHT_PREFIX)]


def test_weights_are_named_and_apart_and_litert_torch_is_left_as_it_was(tmp_path):
    before = inline_consts.inline_consts
    assert len(set(weights(lowered(tmp_path)))) == 2
    assert inline_consts.inline_consts is before


def test_litert_torch_is_left_as_it_was_by_a_graph_that_fails(tmp_path):
    class Odd(torch.nn.Module):
        def forward(self, x):
            return {"y": torch.linalg.eigvals(x).real}

    before = inline_consts.inline_consts
    with pytest.raises(Exception, match="(?i)eig"):
        lower.lower("odd", Odd(), {"x": torch.zeros(3, 3)}, tmp_path / "odd.tflite")
    assert inline_consts.inline_consts is before


def test_without_our_inlining_weights_lose_their_names(tmp_path, monkeypatch):
    """Fails when litert-torch leaves parameters named: `_parameters_as` is needless then."""
    monkeypatch.setattr(upstream, "_parameters_as", lambda _: nullcontext())
    assert weights(lowered(tmp_path)) == []
