"""LiteRT's own log held back: the library writes it to the process's stderr and has no switch for it."""

import os
import sys
import tempfile
from contextlib import contextmanager

ENVIRONMENT_VARIABLE = "SLIPSTREAM_LITERT_LOG"
STDERR = 2


@contextmanager
def held_log():
    """Keeps what is written to file descriptor 2 inside; shows it after all when an exception leaves the block.

    $SLIPSTREAM_LITERT_LOG lets everything through."""
    if os.environ.get(ENVIRONMENT_VARIABLE):
        yield
        return
    sys.stderr.flush()
    original = os.dup(STDERR)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), STDERR)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(original, held.read())
            raise
        finally:
            os.dup2(original, STDERR)
            os.close(original)
