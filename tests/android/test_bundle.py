"""The Kotlin reader of bundles against the Python one: the same contents, and the same words about every damage."""

import hashlib
import json
from pathlib import Path

import pytest

from runtime_spec.bundle.manifest import ALIGNMENT
from runtime_spec.bundle.reader import Bundle, verify_hashes
from runtime_spec.errors import BundleError
from tests.android import damaged
from tests.android.damaged_manifests import changed_manifests
from tests.android.jvm import run_driver
from tests.bundles import write_bundle

# Where the words of a library are quoted, only what stands around them has to be equal: a JSON parser's, zlib's, the
# operating system's, and what a flatbuffer's reader says about a wrong offset.
QUOTED = {
    ("Bundle can't be opened", "a readable file"),
    ("Bundle's header is damaged", "a list of sections"),
    ("Bundle's tokenizer is damaged", "a zlib stream"),
    ("Bundle's traces are damaged", "named traces"),
    ("Manifest is not valid", "JSON"),
}

Outcomes = dict[str, tuple[dict, dict]]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def read_whole(path: Path) -> dict:
    """What the driver in decode's test sources does, by the reference."""
    try:
        with Bundle.open(path) as bundle:
            verify_hashes(bundle)
            return {
                "sections": [[s.name, s.data_type, s.model_type, s.begin, s.end] for s in bundle.sections],
                "manifest": bundle.manifest.manifest_sha256,
                "tokenizer": sha256(bundle.tokenizer_json()),
                "metadata": sha256(bundle.llm_metadata()),
                "traces": {name: sha256(text.encode()) for name, text in bundle.traces().items()},
                "mapped": {s.name: sha256(s.data) for s in bundle.sections},
            }
    except BundleError as error:
        return {key: getattr(error, key) for key in ("title", "expected", "found", "where", "action")}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcomes]:
    """By kind of case, then by case: what the reference and what Kotlin gives, all from one JVM."""
    folder = tmp_path_factory.mktemp("bundles")
    data = write_bundle(folder / "whole.litertlm").read_bytes()
    plain = write_bundle(folder / "plain", drafter=None, draft_tokens=0, verify_widths=(), chat=None)
    kinds = {
        "whole": iter([("whole", data), ("without drafter and chat", plain.read_bytes())]),
        "foreign": damaged.foreign(folder),
        "other contents": damaged.other_contents(folder),
        "changed manifests": changed_manifests(data),
    }
    for make in (
        damaged.one_changed_byte,
        damaged.several_changed_bytes,
        damaged.other_sizes,
        damaged.changed_headers,
        damaged.hostile_headers,
    ):
        kinds[make.__name__.replace("_", " ")] = make(data)
    paths = {(kind, name): path for kind, cases in kinds.items() for name, path in written(folder, kind, cases)}
    paths |= {("paths", "missing"): folder / "missing", ("paths", "a folder"): folder, ("paths", "nul"): Path("a\0b")}
    kotlin = run_driver("decode", "dev.slipstream.bundle.BundleDriverKt", [str(path) for path in paths.values()])
    result: dict[str, Outcomes] = {}
    for (kind, name), path, line in zip(paths, paths.values(), kotlin, strict=True):
        result.setdefault(kind, {})[name] = read_whole(path), json.loads(line)
    return result


def written(folder: Path, kind: str, cases: damaged.Cases) -> list[tuple[str, Path]]:
    result = []
    for index, (name, data) in enumerate(cases):
        path = folder / f"{kind.replace(' ', '_')}_{index}"
        path.write_bytes(data)
        result.append((name, path))
    return result


def assert_same(python: dict, kotlin: dict, name: str) -> None:
    if (python.get("title"), python.get("expected")) in QUOTED:
        python, kotlin = ({k: v for k, v in parts.items() if k != "found"} for parts in (python, kotlin))
    assert kotlin == python, name


def test_whole_bundles_read_the_same(outcomes: dict[str, Outcomes]):
    for name, (python, kotlin) in outcomes["whole"].items():
        assert "sections" in python and "sections" in kotlin, name
        assert_same(python, kotlin, name)


@pytest.mark.parametrize(
    ("kind", "fewest"),
    [
        ("one changed byte", 200),
        ("several changed bytes", 12),
        ("other sizes", 30),
        ("changed headers", 20),
        ("foreign", 6),
        ("paths", 3),
    ],
)
def test_damage_is_told_in_the_same_words(outcomes: dict[str, Outcomes], kind: str, fewest: int):
    assert len(outcomes[kind]) >= fewest
    for name, (python, kotlin) in outcomes[kind].items():
        assert "title" in python or name == f"header end {ALIGNMENT}", name  # which only takes its padding in
        assert_same(python, kotlin, name)


def test_a_wrong_tokenizer_or_trace_is_told_in_the_same_words(outcomes: dict[str, Outcomes]):
    told = outcomes["other contents"]
    for name, (python, kotlin) in told.items():
        assert_same(python, kotlin, name)
    whole = {name for name, (python, _) in told.items() if "sections" in python}
    assert whole == {"tokenizer whole", "tokenizer nothing", "traces none", "traces empty ones"}


def test_a_wrong_value_or_spelling_in_the_manifest_is_told_in_the_same_words(outcomes: dict[str, Outcomes]):
    told = dict(outcomes["changed manifests"])
    # NaN is no JSON: the reference's parser takes it, and its checks refuse it.
    assert [parts["expected"] for parts in told.pop("NaN")] == ["a finite number", "JSON"]
    # The reference writes its own values again and compares; Kotlin compares what stands there.
    assert [parts["expected"] for parts in told.pop("no point")] == ["canonical JSON", "a number with a point"]
    for name, (python, kotlin) in told.items():
        assert_same(python, kotlin, name)
    assert sum("title" in python for python, _ in told.values()) >= 110


def test_a_hostile_header_is_refused_by_both_or_by_neither(outcomes: dict[str, Outcomes]):
    """Words may differ where the reference's flatbuffers wrap around an offset that Kotlin refuses."""
    stricter = 0
    for name, (python, kotlin) in outcomes["hostile headers"].items():
        if (kotlin.get("title"), kotlin.get("expected")) == ("Bundle's header is damaged", "a list of sections"):
            stricter += python.get("expected") != "a list of sections"
            assert "title" in python, name
        else:
            assert_same(python, kotlin, name)
    assert stricter < 10
