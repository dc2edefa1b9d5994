"""The export's stages in order: plan, lower, quantize, record, report."""

import json
import mmap
import resource
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from pathlib import Path

from export.bundle import BundleWriter
from export.chat_template import engine_template, read_chat_template, turn_pieces
from export.device import unknown_choice
from export.errors import OutputError
from export.plan import Plan
from runtime_spec.manifest import ChatPieces

STAGES = ("lower", "quantize", "record", "report")
Progress = Callable[[str, str], None]


def run(plan: Plan, out: Path, start: str | None, force: bool, progress: Progress) -> dict:
    """Exports into `out`; returns the report. `start` is the first stage to run again, None the first that is missing.

    Raises SlipstreamError; an existing bundle is left alone unless `force` or `start` is given."""
    if start is not None and start not in STAGES:
        raise unknown_choice("from", start, list(STAGES))
    bundle = out / "model.litertlm"
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
    with clock.stage("quantize", f"recipe {plan.recipe.name}"):
        from export.assemble import manifest, planned_models, write_models

        models = planned_models(plan, graphs)
        writer = BundleWriter(bundle)
        if start in ("record", "report"):
            writer = BundleWriter.resume(bundle)
        else:
            write_models(writer, plan, models, chat, engine_template(template) if template else None)
    try:
        with clock.stage("record", "check against float, golden traces"):
            traces, figures, checked = _record(plan, writer, chat)
        with clock.stage("seal", "hashes"):
            digest = writer.finish(traces, manifest(plan, models, chat))
    except Exception:
        writer.discard()
        raise
    return _report(plan, out, traces, digest, clock.seconds, figures, checked)


def _lower(plan: Plan, work: Path, clock: "_Clock", fresh: bool) -> dict[str, Path]:
    from export.jobs import jobs, lower_all

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


def _record(plan: Plan, writer: BundleWriter, chat: ChatPieces | None) -> tuple[Mapping[str, bytes], dict, dict | None]:
    from tokenizers import Tokenizer

    from export.bench import figures
    from export.check import check
    from export.record import golden_traces
    from runtime_spec.litert.runtime import MODELS, Models

    tokenizer = Tokenizer.from_file(str(plan.target.tokenizer.path))

    def encode(text: str) -> list[int]:
        return tokenizer.encode(text, add_special_tokens=False).ids

    with writer.partial.open("rb") as file:
        view = memoryview(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))
        sections = {n: view[slice(*writer.sections[n])] for n in MODELS if n in writer.sections}
        models = Models(sections, threads=1, key=None)
        try:
            checked = check(plan, models, encode)
            traces = golden_traces(plan, models, encode, chat)
            bos = plan.target.tokenizer.bos
            measured = figures(models.target, models.drafter, plan.device.draft_tokens, encode, bos)
        finally:
            models.close()
    return traces, measured, checked


def _report(
    plan: Plan, out: Path, traces: Mapping[str, bytes], digest: str, seconds: dict, figures: dict, checked: dict | None
) -> dict:
    folder = out / "traces"
    folder.mkdir(exist_ok=True)
    for name, text in traces.items():
        (folder / f"{name}.jsonl").write_bytes(text)
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    report = {
        "target": plan.target.id,
        "drafter": plan.drafter.id if plan.drafter else None,
        "device": plan.device.id,
        "recipe": plan.recipe.name,
        "context_length": plan.capacity,
        "draft_tokens": plan.device.draft_tokens,
        "sha256": digest,
        "bytes": (out / "model.litertlm").stat().st_size,
        "skipped": [{"name": t.name, "tensors": t.count, "bytes": t.nbytes} for t in plan.target.skipped],
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
        "peak_resident_bytes": {
            "export": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "largest_lowering_process": children * 1024,
        },
        "measured": figures,
        # None: the model is too large to be held in float here.
        "check": checked,
    }
    (out / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    return report


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
