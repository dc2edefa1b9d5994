"""What a bundle says it was made of: each checkpoint's name, commit, and the SHA-256 of every file that was read."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from export.checkpoint.checkpoint import Checkpoint
from export.checkpoint.digests import file_digest
from export.checkpoint.hub import Located
from export.checkpoint.hub_snapshot import damaged
from export.plan import Plan
from runtime_spec.bundle.manifest import Source


@contextmanager
def sources_meanwhile(plan: Plan) -> Iterator[Future[tuple[Source, ...]]]:
    """The sources, found out beside what is done inside: files whose digest isn't known yet are read whole, once.

    The result raises CheckpointError for a file of the hub's cache that is not what the hub lists."""
    stop = threading.Event()
    with ThreadPoolExecutor(1, "sources") as pool:
        try:
            yield pool.submit(sources, plan, stop)
        finally:
            stop.set()


def sources(plan: Plan, stop: threading.Event) -> tuple[Source, ...]:
    """One for each checkpoint. Raises CheckpointError, and Stopped once `stop` is set."""
    readers = {"target": plan.target, "adapter": plan.target, "drafter": plan.drafter}
    return tuple(_source(plan, role, located, readers[role], stop) for role, located in plan.checkpoints.items())


def _source(plan: Plan, role: str, located: Located, reader: Checkpoint, stop: threading.Event) -> Source:
    files = {}
    for path in reader.files_of(located):
        files[path.name] = file_digest(path, stop)
        listed = located.snapshot and located.snapshot.files.get(path.name)
        # Git's own digest of a small file was compared when it was fetched.
        if listed and len(listed.digest) == 64 and listed.digest != files[path.name]:
            raise damaged(located.snapshot, listed, path, files[path.name])
    return Source(role, located.id, located.revision, files, plan.licenses.get(role))
