"""Choices as JSON: every device and recipe, whole."""

import json

from export.choices.device import Device
from export.choices.recipe import Recipe
from export.cli.main import main


def test_devices(capsys):
    assert main(["devices", "--json"]) == 0
    (devices,) = json.loads(capsys.readouterr().out).values()
    assert [device["id"] for device in devices] == Device.names()
    assert devices[2]["prefill_lengths"] == [1, 8, 32, 128] and devices[2]["recipe"] == "int8"


def test_recipes(capsys):
    assert main(["recipes", "--json"]) == 0
    (recipes,) = json.loads(capsys.readouterr().out).values()
    assert [recipe["name"] for recipe in recipes] == Recipe.names()
    assert recipes[1]["rules"][2] == {"match": "*", "bits": 4, "block": 0, "scales": "least_error"}
    assert recipes[2]["rules"][1] == {"match": "attention", "bits": 4, "block": 32, "scales": "maximum"}
    assert set(recipes[0]) == {"name", "description", "rules", "tolerances", "keep_codes"}


def test_names_and_descriptions_as_text(capsys):
    assert main(["devices"]) == 0 and main(["recipes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [*Device.names(), *Recipe.names()]
    assert all(len(line.split()) > 3 for line in lines)
