"""A drafter's folder, written whole or not at all; and the state from which an interrupted training goes on."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file

from export.checkpoint.checkpoint import Checkpoint
from export.checkpoint.files import MAX_TOKENIZER, read_file, read_json
from export.checkpoint.safetensors import INDEX_NAME, SINGLE_NAME
from export.errors import OutputError
from export.files import output_errors, replacing

DTYPE_KEYS = ("dtype", "torch_dtype")

SMALL = ("*.json", "*.jinja")
"""What lies beside weights."""


def refuse_existing(out: Path) -> None:
    """Raises OutputError where there is something at `out` but an empty folder."""
    if not os.path.lexists(out) or (out.is_dir() and not out.is_symlink() and not any(out.iterdir())):
        return
    raise OutputError(
        "Output exists already",
        expected="a folder that does not exist, or an empty one",
        found="a folder that holds something" if out.is_dir() else "something else",
        where=str(out),
        action="Name another folder with --out, or remove this one.",
    )


def save_drafter(model, source: Checkpoint, out: Path, check: Callable[[Path], None]) -> None:
    """Writes the model's weights in bf16 beside `source`'s other files, as they stand there, to `out`; `check` sees the
    folder before it has that name. Raises OutputError, CheckpointError."""
    partial = out.with_name(f".{out.name}.partial")
    with output_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        try:
            for path in sorted({path for pattern in SMALL for path in source.folder.glob(pattern)}):
                if path.name != INDEX_NAME:
                    (partial / path.name).write_bytes(read_file(path, MAX_TOKENIZER))
            _say_bf16(partial / "config.json")
            save_file(_stored(model, source), partial / SINGLE_NAME, metadata={"format": "pt"})
            # It comes readable by its owner alone.
            os.chmod(partial / SINGLE_NAME, (partial / "config.json").stat().st_mode)
            check(partial)
            refuse_existing(out)
            os.rename(partial, out)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def _stored(model, source: Checkpoint) -> dict[str, torch.Tensor]:
    state = model.state_dict()
    if source.text.tie_word_embeddings:
        del state["lm_head.weight"]
    return {
        name: (value.to(torch.bfloat16) if value.is_floating_point() else value).cpu().contiguous()
        for name, value in state.items()
    }


def _say_bf16(path: Path) -> None:
    """Where the config names another dtype than the weights have now; else it keeps every byte."""
    values = read_json(path)
    parts = [part for part in (values, values.get("text_config")) if isinstance(part, dict)]
    others = [(part, key) for part in parts for key in DTYPE_KEYS if part.get(key) not in (None, "bfloat16")]
    for part, key in others:
        part[key] = "bfloat16"
    if others:
        path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def state_path(out: Path) -> Path:
    """Beside the output, which is to hold a drafter and nothing else."""
    return out.with_name(f".{out.name}.retune")


def write_state(path: Path, state: dict) -> None:
    """Raises OutputError."""
    with replacing(path) as partial:
        torch.save(state, partial)


def read_state(path: Path, key: str) -> dict | None:
    """What an earlier run of the same `key` left; None where there is none, or another's."""
    if not path.is_file():
        return None
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
        return state if state["key"] == key else None
    # Whatever a damaged file makes of the reader: it is begun anew.
    except Exception:
        return None
