"""What the export does beside its stages."""

import threading

import pytest

from export.pipeline import _beside


def test_what_is_done_beside_the_block_is_over_after_it():
    done = []
    with _beside(lambda go_on: done.append(go_on(0, 1))) as wait:
        wait()
        assert done == [None]
    assert done == [None]


@pytest.mark.parametrize("waits", [False, True])
def test_its_error_is_the_block_s(waits):
    def fail(_) -> None:
        raise OSError("no disk")

    with pytest.raises(OSError, match="no disk"), _beside(fail) as wait:
        if waits:
            wait()
            pytest.fail("waiting says nothing of the error")


def test_an_error_in_the_block_ends_it():
    started, ended = threading.Event(), []

    def endless(go_on) -> None:
        started.set()
        try:
            while True:
                go_on(0, 1)
        finally:
            ended.append(True)

    with pytest.raises(KeyboardInterrupt), _beside(endless):
        assert started.wait(10)
        raise KeyboardInterrupt
    assert ended
