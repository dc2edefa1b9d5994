"""Which phone is meant, and what is said when there is none to be had."""

import pytest

from export.android.phone.adb import Phone
from export.errors import PhoneError


def test_the_only_phone_is_taken(phone):
    assert Phone.choose(None).serial == "fake"


def test_the_named_one_of_several_is_taken(phone):
    phone.plan(devices={"one": "device", "two": "device"})
    assert Phone.choose("two").serial == "two"


@pytest.mark.parametrize(
    ("devices", "serial", "title", "says"),
    [
        ({}, None, "No phone is attached", "USB debugging"),
        ({"one": "device", "two": "device"}, None, "Several phones", "--serial"),
        ({"one": "device"}, "two", "No phone two", "--serial"),
        ({"one": "unauthorized"}, None, "can't be used yet", "Unlock the phone"),
        ({"one": "offline"}, None, "can't be used yet", "adb reconnect"),
        ({"one": "no permissions; see [http://…]"}, None, "can't be used yet", "USB device"),
        ({"one": "bootloader"}, "one", "can't be used yet", "Unplug"),
    ],
)
def test_no_phone_to_be_had(phone, devices, serial, title, says):
    phone.plan(devices=devices)
    with pytest.raises(PhoneError) as caught:
        Phone.choose(serial)
    assert title in caught.value.title and says in caught.value.action and caught.value.exit_code == 13
    for name, state in devices.items():
        assert name in str(caught.value) and state in caught.value.found


def test_no_adb(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("ANDROID_HOME", raising=False)
    monkeypatch.delenv("ANDROID_SDK_ROOT", raising=False)
    with pytest.raises(PhoneError, match="adb is missing"):
        Phone.choose(None)


def test_adb_of_the_android_sdk(phone, tmp_path, monkeypatch):
    tools = tmp_path / "sdk" / "platform-tools"
    tools.parent.mkdir()
    (tmp_path / "tools").rename(tools)
    monkeypatch.setenv("ANDROID_HOME", str(tmp_path / "sdk"))
    assert Phone.choose(None).adb == tools / "adb"


def test_a_failing_command_tells_what_the_phone_said(phone):
    with pytest.raises(PhoneError) as caught:
        Phone.choose(None).shell("echo no such thing >&2; exit 3")
    assert caught.value.found == "3: no such thing" and "exit 3" in caught.value.where


def test_a_command_that_never_ends(phone):
    with pytest.raises(PhoneError, match="does not come back"):
        Phone.choose(None).shell("sleep 5", timeout=0.3)
