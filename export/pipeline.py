"""The export's stages in order: lower, quantize, check, record, bench, seal, finish.

Each stage's result is stored in the work folder with what it was made from, so that a run that was ended goes on where
it was. Where the bundle stands, everything before it is done: it is put in place last.
"""

import mmap
import resource
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from export.android.identity import AS_IT_IS, Identity
from export.android.render import render
from export.bundle.writer import BundleWriter, WrittenModels
from export.errors import BundleError, OutputError
from export.evidence.against_float import FloatCheck, checked_tokens, compare_with_float, recipe_failed
from export.evidence.encoder import Encoder
from export.evidence.golden_traces import golden_traces, write_traces
from export.evidence.speed import short_bench
from export.files import file_sha256, output_errors
from export.forecast import SMALL_PAIR, check_machine, forecast
from export.graphs.jobs import jobs
from export.graphs.lowering import lower_all
from export.origin import evidence_origin, models_origin
from export.outputs import BUNDLE, REPORT, TRACES, clear_stale
from export.plan import Plan
from export.processes import run_apart
from export.progress import Clock, Progress
from export.report import PeakMemory, Report, Skipped
from export.results import Evidence, Sealed, float_check, texts
from export.sources import sources_meanwhile
from export.work import STAGES, WorkFolder, open_work, refuse_finished
from runtime_spec.bundle.manifest import Manifest, Source
from runtime_spec.litert.pack import PACKED, pack_sections
from runtime_spec.litert.runtime import MODELS, Models


@dataclass(frozen=True)
class Options:
    """How to run. `start` is the first stage to run again, None the first that is missing.

    `accept_loss`: a recipe outside its tolerances is sealed all the same, and said to be. `bench`: measure speed.
    `identity`: what the app is called."""

    start: str | None = None
    force: bool = False
    accept_loss: bool = False
    bench: bool = True
    identity: Identity = AS_IT_IS


def run(plan: Plan, out: Path, options: Options, progress: Progress) -> Report:
    """Exports into `out`. Raises SlipstreamError.

    A finished bundle is left alone unless `force` or `start` is given; an unfinished one is gone on with."""
    refuse_finished(out, options.force, options.start)
    with open_work(out) as work:
        return _Run(plan, out, work, options, progress).run()


def is_lowered(plan: Plan, out: Path) -> bool:
    """Whether every graph that `plan` needs lies in the work folder of `out`."""
    folder = WorkFolder(out / "work").graphs
    return all((folder / f"{job.key()}.tflite").exists() for job in jobs(plan))


class _Run:
    """One export into a locked folder."""

    def __init__(self, plan: Plan, out: Path, work: WorkFolder, options: Options, progress: Progress):
        self.plan, self.out, self.work, self.options, self.progress = plan, out, work, options, progress
        self.clock = Clock(progress, work.log)
        self.origin, self.evidence_origin = models_origin(plan), evidence_origin(plan)
        self.encoder = Encoder(plan)
        self.forecast = forecast(plan, is_lowered(plan, out))
        self.writer = BundleWriter(out / BUNDLE, self.forecast.bundle_bytes)

    def run(self) -> Report:
        self._start_over()
        check_machine(self.forecast, self.out, _size(self.writer.partial))
        sealed = self._sealed_before()
        if sealed is None:
            manifest = self._models()
            with _beside(self.writer.hash_models) as hashed:
                evidence = self._evidence(hashed)
            sealed = self._seal(manifest, evidence, self._judge(evidence.against_float))
        return self._finish(sealed)

    def _start_over(self) -> None:
        """Drops the results of the stages that are to run again."""
        start = self.options.start
        if start in ("lower", "quantize") or (start is None and self.options.force and not self._is_unfinished()):
            self.work.forget("models")
        elif start is not None:
            self.work.require("models", self.origin, "Make the models anew with --from quantize.")
            self.work.forget(STAGES[start])

    def _is_unfinished(self) -> bool:
        return self.writer.partial.exists() or self.work.has("sealed")

    def _sealed_before(self) -> Sealed | None:
        """What an earlier run sealed and did not put in place, if it is there byte for byte."""
        found = self.work.stored("sealed", self._sealed_origin())
        source = self.writer.partial if self.writer.partial.exists() else self.writer.path
        if found is None or not source.exists() or file_sha256(source) != found["sha256"]:
            return None
        evidence, peak = Evidence.from_json(found["evidence"]), PeakMemory(**found["peak"])
        return Sealed(found["sha256"], evidence, tuple(found["accepted_loss"]), found["seconds"], peak)

    def _models(self) -> Manifest:
        """The models in the unfinished bundle: an earlier run's, or written now, with float's own answers beside."""
        stored = self.work.stored("models", self.origin)
        if stored is not None:
            try:
                self.writer.reopen(WrittenModels.from_json(stored["written"]))
                self.progress.stage("quantize", "the models of an earlier run")
                return Manifest.from_json(stored["manifest"].encode())
            except (OutputError, BundleError):
                if self.options.start is not None:
                    raise
        self.work.forget("models")
        with sources_meanwhile(self.plan) as sources:
            return self._made(sources)

    def _made(self, sources: Future[tuple[Source, ...]]) -> Manifest:
        graphs, tokens = self._lower(), self._checked_tokens()
        with (
            self.clock.stage("quantize", f"recipe {self.plan.recipe.name}; beside it, what float says"),
            self._watched("quantize", lambda: _size(self.writer.partial), self.forecast.bundle_bytes),
        ):
            (written, manifest), _ = self._apart(
                (_quantize, self.plan, graphs, self.writer),
                (_write_float_logits, self.plan, tokens, self.work.float_logits),
            )
        self.writer.written = written
        manifest = replace(manifest, sources=sources.result())
        result = {"written": written.to_json(), "manifest": manifest.to_json().decode()}
        self.work.store("models", self.origin, result)
        self.work.store("float_logits", self.evidence_origin, len(tokens))
        return manifest

    def _lower(self) -> dict[str, Path]:
        wanted, graphs = jobs(self.plan), {}
        if self.options.start == "lower":
            for job in wanted:
                (self.work.graphs / f"{job.key()}.tflite").unlink(missing_ok=True)
        with self.clock.stage("lower", f"{len(wanted)} graphs"):
            for job, path, cached in lower_all(wanted, self.work.graphs, advance=self._lowered):
                graphs[job.kind] = path
                how = "cached" if cached else "lowered"
                self.progress.stage("lower", f"{job.kind} {how}, {len(graphs)} of {len(wanted)}")
        return graphs

    def _lowered(self, done: int, total: int) -> None:
        self.progress.advance("lower", done, total, "pieces")

    def _checked_tokens(self) -> list[int]:
        return checked_tokens(self.plan.target, self.plan.capacity, self.plan.prompts, self.encoder)

    def _evidence(self, hashed: Callable[[], None]) -> Evidence:
        """Check, golden traces and speed: stored ones, or made now over the running models. `hashed` waits until
        nothing is hashed beside it: speed is measured alone."""
        stages = {"against_float": self._check, "traces": self._record}
        if self.options.bench:
            stages["speed"] = self._bench
        found = {name: self.work.stored(name, self.evidence_origin) for name in stages}
        missing = [name for name in stages if found[name] is None]
        if missing:
            with self._opened() as models:
                for name in missing:
                    if name == "speed":
                        hashed()
                    found[name] = stages[name](models)
                    self.work.store(name, self.evidence_origin, found[name])
                    if name == "against_float":
                        # Before minutes are spent on what will not be sealed.
                        self._judge(float_check(found[name]))
        return Evidence.from_json({"speed": {}} | found)

    def _check(self, models: Models) -> dict:
        with self.clock.stage("check", "against float"):
            tokens, exact = self._checked_tokens(), self._float_logits()
            return asdict(compare_with_float(self.plan, models, self.plan.prompts, self.encoder, tokens, exact))

    def _float_logits(self) -> np.ndarray:
        """float32[T, V] over the checked tokens; made now where other prompts were checked when the models were."""
        path = self.work.float_logits
        if self.work.stored("float_logits", self.evidence_origin) is None or not path.exists():
            tokens = self._checked_tokens()
            self._apart((_write_float_logits, self.plan, tokens, path))
            self.work.store("float_logits", self.evidence_origin, len(tokens))
        return np.load(path, mmap_mode="r")

    def _record(self, models: Models) -> dict:
        with self.clock.stage("record", "golden traces"):
            return texts(golden_traces(self.plan, models, self.plan.prompts, self.encoder))

    def _bench(self, models: Models) -> dict:
        with self.clock.stage("bench", "plain against drafted, one thread"):
            rows = short_bench(models, self.plan.draft_tokens, self.plan.prompts, self.encoder)
            return {name: asdict(row) for name, row in rows.items()}

    def _judge(self, found: FloatCheck) -> tuple[str, ...]:
        """What is outside the recipe's tolerances and was accepted. Raises CheckFailedError unless it was."""
        failures = found.failures(self.plan.recipe.tolerances)
        if failures and not self.options.accept_loss:
            raise recipe_failed(self.plan.recipe.name, self.plan.target.id, failures)
        return tuple(f"{failure.found}; the recipe asks for {failure.expected}" for failure in failures)

    def _sealed_origin(self) -> dict[str, str]:
        return self.evidence_origin | {"accept_loss": str(self.options.accept_loss), "bench": str(self.options.bench)}

    def _seal(self, manifest: Manifest, evidence: Evidence, accepted_loss: tuple[str, ...]) -> Sealed:
        with self.clock.stage("seal", "digests of every byte"):
            manifest = replace(manifest, recipe=replace(manifest.recipe, accepted_loss=accepted_loss))
            digest = self.writer.seal(evidence.traces, manifest, lambda *done: self.progress.advance("seal", *done))
        children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        peak = PeakMemory(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, children * 1024)
        sealed = Sealed(digest, evidence, accepted_loss, self.clock.seconds, peak)
        values = asdict(sealed) | {"evidence": evidence.to_json()}
        self.work.store("sealed", self._sealed_origin(), values)
        return sealed

    def _finish(self, sealed: Sealed) -> Report:
        """Everything around the bundle, then the bundle itself: each step can be done again."""
        source = self.writer.partial if self.writer.partial.exists() else self.writer.path
        clear_stale(self.out)
        if source != self.writer.path:
            # The earlier bundle goes first: beside the new report it would seem to be what that speaks of.
            self.writer.path.unlink(missing_ok=True)
        with self.clock.stage("render", "the Android project"):
            rendered = render(source, self.out, self.options.identity)
        write_traces(self.out / TRACES, sealed.evidence.traces)
        plan = self.plan
        report = Report(
            target=plan.target.id,
            drafter=plan.drafter.id if plan.drafter else None,
            device=plan.device.id,
            recipe=plan.recipe.name,
            context_length=plan.capacity,
            draft_tokens=plan.draft_tokens,
            sha256=sealed.sha256,
            bytes=_size(source),
            skipped=tuple(Skipped(tower.name, tower.count, tower.nbytes) for tower in plan.target.skipped),
            seconds={**sealed.seconds, **self.clock.seconds},
            peak_resident_bytes=sealed.peak,
            measured=sealed.evidence.speed,
            check=sealed.evidence.against_float,
            android=rendered,
            chat_template_for_litert_lm=plan.chat.engine.summary if plan.chat else None,
            accepted_loss=sealed.accepted_loss,
            adapter=plan.target.adapter and plan.target.adapter.id,
            codes=plan.codes_found,
            prompts=plan.prompts.source,
            fingerprints={key: self.origin[key] for key in ("target", "drafter")},
        )
        report.write(self.out / REPORT)
        self.writer.place(sealed.sha256)
        self.work.forget("sealed")
        self.work.float_logits.unlink(missing_ok=True)
        return report

    @contextmanager
    def _opened(self) -> Iterator[Models]:
        """The models, running. XNNPACK's packed weights stand in the work folder as long as this takes: in memory there
        would be one copy of them a signature."""
        packed, sections = self.work.packed, self.writer.written.sections
        shutil.rmtree(packed, ignore_errors=True)
        with output_errors(packed):
            packed.mkdir()
        expected = sum(end - begin for name, (begin, end) in sections.items() if name in PACKED)
        with (
            self.clock.stage("pack", "weights laid out for this processor"),
            self._watched("pack", lambda: sum(map(_size, packed.iterdir())), expected),
        ):
            pack_sections(self.writer.partial, sections, packed)
        with self.writer.partial.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
            view = memoryview(mapped)
            parts = {name: view[slice(*sections[name])] for name in MODELS if name in sections}
            models = Models(parts, threads=1, weight_cache=packed)
            try:
                yield models
            finally:
                models.close()
                shutil.rmtree(packed, ignore_errors=True)

    def _apart(self, *calls: tuple) -> list:
        """Results of (function, *arguments), side by side in processes whose memory is given back whole. A small pair's
        fits here, where no process has to start first."""
        if self.plan.num_parameters <= SMALL_PAIR:
            from export.evidence.float_ports import one_torch_thread

            with one_torch_thread():
                return [function(*arguments) for function, *arguments in calls]
        return run_apart(*calls)

    @contextmanager
    def _watched(self, stage: str, done: Callable[[], int], total: int) -> Iterator[None]:
        """Tells of bytes as another process, or a library, writes them."""
        with _repeating(lambda: self.progress.advance(stage, min(done(), total), total), every=0.25):
            yield


def _quantize(plan: Plan, graphs: dict[str, Path], writer: BundleWriter) -> tuple[WrittenModels, Manifest]:
    """Writes the models into the unfinished bundle. Threads share rows, no operation has more than one: choosing scales
    is many short ones, where a second thread gains a quarter, and beside the float pass or other programs made it ten
    times slower."""
    from export.bundle.assemble import manifest, planned_models, write_models
    from export.evidence.float_ports import one_torch_thread

    models = planned_models(plan, graphs)
    with one_torch_thread():
        return write_models(writer, plan, models), manifest(plan, models)


def _write_float_logits(plan: Plan, tokens: list[int], out: Path) -> None:
    """On one thread, since quantising has the other core: with two the pass took 1.8 times the processor's time, and
    longer, as they waited for each other."""
    from export.evidence.float_logits import write_float_logits
    from export.evidence.float_ports import one_torch_thread

    with one_torch_thread():
        write_float_logits(plan.target, tokens, out)


@contextmanager
def _beside(action: Callable[[Callable[[int, int], None]], None]) -> Iterator[Callable[[], None]]:
    """Does `action` in a thread of its own, with a function that ends it when it is called after an error in the block.
    Yields what waits for its end, as the block's end does, and raises what it raised."""
    given_up = threading.Event()

    def go_on(*_: int) -> None:
        if given_up.is_set():
            raise InterruptedError

    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(action, go_on)
        try:
            yield result.result
        except BaseException:
            given_up.set()
            raise
        result.result()


@contextmanager
def _repeating(action: Callable[[], None], every: float) -> Iterator[None]:
    """Does `action` again and again, in a thread of its own, and once at the end."""
    done = threading.Event()

    def repeat() -> None:
        while not done.wait(every):
            action()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        action()


def _size(path: Path) -> int:
    """Bytes of a file, 0 where there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
