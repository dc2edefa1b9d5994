"""Recipes side by side: `python -m tests.scale.recipes [FOLDER] [--bundles BUNDLE...]`.

Of E2B's and E4B's published shapes the size of the bundle as an export would forecast it, and the bytes of weights that
a plainly decoded token reads (of `qat` in the layout that the published checkpoint has); of the demo pair, exported
once a recipe (into FOLDER, where it stays; else into one that is removed), what the check found: KL against float,
agreement, acceptance. Of each of BUNDLE, of E2B's shape by `tests.scale.run`, what decoding, verifying and reading a
prompt of 500 tokens takes here with one thread. A column is a line in COLUMNS.
"""

import argparse
import json
import shutil
import statistics
import tempfile
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from sys import stderr

from export.checkpoint.tensors import expected_tensors
from export.choices.device import Device
from export.choices.recipe import Recipe
from export.cli import main as cli
from export.forecast import forecast
from export.plan import PER_LAYER_TABLE, Choices, Plan, make_plan
from runtime_spec.bundle.reader import Bundle
from tests.published import write_holes, write_qat_holes
from tests.scale.exports import machine
from tests.scale.tables import table

SHAPES = ("E2B", "E4B")
CHOSEN = tuple(recipe.name for recipe in Recipe.all() if not recipe.keep_codes)
"""For any checkpoint; the others keep what a checkpoint was trained for."""
RECIPES = (*CHOSEN, "qat")
PROMPT_TOKENS, TIMES = 500, 3


@dataclass(frozen=True)
class Speed:
    """Of a bundle of E2B's shape, one thread."""

    decode_milliseconds: float
    verify_in_decodes: dict[int, float]
    prefill_tokens_per_second: float


@dataclass(frozen=True)
class Row:
    """A recipe: the plan of each shape, the `check` of the demo pair's report, and the speed here; None of what there
    is not."""

    recipe: str
    plans: dict[str, Plan]
    check: dict | None
    speed: Speed | None = None


def bundle_bytes(plan: Plan) -> int:
    return forecast(plan, lowered=True).bundle_bytes


def token_bytes(plan: Plan) -> int:
    """Of weights, read for one plainly decoded token: each of the target's once, the table of embeddings as the head,
    and a row of each table."""
    target, found = plan.target, 0
    embeddings, per_layer = (target.prefix + name for name in ("embed_tokens.weight", PER_LAYER_TABLE))
    for tensor, shape in expected_tensors(target.config, target.prefix).items():
        nbytes = _stored(plan, tensor, shape)
        if tensor == embeddings:
            found += nbytes // shape[0] + (nbytes if target.config.tie_word_embeddings else 0)
        else:
            found += nbytes // shape[0] if tensor == per_layer else nbytes
    return found


def _stored(plan: Plan, tensor: str, shape: tuple[int, ...]) -> int:
    """Codes and scales."""
    parameter = "head.weight" if tensor == "lm_head.weight" else tensor.removeprefix(plan.target.prefix)
    storage = plan.storage(plan.target, parameter, shape)
    return storage.nbytes(shape) + (2 if storage.block else 4) * storage.num_scales(shape)


def _of_check(show: Callable[[dict], str]) -> Callable[[Row], str]:
    return lambda row: show(row.check) if row.check else "-"


def _acceptance(name: str) -> Callable[[Row], str]:
    return _of_check(lambda check: "{rate:.3f} of {float_rate:.3f}".format(**check["acceptance"][name]))


def _of_speed(show: Callable[[Speed], str]) -> Callable[[Row], str]:
    return lambda row: show(row.speed) if row.speed else "-"


def _verify(width: int) -> Callable[[Row], str]:
    return _of_speed(lambda speed: f"{speed.verify_in_decodes.get(width, float('nan')):.2f} decodes")


def _gigabytes(size: Callable[[Plan], int], shape: str) -> Callable[[Row], str]:
    return lambda row: f"{size(row.plans[shape]) / 1e9:.2f} GB"


COLUMNS: dict[str, Callable[[Row], str]] = {
    "recipe": lambda row: row.recipe,
    **{f"{shape} bundle": _gigabytes(bundle_bytes, shape) for shape in SHAPES},
    **{f"{shape} a token": _gigabytes(token_bytes, shape) for shape in SHAPES},
    "decode": _of_speed(lambda speed: f"{speed.decode_milliseconds:.1f} ms"),
    "verify 4": _verify(4),
    "verify 8": _verify(8),
    "prefill": _of_speed(lambda speed: f"{speed.prefill_tokens_per_second:.0f} tokens/s"),
    "demo KL": _of_check(lambda check: f"{check['mean_kl']:.4f}"),
    "top-1": _of_check(lambda check: f"{check['top1_agreement']:.3f}"),
    "near ties": _of_check(lambda check: f"{check['near_ties']:.3f}"),
    "plain accepted": _acceptance("plain"),
    "chats accepted": _acceptance("chat"),
}


def plans(shape: str, folder: Path) -> dict[str, Plan]:
    """Recipe → plan of a published shape, whose weights are holes under `folder`."""
    drafter = str(write_holes(f"{shape}-assistant", folder / "drafter"))

    def planned(target: Path, recipe: str) -> Plan:
        return make_plan(Choices(str(target), drafter, Device.load("pixel"), Recipe.load(recipe)))

    plan = planned(write_holes(shape, folder / "target"), CHOSEN[0])
    found = {name: replace(plan, recipe=Recipe.load(name)) for name in CHOSEN}
    return found | {"qat": planned(write_qat_holes(shape, folder / "qat"), "qat")}


def speed(bundle: Path) -> tuple[str, Speed]:
    """(recipe, speed) of a bundle of E2B's shape."""
    from runtime_spec.litert.runtime import Runtime
    from tests.scale import prefill, widths

    with Bundle.open(bundle) as opened:
        recipe = opened.manifest.recipe.name
    passes = widths.measured(bundle, threads=1, rounds=widths.ROUNDS)["pass"]
    with Runtime(bundle) as runtime:
        _, tokens = prefill.prompt(runtime, PROMPT_TOKENS)
        seconds = [prefill.timed(lambda: prefill.ours(runtime.target, tokens)) for _ in range(1 + TIMES)]
    in_decodes = {width: milliseconds / passes[1] for width, milliseconds in passes.items()}
    return recipe, Speed(passes[1], in_decodes, PROMPT_TOKENS / statistics.median(seconds[1:]))


def demo_check(recipe: str, folder: Path) -> dict:
    """The demo pair exported into `folder`/`recipe`, where that has not been done."""
    out = folder / recipe
    if not (out / "report.json").exists():
        made = sorted(folder.glob("*/work/graphs"))
        if made and not (out / "work/graphs").exists():
            shutil.copytree(made[0], out / "work/graphs")
        names = ["--target", str(cli.DEMO / "target"), "--drafter", str(cli.DEMO / "drafter"), "--recipe", recipe]
        with redirect_stdout(stderr):
            code = cli.main(["--device", "pixel", *names, "--no-bench", "--accept-loss", "--out", str(out)])
        if code:
            raise SystemExit(code)
    return json.loads((out / "report.json").read_text())["check"]


def measured(folder: Path, holes: Path, bundles: Sequence[Path] = ()) -> list[Row]:
    """`holes` has to stand as long as plans are asked."""
    shapes = {shape: plans(shape, holes / shape) for shape in SHAPES}
    sized = {name: {shape: of[name] for shape, of in shapes.items()} for name in RECIPES}
    speeds = dict(speed(bundle) for bundle in bundles)
    checks = {name: demo_check(name, folder) for name in CHOSEN}
    return [Row(name, sized[name], checks.get(name), speeds.get(name)) for name in RECIPES]


def rendered(rows: list[Row]) -> str:
    return table(list(COLUMNS), [[value(row) for value in COLUMNS.values()] for row in rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--bundles", type=Path, nargs="+", default=[])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        print(rendered(measured(args.folder or Path(made, "demo"), Path(made, "holes"), args.bundles)))
    if args.bundles:
        print("\n" + machine()["cpu"])


if __name__ == "__main__":
    main()
