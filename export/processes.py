"""Work whose memory is given back whole: done in a process of its own."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from export.errors import RuntimeLibraryError


def run_apart(*calls: tuple) -> list:
    """The results of calls (function, *arguments), each in a fresh process, side by side; arguments, results and
    exceptions travel pickled.

    Python keeps what it once took: hundreds of megabytes of graph objects at E2B's size, beside the weights that the
    next stage loads. Raises RuntimeLibraryError when a process is killed."""
    with ProcessPoolExecutor(len(calls), mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            return [future.result() for future in [pool.submit(*call) for call in calls]]
        except BrokenProcessPool:
            raise RuntimeLibraryError(
                "A part of the export was killed",
                expected="processes that end by themselves",
                found="one ended from outside",
                where=f"the processes that run {', '.join(call[0].__name__.strip('_') for call in calls)}",
                action="Most often memory ran out: close other programs, then run the same command again.",
            ) from None
