"""Recipes side by side: `python -m tests.scale.recipes [FOLDER]`.

Of E2B's and E4B's published shapes the size of the bundle as an export would forecast it, and the bytes of weights that
a plainly decoded token reads; of the demo pair, exported here once a recipe (into FOLDER, where it stays; else into one
that is removed), what the check found: KL against float, agreement, acceptance. A column is a line in COLUMNS.
"""

import argparse
import json
import shutil
import tempfile
from collections.abc import Callable
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
from tests.published import write_holes
from tests.scale.tables import table

SHAPES = ("E2B", "E4B")
RECIPES = tuple(recipe.name for recipe in Recipe.all() if not recipe.keep_codes)


@dataclass(frozen=True)
class Row:
    """A recipe: the plan of each shape, and the `check` of the demo pair's report."""

    recipe: str
    plans: dict[str, Plan]
    check: dict


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


def _acceptance(name: str) -> Callable[[Row], str]:
    return lambda row: "{rate:.3f} of {float_rate:.3f}".format(**row.check["acceptance"][name])


def _gigabytes(size: Callable[[Plan], int], shape: str) -> Callable[[Row], str]:
    return lambda row: f"{size(row.plans[shape]) / 1e9:.2f} GB"


COLUMNS: dict[str, Callable[[Row], str]] = {
    "recipe": lambda row: row.recipe,
    **{f"{shape} bundle": _gigabytes(bundle_bytes, shape) for shape in SHAPES},
    **{f"{shape} a token": _gigabytes(token_bytes, shape) for shape in SHAPES},
    "demo KL": lambda row: f"{row.check['mean_kl']:.4f}",
    "top-1": lambda row: f"{row.check['top1_agreement']:.3f}",
    "near ties": lambda row: f"{row.check['near_ties']:.3f}",
    "plain accepted": _acceptance("plain"),
    "chats accepted": _acceptance("chat"),
}


def plans(shape: str, folder: Path) -> dict[str, Plan]:
    """Recipe → plan of a published shape, whose weights are holes under `folder`."""
    pair = [str(write_holes(name, folder / name)) for name in (shape, f"{shape}-assistant")]
    plan = make_plan(Choices(*pair, Device.load("pixel"), Recipe.load(RECIPES[0])))
    return {name: replace(plan, recipe=Recipe.load(name)) for name in RECIPES}


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


def measured(folder: Path, holes: Path) -> list[Row]:
    """`holes` has to stand as long as plans are asked."""
    shapes = {shape: plans(shape, holes / shape) for shape in SHAPES}
    sized = {name: {shape: of[name] for shape, of in shapes.items()} for name in RECIPES}
    return [Row(name, sized[name], demo_check(name, folder)) for name in RECIPES]


def rendered(rows: list[Row]) -> str:
    return table(list(COLUMNS), [[value(row) for value in COLUMNS.values()] for row in rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    folder = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as made:
        print(rendered(measured(folder or Path(made, "demo"), Path(made, "holes"))))


if __name__ == "__main__":
    main()
