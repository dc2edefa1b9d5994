"""What a phone's answer is held against: a bundle's digest and golden traces, from the bundle or from the JSON that an
exported Android project carries."""

import json
from dataclasses import dataclass
from pathlib import Path

from export.errors import BundleError

FORMAT = "slipstream-reference"


@dataclass(frozen=True)
class Reference:
    """`bundle_sha256` is the manifest's `manifest_sha256`, which is over the digests of all sections."""

    bundle_sha256: str
    traces: dict[str, str]

    @classmethod
    def of_bundle(cls, path: Path) -> "Reference":
        """Raises BundleError."""
        from runtime_spec.bundle.reader import Bundle

        with Bundle.open(path) as bundle:
            return cls(bundle.manifest.manifest_sha256, bundle.traces())

    @classmethod
    def load(cls, path: Path) -> "Reference":
        """From `to_json`. Raises BundleError."""
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if values["format"] != FORMAT or not values["traces"]:
                raise ValueError(f"format {values['format']}")
            return cls(values["bundle_sha256"], values["traces"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BundleError(
                "No reference to check against",
                expected=f"format {FORMAT}, with traces",
                found=repr(error)[:200],
                where=str(path),
                action="Export again: it writes this file.",
            ) from None

    def to_json(self) -> str:
        values = {"format": FORMAT, "version": 1, "bundle_sha256": self.bundle_sha256, "traces": self.traces}
        return json.dumps(values, indent=1) + "\n"
