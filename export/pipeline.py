"""The export's stages in order: plan, lower, quantize, record, seal, render, report."""

import json
import mmap
import resource
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np

from export.android.render import render
from export.bundle.writer import BundleWriter
from export.chat.pieces import engine_template, turn_pieces
from export.chat.template import read_chat_template
from export.choices.device import unknown_choice
from export.choices.prompts import Prompts
from export.errors import OutputError
from export.evidence.against_float import checked_tokens, compare_with_float, recipe_failed
from export.evidence.encoder import Encoder
from export.evidence.golden_traces import golden_traces, write_traces
from export.evidence.speed import short_bench
from export.outputs import BUNDLE, REPORT, TRACES, clear_stale
from export.plan import Plan
from export.processes import run_apart
from export.report import PeakMemory, Report, Skipped
from runtime_spec.bundle.manifest import ChatPieces, Manifest, SharedWeights
from runtime_spec.litert.runtime import MODELS, Models

STAGES = ("lower", "quantize", "record", "report")
Progress = Callable[[str, str], None]


def run(plan: Plan, out: Path, start: str | None, force: bool, progress: Progress) -> Report:
    """Exports into `out`; returns the report. `start` is the first stage to run again, None the first that is missing.

    Raises SlipstreamError; an existing bundle is left alone unless `force` or `start` is given."""
    if start is not None and start not in STAGES:
        raise unknown_choice("from", start, list(STAGES))
    bundle = out / BUNDLE
    if bundle.exists() and not (force or start):
        raise OutputError(
            f"Output exists: {bundle}",
            expected="a folder without a bundle",
            found="model.litertlm",
            where=str(out),
            action="Name another folder with --out, or overwrite it with --force.",
        )
    work = out / "work"
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            "Output folder can't be made",
            expected="a folder that can be written to",
            found=str(error),
            where=str(out),
            action="Choose another folder with --out.",
        ) from error
    clock = _Clock(progress)
    with clock.stage("plan", "chat template"):
        template = read_chat_template(plan.target.folder)
        chat = turn_pieces(template) if template else None
    graphs = _lower(plan, work, clock, fresh=start == "lower")
    prompts, encoder = Prompts.load(), Encoder(plan.target.tokenizer, chat)
    tokens, exact = checked_tokens(plan.target, plan.capacity, prompts, encoder), work / "float_logits.npy"
    with clock.stage("quantize", f"recipe {plan.recipe.name}; beside it, what float says"):
        reuse = start in ("record", "report")
        (writer, manifest), _ = run_apart(
            (_quantize, plan, graphs, out, chat, template, reuse), (_write_float_logits, plan, tokens, exact)
        )
    try:
        with clock.stage("record", "check against float, golden traces, speed"), _opened(writer, work) as models:
            checked = compare_with_float(plan, models, prompts, encoder, tokens, np.load(exact, mmap_mode="r"))
            if failures := checked.failures(plan.recipe.tolerances):
                raise recipe_failed(plan.recipe.name, plan.target.id, failures)
            traces = golden_traces(plan, models, prompts, encoder)
            measured = short_bench(models, plan.device.draft_tokens, prompts, encoder)
        with clock.stage("seal", "hashes"):
            clear_stale(out)
            digest = writer.finish(traces, manifest)
    except Exception:
        writer.discard()
        raise
    exact.unlink()
    with clock.stage("render", "the Android project"):
        rendered = render(bundle, out)
    write_traces(out / TRACES, traces)
    report = Report(
        target=plan.target.id,
        drafter=plan.drafter.id if plan.drafter else None,
        device=plan.device.id,
        recipe=plan.recipe.name,
        context_length=plan.capacity,
        draft_tokens=plan.device.draft_tokens,
        sha256=digest,
        bytes=bundle.stat().st_size,
        skipped=tuple(Skipped(tower.name, tower.count, tower.nbytes) for tower in plan.target.skipped),
        seconds=clock.seconds,
        peak_resident_bytes=_peak_memory(),
        measured=measured,
        check=checked,
        android=rendered,
        prompts=prompts.source,
    )
    report.write(out / REPORT)
    return report


def _lower(plan: Plan, work: Path, clock: "_Clock", fresh: bool) -> dict[str, Path]:
    from export.graphs.jobs import jobs, lower_all

    folder, graphs = work / "graphs", {}
    wanted = jobs(plan)
    if fresh:
        for job in wanted:
            (folder / f"{job.key()}.tflite").unlink(missing_ok=True)
    with clock.stage("lower", f"{len(wanted)} graphs in 2 processes"):
        for job, path, cached in lower_all(wanted, folder):
            graphs[job.kind] = path
            clock.progress("lower", f"{job.kind} {'cached' if cached else 'lowered'}")
    return graphs


def _quantize(
    plan: Plan, graphs: dict[str, Path], out: Path, chat: ChatPieces | None, template: str | None, reuse: bool
) -> tuple[BundleWriter, Manifest]:
    """Writes the models into the unfinished bundle, or takes those that an earlier run has written."""
    from export.bundle.assemble import manifest, planned_models, write_models

    models, noted = planned_models(plan, graphs), out / "work" / "shared_weights.json"
    if reuse:
        writer = BundleWriter.resume(out / BUNDLE)
        writer.shared_weights = tuple(SharedWeights(**{**s, "sections": tuple(s["sections"])}) for s in _json(noted))
    else:
        writer = BundleWriter(out / BUNDLE)
        write_models(writer, plan, models, chat, engine_template(template) if template else None)
        noted.write_text(json.dumps([asdict(shared) for shared in writer.shared_weights]))
    return writer, manifest(plan, models, chat)


def _json(path: Path) -> list:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise OutputError(
            "No export to resume",
            expected=f"{path.name}, as an earlier run left it",
            found=str(error),
            where=str(path.parent),
            action="Run the stage before it again: --from quantize.",
        ) from error


def _write_float_logits(plan: Plan, tokens: list[int], out: Path) -> None:
    import torch

    from export.evidence.float_logits import write_float_logits

    torch.set_num_threads(1)  # the other core quantises
    write_float_logits(plan.target, tokens, out)


@contextmanager
def _opened(writer: BundleWriter, work: Path) -> Iterator[Models]:
    """The finished models, running. XNNPACK's packed weights stand in the work folder as long as this takes: in memory
    there would be one copy of them a signature."""
    packed = work / "packed"
    shutil.rmtree(packed, ignore_errors=True)
    packed.mkdir()
    with writer.partial.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        view = memoryview(mapped)
        sections = {n: view[slice(*writer.sections[n])] for n in MODELS if n in writer.sections}
        # Packed, then opened again: the one that packs keeps a buffer of the largest weight.
        with _forgetting(mapped):
            Models(sections, threads=1, weight_cache=packed).close()
        models = Models(sections, threads=1, weight_cache=packed)
        try:
            yield models
        finally:
            models.close()
            shutil.rmtree(packed, ignore_errors=True)


@contextmanager
def _forgetting(mapped: mmap.mmap):
    """Gives mapped pages back while weights are packed from them: each is needed once, and counts as resident."""
    done = threading.Event()

    def forget() -> None:
        while not done.wait(0.05):
            mapped.madvise(mmap.MADV_DONTNEED)

    thread = threading.Thread(target=forget, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        mapped.madvise(mmap.MADV_DONTNEED)


def _peak_memory() -> PeakMemory:
    own, children = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return PeakMemory(export=own * 1024, largest_lowering_process=children * 1024)


class _Clock:
    """Times stages and tells of them."""

    def __init__(self, progress: Progress):
        self.progress, self.seconds = progress, {}

    @contextmanager
    def stage(self, name: str, what: str):
        self.progress(name, what)
        begin = time.monotonic()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - begin
        self.progress(name, f"done in {self.seconds[name]:.1f} s")
