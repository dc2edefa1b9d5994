"""report.json: the keys that it has always had, and JSON whatever the figures are."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from export.android.render import Rendered
from export.cli.summary import show
from export.evidence.against_float import Acceptance, FloatCheck
from export.evidence.speed import Speed
from export.report import PeakMemory, Report, Skipped


def report(**changes):
    values = {
        "target": "demo/target",
        "drafter": None,
        "device": "pixel",
        "recipe": "int8",
        "context_length": 512,
        "draft_tokens": 4,
        "sha256": "0" * 64,
        "bytes": 7,
        "skipped": (Skipped("vision_tower", 3, 1024),),
        "seconds": {"plan": 0.10499, "lower": 25.0},
        "peak_resident_bytes": PeakMemory(1, 2),
        "measured": {
            "plain": Speed(10.0, (9.0, 11.0), 1.0, None, 1.0),
            "drafted_4": Speed(20.0, (9.0, 21.0), 2.0, 0.7, 3.8),
        },
        "check": FloatCheck(0.99, 0.0, 0.001, 334, {"plain": Acceptance(0.65, 0.66, 504, 0.0163)}),
        "android": Rendered(Path("out/android"), 241, True, ("build.gradle.kts",), "com.example.app"),
        "prompts": "prompts.toml",
        "fingerprints": {"target": "demo/target 1", "drafter": "none"},
        "chat_template_for_litert_lm": "the template with tools",
    }
    return Report(**(values | changes))


def test_the_keys_of_the_file():
    assert json.loads(report().to_json()) == {
        "target": "demo/target",
        "drafter": None,
        "device": "pixel",
        "recipe": "int8",
        "context_length": 512,
        "draft_tokens": 4,
        "sha256": "0" * 64,
        "bytes": 7,
        "skipped": [{"name": "vision_tower", "tensors": 3, "bytes": 1024}],
        "seconds": {"plan": 0.1, "lower": 25.0},
        "peak_resident_bytes": {"export": 1, "largest_lowering_process": 2},
        "measured": {
            "plain": {
                "tokens_per_second": 10.0,
                "spread": [9.0, 11.0],
                "ratio_to_plain": 1.0,
                "acceptance_rate": None,
                "mean_accepted_length": 1.0,
                "drafting": None,
            },
            "drafted_4": {
                "tokens_per_second": 20.0,
                "spread": [9.0, 21.0],
                "ratio_to_plain": 2.0,
                "acceptance_rate": 0.7,
                "mean_accepted_length": 3.8,
                "drafting": None,
            },
        },
        "check": {
            "top1_agreement": 0.99,
            "near_ties": 0.0,
            "mean_kl": 0.001,
            "positions": 334,
            "acceptance": {"plain": {"rate": 0.65, "float_rate": 0.66, "drafted": 504, "standard_error": 0.0163}},
        },
        "android": {
            "files": 241,
            "has_asset": True,
            "kept": ["build.gradle.kts"],
            "application_id": "com.example.app",
            "has_wrapper": True,
        },
        "prompts": "prompts.toml",
        "fingerprints": {"target": "demo/target 1", "drafter": "none"},
        "chat_template_for_litert_lm": "the template with tools",
        "accepted_loss": [],
        "adapter": None,
        "codes": None,
        "warnings": [],
    }


def test_acceptance_that_was_not_counted_is_left_out():
    assert "acceptance" not in json.loads(report(check=FloatCheck(1.0, 0.0, 0.0, 1)).to_json())["check"]


def test_a_figure_that_is_no_number_is_null():
    lossy = report(check=FloatCheck(0.1, 0.0, float("nan"), 9), accepted_loss=("KL nan",))
    values = json.loads(lossy.to_json(), parse_constant=lambda name: f"not JSON: {name}")
    assert values["check"]["mean_kl"] is None and values["accepted_loss"] == ["KL nan"]


def shown(tmp_path, out, **changes):
    out = tmp_path / out
    out.mkdir(parents=True)
    (out / "model.litertlm").write_bytes(bytes(7))
    console = Console(width=200, record=True, file=(tmp_path / "shown").open("w"))
    show(report(**changes), out, console)
    return console.export_text()


def test_the_summary_has_the_figures(tmp_path):
    text = shown(tmp_path, "pixel")
    for part in ("demo/target for pixel, recipe int8", "2.00 times plain, acceptance 0.70", "KL 0.0010", "0.65"):
        assert part in text
    assert "kept as you changed them: build.gradle.kts" in text and "accepted outside" not in text


def test_the_summary_says_how_to_get_a_wrapper_that_is_missing(tmp_path):
    assert "wrapper" not in shown(tmp_path, "pixel")
    android = Rendered(Path("out/android"), 241, True, (), "com.example.app", no_wrapper="no network")
    text = shown(tmp_path, "other", android=android)
    assert "not in the project: no network" in text and "gradle wrapper" in text


def test_the_summary_says_what_was_accepted(tmp_path):
    assert "tolerances: KL 0.5, over 334 positions" in shown(
        tmp_path, "a", accepted_loss=("KL 0.5, over 334 positions",)
    )


def test_a_path_is_shown_as_it_is_and_quoted_where_it_is_to_be_copied(tmp_path):
    text = shown(tmp_path, "[red]a[/b] b:smile:")
    assert f"in {tmp_path}/[red]a[/b] b:smile:, sha256" in text
    assert f"generate '{tmp_path}/[red]a[/b] b:smile:/model.litertlm' --prompt" in text
    assert "owner/[bold]x[/y] for" in shown(tmp_path / "2", "a", target="owner/[bold]x[/y]")


@pytest.mark.parametrize(
    ("drafter", "acceptance", "is_told"),
    [
        ("d", {"plain": (0.1, 0.08), "chat": (0.2, 0.1)}, True),
        ("d", {"plain": (0.1, 0.08), "chat": (0.2, 0.4)}, False),
        (None, {"plain": (0.1, 0.08)}, False),
    ],
)
def test_a_drafter_that_is_hardly_ever_right_is_told(drafter, acceptance, is_told, tmp_path, capsys):
    rows = {name: Acceptance(rate, float_rate, 500, 0.01) for name, (rate, float_rate) in acceptance.items()}
    made = report(drafter=drafter, check=FloatCheck(0.99, 0.0, 0.001, 334, rows))
    show(made, tmp_path, Console(width=100))
    said = " ".join(capsys.readouterr().out.split())
    assert ("hardly ever right" in said) == is_told == bool(json.loads(made.to_json())["warnings"])
    assert ("python -m export retune" in said) == is_told


def test_without_acceptance_on_prompts_the_speed_s_counts():
    made = report(drafter="d", check=FloatCheck(0.99, 0.0, 0.001, 334, {}))
    assert made.warnings == []
    slow = {"plain": Speed(10.0, (9.0, 11.0), 1.0, None, 1.0), "drafted_4": Speed(9.0, (9.0, 9.0), 0.9, 0.06, 1.2)}
    assert "accepts 0.06" in report(drafter="d", check=made.check, measured=slow).warnings[0]
