"""What decoding takes of a device's memory, from the manifest alone."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from runtime_spec.bundle.manifest import Config
from runtime_spec.bundle.memory import Graphs, resident_bytes, weights_bytes, working_bytes
from runtime_spec.bundle.reader import Bundle

RESOURCES = Path(__file__).parents[3] / "android_app/app/src/test/resources"
E2B = Config(
    vocab_size=262144,
    hidden_size=1536,
    num_layers=35,
    sliding_window=512,
    layer_types=(*["sliding_attention"] * 4, "full_attention") * 7,
    kv_heads=(1,) * 15,
    head_dims=(256, 256, 256, 256, 512) * 3,
    kv_layers=tuple(range(15)),
    drafter_kv_layers={"sliding_attention": 13, "full_attention": 14},
    per_layer_size=256,
    softcap=30.0,
)


@pytest.mark.parametrize(("context", "resident"), [(64, 104_514_072), (4096, 107_328_792)])
def test_a_manifest_says_what_decoding_takes(context, resident):
    """The numbers are those of the app's BundleNeedTest."""
    with Bundle.open(RESOURCES / "small.litertlm") as bundle:
        manifest = replace(bundle.manifest, context_length=context)
    assert weights_bytes(manifest) == 79_016
    assert resident_bytes(manifest) == resident


@pytest.mark.parametrize(("drafter", "covered"), [((100, 260), 200), ((80, 120), 100), ((300, 350), 150)])
def test_bytes_that_two_models_share_count_once(drafter, covered):
    sections = [("embedder", 0, 90), ("main", 60, 160), ("drafter", *drafter), ("traces", 400, 500)]
    found = [SimpleNamespace(name=name, begin=begin, end=end) for name, begin, end in sections]
    assert weights_bytes(SimpleNamespace(sections=found)) == covered
    assert weights_bytes(SimpleNamespace(sections=found[::-1])) == covered


def test_of_e2b_a_full_context_takes_what_was_measured():
    """tests/scale/e2b.json: the Kotlin runtime's process once every signature has run."""
    found = json.loads((RESOURCES.parents[4] / "tests/scale/e2b.json").read_text())["memory"]
    graphs = Graphs((1, 8, 32, 128), (1, 4, 8), 3)
    # Of that bundle's sections.
    weights = 1_260_414_400 - 4_505_600
    said = weights + working_bytes(E2B, found["context"], graphs)
    assert said == pytest.approx(found["resident_sum_mb"] * 1e6, rel=0.1)
    assert said == pytest.approx(found["manifest_says_mb"] * 1e6, rel=0.002)
    assert working_bytes(E2B, 64, graphs) < working_bytes(E2B, 2048, graphs) - 200 * 2**20
