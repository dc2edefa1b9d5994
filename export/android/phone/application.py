"""Which app on a phone: its application id, and everything there that follows from it."""

import re
from dataclasses import dataclass
from pathlib import Path

from export.errors import UsageError

PROPERTIES = "app/src/bindings/application.properties"
"""In an Android project: the file that its builds read the id from. A user may change it there."""
LONGEST = 223
"""Characters of an id, as Android has it."""
SEGMENT = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Application:
    """An app by its application id. `where` says where that was read, for the error if it is none: UsageError."""

    id: str
    where: str = "--application-id"

    def __post_init__(self):
        parts = self.id.split(".")
        if len(self.id) > LONGEST:
            found = f"{len(self.id)} characters"
        elif len(parts) < 2:
            found = f"{self.id!r}, which has no dot"
        elif wrong := [part for part in parts if not SEGMENT.fullmatch(part)]:
            found = f"{self.id!r}, with the part {wrong[0]!r}"
        else:
            return
        raise UsageError(
            "This is no application id",
            expected=f"at most {LONGEST} characters: two parts or more with dots between them, each of them a letter "
            "of a-z or A-Z and then letters, digits or underscores",
            found=found,
            where=self.where,
            action="Give the app a name of your own, such as com.example.writer.",
        )

    @classmethod
    def of_project(cls, project: Path) -> "Application | None":
        """What the project in this folder builds, or None where it does not say. Raises UsageError."""
        path = project / PROPERTIES
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise _unread(str(error), path) from None
        found = re.findall(r"^[ \t]*applicationId[ \t]*[=:][ \t]*(.*?)[ \t]*$", text, flags=re.M)
        if len(found) != 1:
            raise _unread(f"{len(found)} such lines", path)
        return cls(found[0], str(path))

    @property
    def files(self) -> str:
        """The app's external files: adb's shell writes there, and only this app reads it."""
        return f"/sdcard/Android/data/{self.id}/files"

    @property
    def bundle(self) -> str:
        return f"{self.files}/model.litertlm"

    @property
    def answer(self) -> str:
        return f"{self.files}/self-check.json"

    @property
    def self_check(self) -> str:
        """The action that starts it."""
        return f"{self.id}.SELF_CHECK"


def _unread(found: str, path: Path) -> UsageError:
    return UsageError(
        "The app's id can't be read",
        expected="one line applicationId=ID",
        found=found,
        where=str(path),
        action="Mend that file, or name the app with --application-id.",
    )
