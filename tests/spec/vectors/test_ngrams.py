"""ngrams.json: the index agrees with it, and so does a search of the whole text; no planted fault does."""

import json
import types
from pathlib import Path

import pytest

from runtime_spec.drafting import ngram
from runtime_spec.errors import TraceError
from runtime_spec.vectors import ngrams
from runtime_spec.vectors.ngrams import play_case, read_ngrams, script_lines, verify_ngrams
from tests.spec.drafting import oracle

SCRIPTS = 200
MUTANTS = {
    "earliest_place": ("                latest[ngram] = place\n", "                latest.setdefault(ngram, place)\n"),
    "match_is_the_end_itself": ("earlier = latest.get(ngram, NOWHERE)", "earlier = place"),
    "may_not_overlap": (
        "earlier = latest.get(ngram, NOWHERE)",
        "earlier = latest.get(ngram, NOWHERE)\n                earlier = NOWHERE if earlier > place - n else earlier",
    ),
    "shortest_first": ("range(LONGEST, SHORTEST - 1, -1)", "range(SHORTEST, LONGEST + 1)"),
    "up_to_six": ("LONGEST, SHORTEST = 5, 2", "LONGEST, SHORTEST = 6, 2"),
    "up_to_four": ("LONGEST, SHORTEST = 5, 2", "LONGEST, SHORTEST = 4, 2"),
    "from_three": ("LONGEST, SHORTEST = 5, 2", "LONGEST, SHORTEST = 5, 3"),
    "from_one": ("LONGEST, SHORTEST = 5, 2", "LONGEST, SHORTEST = 5, 1"),
    "edit_not_seen": ("if text != cached:", "if False:"),
    "edit_seen_at_the_end_alone": ("if text != cached:", "if text[-1:] != cached[-1:]:"),
    "not_shrunk": ("self._shrink(len(cached))", "pass"),
    "old_bonus_token_kept": ("self._shrink(len(cached))", "self._shrink(len(cached) + 1)"),
    "edited_one_token_late": ("self._shrink(next(differ, len(text)))", "self._shrink(next(differ, len(text)) + 1)"),
    "entry_stays_when_its_place_goes": ("del latest[ngram]", "pass"),
    "entry_not_put_back": ("                        latest[ngram] = earlier\n", "                        pass\n"),
    "entry_dropped_though_there_is_an_earlier": ("if earlier == NOWHERE:", "if True:"),
    "hash_for_the_tokens": ("ngram = tuple(text[place + 1 - n :])", "ngram = sum(text[place + 1 - n :]) % 7"),
    "bonus_token_left_out": ("self._append(bonus_token)", "self._append(cached[-1] if cached else -1)"),
    "period_not_continued": ("for i in range(count - len(followed)):", "for i in range(0):"),
    "period_one_late": ("followed.append(followed[i])", "followed.append(followed[(i + 1) % len(followed)])"),
    "drafts_one_early": ("self._text[self._match_end + 1 :", "self._text[self._match_end :"),
    "one_draft_too_many": ("self._match_end + 1 + count]", "self._match_end + 2 + count]"),
    "match_of_the_text_before": ("        self._follow(cached, bonus_token)\n        for", "        for"),
    "drafts_of_an_older_match": ("_match_end = earlier[-1]", "_match_end = max(self._match_end, earlier[-1])"),
}  # fmt: skip


class Searched:
    """As an index, by a search of the whole text."""

    def match(self, cached: list[int], bonus_token: int) -> int:
        self.text = [*cached, bonus_token]
        return oracle.match(self.text)[0]

    def drafts(self, count: int) -> list[int]:
        return oracle.drafts(self.text, count)


def planted(name: str) -> type[ngram.NgramIndex]:
    """The class with the fault in it."""
    right, wrong = MUTANTS[name]
    source = Path(ngram.__file__).read_text(encoding="utf-8")
    assert right in source, f"{right!r} is not in ngram.py"
    module = types.ModuleType(name)
    exec(compile(source.replace(right, wrong), name, "exec"), module.__dict__)
    return module.NgramIndex


def played(make) -> tuple[list, list]:
    """(cases, lines of the first scripts); a crash in place of what it kept from being said."""
    cases, lines = [], []
    for case in read_ngrams()["cases"]:
        try:
            cases.append(play_case(case, make))
        except (IndexError, KeyError, StopIteration) as error:
            cases.append(repr(error))
    try:
        for number in range(SCRIPTS):
            lines += script_lines(number, make)
    except (IndexError, KeyError, StopIteration) as error:
        lines.append(repr(error))
    return cases, lines


@pytest.fixture(scope="module")
def right():
    return played(ngram.NgramIndex)


def test_the_index_agrees_with_the_vectors():
    assert verify_ngrams() == len(read_ngrams()["cases"]) == 23


def test_so_does_a_search_of_the_whole_text(right):
    assert played(Searched) == right


@pytest.mark.parametrize("name", MUTANTS)
def test_cases_and_digest_each_catch_the_fault(name, right):
    cases, lines = played(planted(name))
    assert cases != right[0], "every case passes"
    assert lines != right[1], "the digest stays the same"


def test_the_scripts_have_matches_of_every_length_and_more_drafts_than_the_text_has_left(right):
    lengths = [json.loads(line)["length"] for line in right[1]]
    assert all(lengths.count(n) > 100 for n in (0, 2, 3, 4, 5))
    texts = [text[:] for number in range(SCRIPTS) for text, _ in ngrams.script(number)]
    assert max(map(len, texts)) == ngrams.LONGEST_TEXT and min(map(len, texts)) == 1
    drafted = [(text, len(json.loads(line)["drafts"])) for text, line in zip(texts, right[1], strict=True)]
    beyond = [count for text, count in drafted if count and oracle.match(text)[1] + count >= len(text)]
    assert len(beyond) > 100


@pytest.mark.parametrize("find, change", [('"length": 2', '"length": 3'), ('"sha256": "b', '"sha256": "c')])
def test_a_difference_is_named(tmp_path, monkeypatch, find, change):
    text = ngrams.FILE.read_text()
    (tmp_path / "ngrams.json").write_text(text.replace(find, change, 1))
    monkeypatch.setattr(ngrams, "FILE", tmp_path / "ngrams.json")
    with pytest.raises(TraceError, match="ngrams.json, (case empty_cache_then_a_text, step 1|digest)"):
        verify_ngrams()
