"""What an app is called: by Android, which is its application id, and by the launcher.

Both lie in files of their own in the project, which an export writes where it was told a name, or where there is none
yet: what is in a project stays otherwise, whoever wrote it.
"""

from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from export.android.apk.package import apk_application
from export.android.phone.application import PROPERTIES, Application
from export.errors import UsageError
from export.outputs import APKS, PROJECT

ID, NAME = "dev.slipstream.app", "Slipstream"
NAME_RESOURCE = "app/src/bindings/res/values/app_name.xml"


@dataclass(frozen=True)
class Identity:
    """None: as the project has it. UsageError for an id that Android would not take, and a name that is none."""

    id: str | None = None
    name: str | None = None

    def __post_init__(self):
        if self.id is not None:
            Application(self.id)
        if self.name is not None and not (self.name.strip() and _is_xml(self.name)):
            raise UsageError(
                "This is no name for an app",
                expected="a line of text, without control characters",
                found=repr(self.name)[:80],
                where="--app-name",
                action="Name it as the launcher should show it.",
            )

    def check(self, project: Path) -> None:
        """Raises UsageError where nothing was chosen and the project's own id is none: before an export that takes
        minutes."""
        if self.id is None:
            Application.of_project(project)

    def files(self, project: Path) -> dict[str, bytes]:
        """What the project's two files are to hold, by their paths in it."""
        wanted = {PROPERTIES: (self.id, ID, properties), NAME_RESOURCE: (self.name, NAME, name_resource)}
        return {
            path: (project / path).read_bytes()
            if chosen is None and (project / path).is_file()
            else write(default if chosen is None else chosen).encode()
            for path, (chosen, default, write) in wanted.items()
        }


AS_IT_IS = Identity()
"""A new project gets the defaults."""


def properties(id: str) -> str:
    """The text of PROPERTIES."""
    return f"""\
# What tells this app from others on a phone and in a store. Gradle and the export's own build read it, `install`
# and `check` do so too; the code's package does not depend on it.
applicationId={id}
"""


def name_resource(name: str) -> str:
    """The text of NAME_RESOURCE. In quotes, so that Android takes white space and a first @ or ? as they are."""
    text = escape(name.replace("\\", "\\\\").replace('"', '\\"'))
    return f"""<?xml version="1.0" encoding="utf-8"?>
<!-- What the launcher calls the app. -->
<resources>
    <string name="app_name" translatable="false">"{text}"</string>
</resources>
"""


def which_app(bundle: Path, named: str | None, apk: Path | None = None) -> Application:
    """The app that belongs to an exported bundle: the one that was `named`, else that of `apk` or of the APK beside the
    bundle, which is what was installed, else the project's beside it, else the one of an export that was told none.
    Raises UsageError, ApkError."""
    if named is not None:
        return Application(named)
    built = (bundle.parent / name for name in APKS)
    apk = apk or next((path for path in built if path.is_file()), None)
    if apk is not None:
        return apk_application(apk)
    return Application.of_project(bundle.parent / PROJECT) or Application(ID)


def _is_xml(text: str) -> bool:
    """Whether all characters are of XML 1.0 and stay in one line."""
    return all(
        " " <= letter <= "\ud7ff" and letter != "\x7f" or "\ue000" <= letter <= "\ufffd" or letter >= "\U00010000"
        for letter in text
    ) and not set(text) & {"\x85", "\u2028", "\u2029"}
