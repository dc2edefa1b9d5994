"""Signing and verifying, by apksigner; the debug key that every Android tool shares."""

import getpass
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from export.android.apk import tools
from export.errors import ApkError

PASSWORD = "SLIPSTREAM_KEYSTORE_PASSWORD"
MIN_SDK = "29"
DEBUG_PASSWORD, DEBUG_ALIAS = "android", "androiddebugkey"


@dataclass(frozen=True)
class Key:
    """A key store and its password. `alias` None: the store has one key."""

    store: Path
    password: str = field(repr=False)
    alias: str | None

    def environment(self) -> dict[str, str]:
        """For a program that is told to read PASSWORD: on a command line other users would see it."""
        return os.environ | {PASSWORD: self.password}


def debug_key() -> Key:
    """Of ~/.android/debug.keystore, as Gradle and Android Studio use it: their builds update ours and the reverse.

    Made on first use. Raises ApkError."""
    folder = Path(os.environ.get("ANDROID_USER_HOME") or Path.home() / ".android")
    key = Key(folder / "debug.keystore", DEBUG_PASSWORD, DEBUG_ALIAS)
    if not key.store.exists():
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _error("No debug key can be made", "a folder that can be written to", str(error), folder) from None
        command = [tools.find("keytool"), "-genkeypair", "-keystore", key.store, "-storetype", "PKCS12"]
        command += ["-keyalg", "RSA", "-keysize", "2048", "-validity", "10950", "-alias", DEBUG_ALIAS]
        command += ["-storepass:env", PASSWORD, "-dname", "CN=Android Debug,O=Android,C=US"]
        tools.run(command, "No debug key can be made", env=key.environment())
    return key


def own_key(store: Path, alias: str | None) -> Key:
    """A key of the user's, with its password from the environment or asked for on the terminal, and tried: it opens
    the store, and the key is there. Raises ApkError."""
    if not store.is_file():
        raise _error("No such key store", "a PKCS12 or JKS file", "nothing", store)
    key = Key(store, os.environ[PASSWORD] if PASSWORD in os.environ else _ask(store), alias)
    command = [tools.find("keytool"), "-J-Duser.language=en", "-list", "-keystore", store, "-storepass:env", PASSWORD]
    said = tools.run(
        [*command, *(["-alias", alias] if alias else [])],
        "The key store can't be used",
        action=f"Check {PASSWORD} and --key-alias.",
        env=key.environment(),
    )
    keys = said.count("PrivateKeyEntry")
    if keys != 1:
        raise _error("No key to sign with", "one private key, or the name of one", f"{keys} private keys", store)
    return key


def _ask(store: Path) -> str:
    if not _has_terminal():
        raise _error("No password for the key store", f"{PASSWORD}, or a terminal to ask on", "neither", store)
    try:
        return getpass.getpass(f"Password of {store}: ")
    except EOFError:
        raise _error("No password for the key store", "a password", "an end of input", store) from None


def _has_terminal() -> bool:
    """Without one getpass would read the password from a pipe, and show it."""
    return sys.stdin is not None and sys.stdin.isatty()


def _error(title: str, expected: str, found: str, where: Path) -> ApkError:
    action = (
        f"Name a key store with --keystore, its key with --key-alias, its password in {PASSWORD}; without them the "
    )
    action += "APK is signed with a debug key."
    return ApkError(title, expected=expected, found=found, where=str(where), action=action)


def sign(unsigned: Path, signed: Path, key: Key) -> None:
    """Schemes v2 and v3, which need no change of the entries; verified afterwards. Raises ApkError."""
    command = [tools.find("apksigner"), "sign", "--ks", key.store, "--ks-pass", f"env:{PASSWORD}"]
    command += ["--ks-key-alias", key.alias] if key.alias else []
    command += ["--min-sdk-version", MIN_SDK, "--v1-signing-enabled", "false"]
    command += ["--v2-signing-enabled", "true", "--v3-signing-enabled", "true", "--v4-signing-enabled", "false"]
    tools.run([*command, "--out", signed, unsigned], "The APK can't be signed", env=key.environment())
    tools.run(
        [tools.find("apksigner"), "verify", "--min-sdk-version", MIN_SDK, signed], "The APK's signature does not verify"
    )
