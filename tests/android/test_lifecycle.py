"""What the Kotlin runtime opens it closes, also when opening fails half-way."""

import dataclasses

from export.bundle.sections import Part
from export.bundle.writer import BundleWriter
from runtime_spec.bundle.reader import Bundle
from tests.android.launcher import run, run_driver

BLANK = {"header_sha256": "0" * 64, "header_sums": "0" * 32, "manifest_sha256": "0" * 64, "manifest_sums": "0" * 32}


def without_a_drafter_graph(path, out):
    """The bundle with every digest right and a drafter section that is no graph: opening fails at the last model."""
    with Bundle.open(path) as bundle:
        manifest = dataclasses.replace(bundle.manifest, sections=(), shared_weights=(), **BLANK)
        names = [section.name for section in manifest_sections(bundle)]
        parts = [Part(name, writer_of(bundle, name)) for name in names]
        writer = BundleWriter(out)
        writer.write_models(parts)
        writer.finish({name: text.encode() for name, text in bundle.traces().items()}, manifest)
    return out


def manifest_sections(bundle):
    return [section for section in bundle.sections if section.name not in ("traces", "manifest")]


def writer_of(bundle, name):
    data = b"no graph at all " * 64 if name == "drafter" else bytes(bundle.section(name).data)
    return lambda stream: stream.write(data)


def test_nothing_is_left_open(int8_out, tmp_path):
    good = int8_out / "model.litertlm"
    bad = without_a_drafter_graph(good, tmp_path / "bad.litertlm")
    done = run_driver("LifecycleDriver", good, bad)
    assert done.stdout == "0 mappings, 0 descriptors\n", done.stdout + done.stderr


def test_a_section_that_is_no_graph_is_an_error_of_the_bundle(int8_out, tmp_path):
    bad = without_a_drafter_graph(int8_out / "model.litertlm", tmp_path / "bad.litertlm")
    done = run("generate", bad, "--prompt", "x")
    assert done.returncode == 8 and "section drafter" in done.stderr
    assert "LiteRtCreateModelFromBuffer failed" in done.stderr
