"""How the makers sample: whole, none, or an error that names the value."""

import json

import pytest

from export.checkpoint.sampling import Sampling, read_sampling
from export.errors import CheckpointError

GEMMA = {"do_sample": True, "temperature": 1.0, "top_k": 64, "top_p": 0.95}


def write(folder, values):
    (folder / "generation_config.json").write_text(json.dumps(values))
    return folder


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (GEMMA, Sampling(1.0, 64, 0.95)),
        ({"do_sample": True, "temperature": 2}, Sampling(2.0, 50, 1.0)),
        (GEMMA | {"top_k": 0}, Sampling(1.0, 0, 0.95)),
        (GEMMA | {"min_p": 0.1, "repetition_penalty": 1.2}, Sampling(1.0, 64, 0.95, 0.1, 1.2)),
        (GEMMA | {"do_sample": False}, None),
        ({"temperature": 0.5}, None),
        ({"do_sample": True, "top_k": None}, None),
        ({}, None),
    ],
)
def test_what_the_file_says(tmp_path, values, expected):
    assert read_sampling(write(tmp_path, values)) == expected


def test_no_file(tmp_path):
    assert read_sampling(tmp_path) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("top_k", "64"), ("top_k", -1), ("top_k", 1.5), ("top_p", 1.5), ("top_p", 0), ("temperature", -1.0),
     ("temperature", True), ("temperature", float("nan")), ("top_k", 10**400), ("min_p", 1.0), ("min_p", -0.1),
     ("repetition_penalty", 0)],
)  # fmt: skip
def test_what_is_no_such_number(tmp_path, name, value):
    with pytest.raises(CheckpointError) as caught:
        read_sampling(write(tmp_path, GEMMA | {name: value}))
    assert all((caught.value.expected, caught.value.found, caught.value.where, caught.value.action))
