"""Where this machine keeps what can be made again, by the XDG Base Directory Specification."""

from pathlib import Path

import pytest

from runtime_spec.cache import cache_folder


@pytest.mark.parametrize(
    ("variable", "expected"),
    [("/var/c", "/var/c/slipstream"), ("", "/h/.cache/slipstream"), ("relative", "/h/.cache/slipstream")],
    ids=["named", "empty", "a relative one does not count"],
)
def test_the_folder(monkeypatch, variable, expected):
    monkeypatch.setenv("HOME", "/h")
    monkeypatch.setenv("XDG_CACHE_HOME", variable)
    assert cache_folder() == Path(expected)
