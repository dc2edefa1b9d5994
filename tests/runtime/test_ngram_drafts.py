"""A target alone: its drafts are looked up in the text, verified by the passes that its bundle has."""

import json

import pytest

from export.cli.main import main
from runtime_spec.litert.runtime import Runtime
from runtime_spec.reference.plan import draft_count
from tests.sealed import seal_bundle, tiny_manifest, tiny_sections
from tests.spec.drafting import oracle

TOKENS = 20
"""Of each turn, in a context of 64."""


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A bundle without a drafter, with verify passes of 2 and 4."""
    values = tiny_manifest(drafter=None)
    return seal_bundle(tmp_path_factory.mktemp("alone") / "model.litertlm", tiny_sections(values), values)


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")


def played(runtime, draft_tokens):
    """(text before it, tokens that may still be emitted, round) of two turns: the second leaves half of the first's
    reply out, as an edit would."""
    session, found = runtime.session(draft_tokens, frozenset()), []
    context = runtime.encode("the cat and the")
    for _ in range(2):
        remaining = TOKENS
        for one in session.turn(context, TOKENS, from_start=True):
            found.append((list(context), remaining, one))
            context += one.emitted_tokens
            remaining -= len(one.emitted_tokens)
        context = [*context[: -TOKENS // 2], *runtime.encode("the")]
    return found


def test_the_text_is_the_one_without_drafts_in_fewer_rounds(alone):
    with Runtime(alone) as runtime:
        assert runtime.drafter is None and runtime.manifest.draft_tokens == 3
        plain, drafted = played(runtime, 0), played(runtime, None)
    texts = [[token for *_, one in rounds for token in one.emitted_tokens] for rounds in (plain, drafted)]
    assert texts[0] == texts[1] and len(drafted) < len(plain)
    assert not any(one.draft_tokens for *_, one in plain)


def test_every_round_drafts_what_a_search_of_the_whole_text_finds(alone):
    with Runtime(alone) as runtime:
        widths, capacity = runtime.target.verify_widths, runtime.target.capacity
        rounds, missed = [each for each in played(runtime, 3) if each[2].verify_width], 0
    for text, remaining, one in rounds:
        count = draft_count(3, remaining, capacity - one.position, widths)
        assert one.draft_tokens == (oracle.drafts(text, count) if count else [])
        assert one.draft_source == ("ngram" if one.draft_tokens else None)
        missed += one.num_accepted < len(one.draft_tokens)
    assert missed and any(one.num_accepted for *_, one in rounds)


def test_bench_gives_every_length_that_the_bundle_has_a_pass_for(alone, tmp_path, capsys):
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("the\n")
    assert main(["bench", str(alone), "--prompts", str(prompts), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert list(rows) == ["plain", "drafted_1", "drafted_3", "auto"]
    assert rows["plain"]["acceptance_rate"] is None
    assert rows["drafted_3"]["acceptance_rate"] is not None
