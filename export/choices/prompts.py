"""The prompts that an export is checked, recorded and measured on: those that come with it, or a user's own."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from export.errors import UsageError

OWN = Path(__file__).parent / "prompts.toml"
MAX_BYTES = 1 << 20
MAX_PROMPTS = 1000
KEYS = ("prompts", "chat_prompts")


@dataclass(frozen=True)
class Prompts:
    """`plain` are texts to go on with, `chats` what a user says first; `source` is the file's name."""

    plain: tuple[str, ...]
    chats: tuple[str, ...]
    source: str

    @classmethod
    def load(cls, path: Path | None = None) -> "Prompts":
        """From a file: NAME.toml has lists of strings, `prompts` and, unless they are the same, `chat_prompts`; any
        other file is text, one prompt a line. None: the prompts that come with the export.

        Raises UsageError for a file that can't be read, is larger than MAX_BYTES, is not UTF-8 or holds anything else.
        """
        path = OWN if path is None else path
        text = _read(path)
        if path.suffix.lower() == ".toml":
            plain, chats = _from_toml(text, path)
        else:
            plain = chats = tuple(line for line in text.replace("\r\n", "\n").split("\n") if line.strip())
        for prompts in (plain, chats):
            if not 1 <= len(prompts) <= MAX_PROMPTS:
                raise _error(f"from 1 to {MAX_PROMPTS} prompts", str(len(prompts)) if prompts else "none", path)
        return cls(plain, chats, path.name)


def _read(path: Path) -> str:
    try:
        if not path.is_file():
            raise _error("a file", "no such file" if not path.exists() else "something else", path)
        with path.open("rb") as file:
            # Its size is not asked for: a file may grow, or lie.
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise _error(f"at most {MAX_BYTES:,} bytes", "more", path)
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _error("UTF-8 text", f"{error.reason} at byte {error.start}", path) from None
    except (OSError, ValueError) as error:
        raise _error("a file that can be read", str(error), path) from None


def _from_toml(text: str, path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    try:
        values = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise _error("TOML", str(error) or type(error).__name__, path) from None
    unknown = sorted(values.keys() - set(KEYS))
    if unknown:
        raise _error(f"the keys {' and '.join(KEYS)}", unknown[0][:80], path)
    plain = _strings(values, "prompts", path)
    return plain, _strings(values, "chat_prompts", path) if "chat_prompts" in values else plain


def _strings(values: dict, key: str, path: Path) -> tuple[str, ...]:
    found = values.get(key, [])
    if not isinstance(found, list) or not all(isinstance(prompt, str) for prompt in found):
        raise _error(f"{key}: a list of strings", repr(found)[:80], path)
    if any(not prompt.strip() for prompt in found):
        raise _error(f"{key}: prompts that say something", "an empty one", path)
    return tuple(found)


def _error(expected: str, found: str, path: Path) -> UsageError:
    return UsageError(
        "Prompts can't be used",
        expected=expected,
        found=found,
        where=str(path),
        action="Name a text file with one prompt a line, or a TOML file like export/choices/prompts.toml.",
    )
