"""The licence that a model card names, and cards that nobody should stumble over."""

import pytest

from export.checkpoint.hub import Located
from export.checkpoint.hub_snapshot import HubFile, Snapshot
from export.checkpoint.model_card import CARD, MAX_CARD, read_license
from export.errors import CheckpointError
from runtime_spec.bundle.manifest import License

GEMMA = """---
library_name: transformers
license: apache-2.0
license_link: https://example.org/gemma_4_license
tags: [a, b]
---
# A model
---
license: another
---
"""


def license_of(tmp_path, text, **others):
    (tmp_path / CARD).write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_license(Located("org/name", tmp_path, **others))


def card(*lines: str) -> str:
    return "\n".join(("---", *lines, "---", "# A model"))


@pytest.mark.parametrize("prefix", ["", "\ufeff", "\n\n"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_card_as_gemma_4_has_it(tmp_path, prefix, line_end):
    text = prefix + GEMMA.replace("\n", line_end)
    assert license_of(tmp_path, text) == License("apache-2.0", "https://example.org/gemma_4_license")


@pytest.mark.parametrize(
    ("lines", "name", "link"),
    [
        (["license: mit"], "mit", None),
        (["license: other", "license_name: my-own", "license_link: LICENSE"], "my-own", None),
        (["license: other"], "other", None),
        (["license:", "- mit", "- apache-2.0"], "mit, apache-2.0", None),
        (["license: mit", "license_link: http://example.org"], "mit", None),
        (["license: other", "license_name: 'Terms  of\n  use'"], "Terms of use", None),
        (["license: other", "license_name: 許可"], "許可", None),
    ],
)
def test_names_and_links(tmp_path, lines, name, link):
    assert license_of(tmp_path, card(*lines)) == License(name, link)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# A model\n",
        card(),
        card("tags: [a]"),
        card("license:"),
        card("license: {name: mit}"),
        card("license: 1.0"),
        card("license: ' '"),
        card('license: "\\ud800"'),
        card(f"license: {'x' * 201}"),
        card("license: [mit"),
        card("license: !!python/object/apply:os.getcwd []"),
        card("- license: mit"),
        card("license: mit", "[" * 5000),
        card("a: &a [x, x]", *(f"{b}: &{b} [*{a}, *{a}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True))),
        card("a: 2024-99-99", "license: mit"),
        "---\nlicense: mit\n",
        b"---\nlicense: \xff\n---\n",
        card("license: mit") + "x" * MAX_CARD,
    ],
)
def test_a_card_without_a_licence_or_that_cant_be_read_is_none(tmp_path, text):
    assert license_of(tmp_path, text) is None


def test_a_folder_without_a_card_names_none(tmp_path):
    assert read_license(Located("name", tmp_path)) is None
    (tmp_path / CARD).mkdir()
    assert read_license(Located("name", tmp_path)) is None


def snapshot(tmp_path, digest="0" * 40, **files: int):
    listed = {name: HubFile(name, size, digest) for name, size in ({CARD: 100} | files).items()}
    return Snapshot("org/name", "main", "1" * 40, tmp_path, listed, is_current=False)


def test_a_file_of_the_repository_is_a_page_of_the_hub(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "https://hub.example")
    found = snapshot(tmp_path, LICENSE=10)
    monkeypatch.setattr(Snapshot, "fetch_small", lambda self, names: None)
    text = card("license: other", "license_name: own", "license_link: LICENSE")
    page = f"https://hub.example/org/name/blob/{'1' * 40}/LICENSE"
    assert license_of(tmp_path, text, snapshot=found) == License("own", page)


def test_a_card_that_cant_be_fetched_is_none_and_one_that_is_not_the_hubs_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert read_license(Located("org/name", tmp_path, snapshot(tmp_path))) is None
    folder = snapshot(tmp_path).folder
    folder.mkdir(parents=True)
    (folder / CARD).write_text(GEMMA)
    with pytest.raises(CheckpointError, match="cache is damaged: README.md"):
        read_license(Located("org/name", folder, snapshot(tmp_path)))
