import shutil
import subprocess
import sys

import pytest

from runtime_spec.__main__ import main
from runtime_spec.errors import TraceError
from runtime_spec.vectors import chat, fills, ngrams, numbers, scenario


@pytest.fixture
def vectors(tmp_path, monkeypatch):
    """A copy of the vectors, and a digest over few conversations, to be damaged or recorded at will."""
    shutil.copytree(scenario.FOLDER, tmp_path / "scenarios")
    monkeypatch.setattr(scenario, "FOLDER", tmp_path / "scenarios")
    monkeypatch.setattr(scenario, "DIGEST_FILE", tmp_path / "digest.txt")
    monkeypatch.setattr(scenario, "digest", lambda: "ab" * 32)
    (tmp_path / "digest.txt").write_text("ab" * 32 + "\n")
    shutil.copy(chat.FILE, tmp_path)
    monkeypatch.setattr(chat, "FILE", tmp_path / chat.FILE.name)
    shutil.copy(ngrams.FILE, tmp_path)
    monkeypatch.setattr(ngrams, "FILE", tmp_path / ngrams.FILE.name)
    shutil.copy(fills.FILE, tmp_path)
    monkeypatch.setattr(fills, "FILE", tmp_path / fills.FILE.name)
    shutil.copy(numbers.FILE, tmp_path)
    monkeypatch.setattr(numbers, "FILE", tmp_path / numbers.FILE.name)
    return tmp_path


def test_digest_prints_the_committed_64_characters_and_nothing_else():
    done = subprocess.run([sys.executable, "-m", "runtime_spec", "digest"], capture_output=True, text=True, check=True)
    assert done.stdout == scenario.DIGEST_FILE.read_text() and done.stderr == ""
    assert len(done.stdout.strip()) == 64 and int(done.stdout, 16) > 0


def test_verify_says_what_it_checked(vectors, capsys):
    assert main(["verify"]) == 0
    out = capsys.readouterr().out
    assert "24 scenarios" in out and "218 cases of conversations" in out
    assert "585 of sampling" in out and "23 of n-gram drafts" in out
    assert "357 of prefills" in out


def test_verify_names_the_scenario_round_and_field_that_differ(vectors, capsys):
    path = vectors / "scenarios" / "all_accepted.json"
    text = path.read_text()
    path.write_text(text.replace('"cache_length":8', '"cache_length":7', 1))
    assert main(["verify"]) == TraceError.exit_code
    assert "trace all_accepted, round 1, field cache_length" in capsys.readouterr().err


def test_verify_misses_a_scenario_that_was_removed(vectors, capsys):
    (vectors / "scenarios" / "argmax_tie.json").unlink()
    assert main(["verify"]) == TraceError.exit_code
    assert "none for argmax_tie" in capsys.readouterr().err


def test_verify_compares_the_digest(vectors, capsys):
    (vectors / "digest.txt").write_text("cd" * 32 + "\n")
    assert main(["verify"]) == TraceError.exit_code
    assert "digest.txt" in capsys.readouterr().err


def test_verify_names_the_chat_case_that_differs(vectors, capsys):
    path = vectors / "chat.json"
    path.write_text(path.read_text().replace('"ids": [2, ', '"ids": [3, ', 1))
    assert main(["verify"]) == TraceError.exit_code
    assert "chat.json, conversations 0" in capsys.readouterr().err


def test_verify_names_the_text_whose_n_gram_drafts_differ(vectors, capsys):
    path = vectors / "ngrams.json"
    path.write_text(path.read_text().replace('"drafts": [9, 7, 8, 9]', '"drafts": [9, 7, 8, 8]', 1))
    assert main(["verify"]) == TraceError.exit_code
    assert "ngrams.json, case empty_cache_then_a_text, step 1" in capsys.readouterr().err


def test_verify_names_the_number_that_differs(vectors, capsys):
    path = vectors / "sampling.json"
    path.write_text(path.read_text().replace('["c044000000000000","3c5', '["c044000000000000","3c6'))
    assert main(["verify"]) == TraceError.exit_code
    assert "sampling.json, exponential 6" in capsys.readouterr().err


def test_record_mends_what_verify_complains_of(vectors):
    path = vectors / "scenarios" / "all_accepted.json"
    text = path.read_text()
    path.write_text(text.replace('"cache_length":8', '"cache_length":7', 1))
    (vectors / "digest.txt").write_text("cd" * 32 + "\n")
    cases = (vectors / "chat.json").read_text()
    (vectors / "chat.json").write_text(cases.replace('"ids": [2, ', '"ids": [3, ', 1))
    texts = (vectors / "ngrams.json").read_text()
    (vectors / "ngrams.json").write_text(texts.replace('"drafts": [9, 7, 8, 9]', '"drafts": [9, 7, 8, 8]', 1))
    (vectors / "sampling.json").unlink()
    assert main(["record"]) == 0
    assert (vectors / "ngrams.json").read_text() == texts and (vectors / "sampling.json").exists()
    assert (vectors / "chat.json").read_text() == cases
    assert path.read_text() == text and (vectors / "digest.txt").read_text() == "ab" * 32 + "\n"


def test_record_changes_nothing_where_nothing_changed(vectors):
    before = {path: path.read_bytes() for path in vectors.rglob("*") if path.is_file()}
    assert main(["record"]) == 0
    assert before == {path: path.read_bytes() for path in vectors.rglob("*") if path.is_file()}


def test_a_verb_is_needed():
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code == 2
