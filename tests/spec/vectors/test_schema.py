import json
from pathlib import Path

import jsonschema
import pytest
import referencing

import runtime_spec
from runtime_spec.reference.trace import HEADER_FIELDS, ROUND_FIELDS, SAMPLING_FIELDS, TURN_FIELDS, trace_text
from runtime_spec.vectors.fuzz import scenario_lines
from runtime_spec.vectors.scenario import scenario_files
from tests.spec.reference.test_replay import golden

FOLDER = Path(runtime_spec.__file__).parent / "vectors" / "schema"
TRACE, SCENARIO = (json.loads((FOLDER / f"{name}.schema.json").read_text()) for name in ("trace", "scenario"))
REGISTRY = referencing.Registry().with_resource("trace.schema.json", referencing.Resource.from_contents(TRACE))


def validator(schema):
    return jsonschema.Draft202012Validator(schema, registry=REGISTRY)


@pytest.mark.parametrize("schema", [TRACE, SCENARIO], ids=["trace", "scenario"])
def test_the_schema_is_one(schema):
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("path", scenario_files(), ids=lambda path: path.stem)
def test_every_scenario_file_is_valid(path):
    validator(SCENARIO).validate(json.loads(path.read_text(encoding="utf-8")))


def test_every_line_of_a_golden_trace_is_valid():
    for line in trace_text(golden()).splitlines():
        validator(TRACE).validate(json.loads(line))


def test_every_header_and_round_of_the_fuzz_is_valid():
    check = validator(TRACE)
    for number in range(40):
        for line in scenario_lines(number):
            raw = json.loads(line)
            if "refused" not in raw and "vocab" not in raw:
                check.validate(raw)


def test_the_schema_and_the_reader_know_the_same_fields():
    for name, fields in (
        ("header", HEADER_FIELDS),
        ("sampling", SAMPLING_FIELDS),
        ("turn", TURN_FIELDS),
        ("round", ROUND_FIELDS),
    ):
        assert list(TRACE["$defs"][name]["properties"]) == list(fields)


@pytest.mark.parametrize(
    ("field", "value"),
    [("index", -1), ("draft_tokens", None), ("stop_reason", "bored"), ("bonus_token", -2), ("extra", 1)],
)
def test_the_schema_refuses_a_wrong_round(field, value):
    raw = json.loads(trace_text(golden()).splitlines()[1])
    validator(TRACE).validate(raw)
    raw[field] = value
    assert not validator(TRACE).is_valid(raw)
