"""What `inspect` says of a bundle."""

import json

import pytest

from export.cli.main import main
from runtime_spec.bundle.manifest import Recipe
from tests.bundles import write_bundle


def test_the_text_names_sections_signatures_and_how_tensors_are_stored(tmp_path, capsys):
    stored = {"main": {"a": "int8", "b": "int4 block 32", "c": "int8"}, "drafter": {"a": "float32"}}
    bundle = write_bundle(tmp_path / "model.litertlm", recipe=Recipe("mixed", stored))
    assert main(["inspect", str(bundle)]) == 0
    said = capsys.readouterr().out
    assert f"model.litertlm  {bundle.stat().st_size:,} bytes" in said
    assert "shared: embed_tokens 40,000 bytes by embedder, main" in said
    assert "recipe mixed, context 64" in said and "main.verify: 1 inputs" in said
    assert "main stored: 1 int4 block 32, 2 int8" in said and "drafter stored: 1 float32" in said


@pytest.mark.parametrize("tensors", [{"*": {"bits": 32}}, {"main": "float"}, {}])
def test_a_recipe_that_another_program_wrote_is_shown_as_it_is(tensors, tmp_path, capsys):
    bundle = write_bundle(tmp_path / "model.litertlm", recipe=Recipe("other", tensors))
    assert main(["inspect", str(bundle)]) == 0
    assert "recipe other" in capsys.readouterr().out


def test_json_is_one_object_with_the_manifest(tmp_path, capsys):
    bundle = write_bundle(tmp_path / "model.litertlm")
    assert main(["inspect", "--json", str(bundle)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["bytes"] == bundle.stat().st_size and found["manifest"]["context_length"] == 64
    assert [section["name"] for section in found["sections"]][:2] == ["llm_metadata", "tokenizer"]
