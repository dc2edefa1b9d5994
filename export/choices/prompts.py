"""The prompts that an export is checked, recorded and measured on."""

import tomllib
from pathlib import Path


def prompts() -> tuple[list[str], list[str]]:
    """(plain, chat) prompts that an export is checked on."""
    values = tomllib.loads((Path(__file__).parent / "prompts.toml").read_text(encoding="utf-8"))
    return values["prompts"], values["chat_prompts"]
