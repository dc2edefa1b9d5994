"""Signing and verifying, by apksigner; the debug key that every Android tool shares."""

import os
from dataclasses import dataclass
from pathlib import Path

from export.android.apk import tools
from export.errors import ApkError

PASSWORD = "SLIPSTREAM_KEYSTORE_PASSWORD"
MIN_SDK = "29"


@dataclass(frozen=True)
class Key:
    """`password` is how apksigner gets it: `pass:…`, `env:…` or `stdin`. `alias` None: the store has one key."""

    store: Path
    password: str
    alias: str | None


def debug_key() -> Key:
    """Of ~/.android/debug.keystore, as Gradle and Android Studio use it: their builds update ours and the reverse.

    Made on first use."""
    folder = Path(os.environ.get("ANDROID_USER_HOME") or Path.home() / ".android")
    store = folder / "debug.keystore"
    if not store.exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = [tools.find("keytool"), "-genkeypair", "-keystore", store, "-storetype", "PKCS12", "-keyalg", "RSA"]
        command += ["-keysize", "2048", "-validity", "10950", "-alias", "androiddebugkey", "-storepass", "android"]
        tools.run([*command, "-dname", "CN=Android Debug,O=Android,C=US"], "No debug key can be made")
    return Key(store, "pass:android", "androiddebugkey")


def own_key(store: Path, alias: str | None) -> Key:
    """A key of the user's; the password comes from the environment, or is asked for. Raises ApkError."""
    if not store.is_file():
        raise ApkError(
            "No such key store",
            expected="a PKCS12 or JKS file",
            found="nothing",
            where=str(store),
            action="Name another one with --keystore, or leave it out for the debug key.",
        )
    return Key(store, f"env:{PASSWORD}" if PASSWORD in os.environ else "stdin", alias)


def sign(unsigned: Path, signed: Path, key: Key) -> None:
    """Schemes v2 and v3, which need no change of the entries; verified afterwards. Raises ApkError."""
    command = [tools.find("apksigner"), "sign", "--ks", key.store, "--ks-pass", key.password]
    command += ["--ks-key-alias", key.alias] if key.alias else []
    command += ["--min-sdk-version", MIN_SDK, "--v1-signing-enabled", "false"]
    command += ["--v2-signing-enabled", "true", "--v3-signing-enabled", "true", "--v4-signing-enabled", "false"]
    tools.run([*command, "--out", signed, unsigned], "The APK can't be signed")
    tools.run(
        [tools.find("apksigner"), "verify", "--min-sdk-version", MIN_SDK, signed], "The APK's signature does not verify"
    )
