"""Devices: every shipped one loads, options are checked, an unknown name gets the choices."""

import dataclasses
import re

import pytest

from export.choices.device import FOLDER, Device, unknown_choice
from export.choices.recipe import Recipe
from export.errors import UsageError
from export.resources import ROOT


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.toml")))
def test_shipped_devices(name):
    device = Device.load(name)
    assert device.id == name and device.recipe in Recipe.names()
    assert device.description and "\n" not in device.description


def test_pixel():
    pixel = Device.load("pixel")
    assert (pixel.context_length, pixel.prefill_lengths, pixel.draft_tokens) == (2048, (1, 8, 32, 128), 3)
    assert (pixel.recipe, pixel.all_verify_widths) == ("int8", (4, 8))


def test_all_lists_every_name():
    assert [device.id for device in Device.all()] == Device.names() == ["android", "desktop", "pixel"]


def test_the_draft_tokens_width_is_always_there_once():
    pixel = Device.load("pixel")
    assert dataclasses.replace(pixel, draft_tokens=7).all_verify_widths == (8,)
    assert dataclasses.replace(pixel, draft_tokens=1).all_verify_widths == (2, 8)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("context_length", 63),
        ("context_length", 1 << 20),
        ("draft_tokens", 0),
        ("draft_tokens", 17),
        ("prefill_lengths", ()),
        ("prefill_lengths", (128, 32)),
        ("prefill_lengths", (4096,)),
        ("verify_widths", (1,)),
        ("threads", 0),
        ("threads", 65),
    ],
)
def test_options_out_of_range(field, value):
    with pytest.raises(UsageError) as caught:
        dataclasses.replace(Device.load("pixel"), **{field: value})
    assert field in caught.value.title and str(value) in caught.value.found
    assert caught.value.exit_code == 2 and "pixel" in caught.value.where


@pytest.mark.parametrize(
    ("name", "action"), [("pixl", "Did you mean pixel?"), ("Pixel", "pixel?"), ("toaster", "android, desktop, pixel")]
)
def test_unknown_device(name, action):
    with pytest.raises(UsageError) as caught:
        Device.load(name)
    assert "android, desktop, pixel" in caught.value.expected and action in caught.value.action
    assert caught.value.exit_code == 2


def test_every_field_of_a_device_is_read_somewhere():
    """A choice that changes nothing misleads."""
    source = "".join(path.read_text() for path in ROOT.glob("export/**/*.py"))
    for field in dataclasses.fields(Device):
        # Extra widths are read through all_verify_widths.
        assert re.search(rf"\bdevice\.(all_)?{field.name}\b", source), field.name


@pytest.mark.parametrize(("name", "meant"), [("--devcie", "--device"), ("--js", "--json"), ("--recip", "--recipe")])
def test_dashes_are_no_likeness(name, meant):
    options = ["--device", "--json", "--recipe", "--target"]
    assert unknown_choice("option", name, options).action == f"Did you mean {meant}?"
    assert "Choose one of" in unknown_choice("option", "--x", options).action


def test_a_path_is_no_name():
    with pytest.raises(UsageError):
        Device.load("../devices/pixel")
