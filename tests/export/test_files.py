"""Files are whole or not there, and what goes wrong with them is an OutputError that names them."""

import errno
import os

import pytest

from export.errors import OutputError
from export.files import file_sha256, output_errors, replacing, write_atomically


def test_written_with_the_folder_it_is_in(tmp_path):
    write_atomically(tmp_path / "a" / "b.json", b"one")
    write_atomically(tmp_path / "a" / "b.json", b"two")
    assert os.listdir(tmp_path / "a") == ["b.json"] and (tmp_path / "a/b.json").read_bytes() == b"two"


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_what_ends_in_the_middle_leaves_the_old_content(tmp_path, error):
    path = tmp_path / "report.json"
    path.write_bytes(b"old")
    with pytest.raises((OutputError, KeyboardInterrupt)) as raised, replacing(path) as partial:
        partial.write_bytes(b"ne")
        raise error
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["report.json"]
    if isinstance(error, OSError):
        assert raised.value.exit_code == 6 and raised.value.where == str(path) and "No space" in raised.value.found


def test_a_link_that_lies_where_the_partial_goes_is_not_followed(tmp_path):
    (tmp_path / "other").write_bytes(b"other")
    (tmp_path / ".report.json.partial").symlink_to(tmp_path / "other")
    write_atomically(tmp_path / "report.json", b"new")
    assert (tmp_path / "other").read_bytes() == b"other" and not (tmp_path / "report.json").is_symlink()


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "traces").write_bytes(b"")
    with pytest.raises(OutputError, match="traces/plain.jsonl"):
        write_atomically(tmp_path / "traces" / "plain.jsonl", b"")


def test_other_errors_stay_what_they_are(tmp_path):
    with pytest.raises(ValueError), output_errors(tmp_path):
        raise ValueError


def test_the_digest_of_a_file(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert file_sha256(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
