"""The Kotlin runtime over the real LiteRT computes what the reference recorded: on the JVM of this machine without a
fork, on an emulated ARM64 CPU with forks at near ties only."""

import dataclasses
import shutil

import pytest

from export.bundle.writer import BundleWriter
from runtime_spec.bundle.reader import Bundle
from runtime_spec.reference.trace import read_traces, trace_text
from runtime_spec.vectors.numbers import FILE as NUMBERS_FILE
from runtime_spec.vectors.scenario import DIGEST_FILE
from tests import tiny_graphs
from tests.android import jvm
from tests.android.launcher import ANDROID_APP, run, run_driver, run_json
from tests.sealed import seal_bundle, tiny_manifest, tiny_sections

ARCHITECTURES = (None, "aarch64")
RECIPES = ("float", "int8", "int4")


@pytest.fixture(params=RECIPES)
def bundle(request):
    return request.getfixturevalue(f"{request.param}_out") / "model.litertlm"


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_the_digest_is_the_same_string(arch):
    assert run("digest", arch=arch).stdout == DIGEST_FILE.read_text()


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_the_numbers_of_sampling_are_the_same_bits(arch, tmp_path):
    text = NUMBERS_FILE.read_text(encoding="utf-8")
    other = tmp_path / "sampling.json"
    other.write_text(text.replace('["c044000000000000","3c5', '["c044000000000000","3c6', 1), encoding="utf-8")
    found = jvm.run_driver(
        "decode", "dev.slipstream.sampling.SamplingVectorsDriverKt", [str(NUMBERS_FILE), str(other)], arch
    )
    assert found[0] == "right" and found[1].startswith("exponential[6]: wanted 3c6")


def recorded_rounds(path) -> dict[str, int]:
    with Bundle.open(path) as bundle:
        return {name: len(trace.rounds) for name, text in bundle.traces().items() for trace in read_traces(text, name)}


def test_golden_traces_replay_on_this_machine_without_a_fork(bundle):
    found = run_json("verify", bundle)
    assert found["rounds"] == recorded_rounds(bundle)
    assert found["forks"] == 0


@pytest.mark.parametrize("bundle", ["int8", "int4"], indirect=True)
def test_golden_traces_replay_on_an_emulated_arm64_cpu(bundle):
    """As phones get them; float, which nobody ships, takes longest to emulate. Measured: 1 fork of 89 rounds in int8, 0
    of 97 in int4, 0 of 89 in float. A wrong port forks in most rounds, and a target fork beyond the recorded margin is
    an error of its own."""
    found = run_json("verify", bundle, arch="aarch64")
    assert found["rounds"] == recorded_rounds(bundle)
    assert found["forks"] <= 0.1 * sum(found["rounds"].values())


def with_other_traces(path, out, change):
    """The bundle with its golden traces changed and every digest made anew: damage that only a replay can notice."""
    shutil.copy(path, out)
    with Bundle.open(out) as bundle:
        manifest, texts = bundle.manifest, bundle.traces()
    traces = {name: [change(trace) for trace in read_traces(text, name)] for name, text in texts.items()}
    blank = {"header_sha256": "0" * 64, "header_sums": "0" * 32, "manifest_sha256": "0" * 64, "manifest_sums": "0" * 32}
    manifest = dataclasses.replace(manifest, sections=(), **blank)
    packed = {name: "".join(map(trace_text, found)).encode() for name, found in traces.items()}
    BundleWriter.resume(out).finish(packed, manifest)
    return out


def test_a_token_that_the_reference_did_not_choose_is_noticed(int8_out, tmp_path):
    """The last token of the last round of the drafted trace, where the margin is not near a tie."""

    def change(trace):
        if trace.header.name != "drafted":
            return trace
        last = max(i for i, one in enumerate(trace.rounds) if one.margins[-1] > trace.header.tolerance)
        one = trace.rounds[last]
        tokens = [*one.target_tokens[:-1], one.target_tokens[-1] + 1]
        emitted = tokens[: len(one.emitted_tokens)]
        changed = dataclasses.replace(one, target_tokens=tokens, emitted_tokens=emitted)
        found.append((last, len(tokens) - 1))
        return dataclasses.replace(trace, rounds=[*trace.rounds[:last], changed, *trace.rounds[last + 1 :]])

    found = []
    bundle = with_other_traces(int8_out / "model.litertlm", tmp_path / "model.litertlm", change)
    done = run("verify", bundle)
    (index, token), *_ = found
    assert done.returncode == 11, done.stdout + done.stderr
    assert f"trace drafted, round {index}, field target_tokens[{token}]" in done.stderr


def test_greedy_passes_look_at_no_logits_and_all_others_do(int8_out):
    """Of decode and the widths of two verify passes; a replay compares them with the graphs' choices."""
    done = run_driver("ReadsDriver", int8_out / "model.litertlm")
    assert done.returncode == 0, done.stderr
    looked = dict(line.split("\t") for line in done.stdout.splitlines())
    assert [looked.pop(name) for name in ("greedy", "margins")] == ["0", "0"]
    assert looked.keys() == {"penalised", "sampled", "replayed"} and all(int(n) > 1 for n in looked.values()), looked


def test_choices_that_contradict_the_logits_are_found_by_verify(tmp_path, monkeypatch):
    """Planted: the second largest, in a bundle whose traces are those of its logits."""
    values = tiny_manifest(chooses=True)
    sections = tiny_sections(values)
    assert run("verify", seal_bundle(tmp_path / "sound.litertlm", sections, values)).returncode == 0
    monkeypatch.setattr(tiny_graphs, "CHOSEN", 1)
    wrong = seal_bundle(tmp_path / "wrong.litertlm", sections | tiny_graphs.graphs(values), values)
    done = run("verify", wrong)
    assert done.returncode == 8 and "A graph's choice is not that of its logits" in done.stderr, done.stderr
    assert "signature decode, after cache slot 2" in done.stderr


def test_faults_in_the_ports_are_noticed(float_out):
    """Twenty-four faults in masks, positions, caches, hiddens, choices, embeddings and refusals, compiled and replayed;
    and a table of embeddings that starts anew in each pass, and drafts made step by step, which nothing may notice."""
    done = run_driver("PortFaults", ANDROID_APP / "litert", float_out / "model.litertlm")
    lines = dict(line.split("\t") for line in done.stdout.splitlines())
    for harmless in ("none", "rows_of_few_tokens_kept", "drafts_step_by_step"):
        assert lines.pop(harmless) == "passes", done.stderr
    assert len(lines) == 24 and "passes" not in lines.values(), lines
    assert done.returncode == 0
