"""What an app is called: names in Android's resources, what an export writes, and which app a bundle belongs to."""

import re
import xml.etree.ElementTree as ET
import zipfile

import pytest

from export.android.identity import ID, NAME, NAME_RESOURCE, Identity, name_resource, properties, which_app
from export.android.phone.application import PROPERTIES
from export.android.render import ANDROID
from export.errors import UsageError
from tests.export.android.apk.manifests import binary_manifest

NASTY = '@?"It\'s" <b>&amp; \\n 100 %d %s,  two spaces, \U0001f600 한 '


def value(text):
    """What Android makes of the resource: quotes hold white space, a backslash escapes what follows."""
    (element,) = ET.fromstring(text)
    inner = re.fullmatch(r'"((?:[^"\\]|\\.)*)"', element.text)[1]
    return re.sub(r"\\(.)", r"\1", inner)


@pytest.mark.parametrize("name", [NASTY, "Slipstream", "\\", '"', "'", "@string/x", "]]>", "<!--"])
def test_names_survive(name):
    assert value(name_resource(name)) == name


@pytest.mark.parametrize("name", ["", "  ", "two\nlines", "\0", "\x7f", "\ud800", "\uffff", "\u2028"])
def test_names_that_are_none(name):
    with pytest.raises(UsageError, match="no name for an app") as caught:
        Identity(name=name)
    assert caught.value.where == "--app-name"


def test_an_id_is_checked_when_it_is_named():
    with pytest.raises(UsageError, match="no application id"):
        Identity("writer")


def test_what_stands_in_the_repository_is_what_a_plain_export_writes():
    assert (ANDROID / PROPERTIES).read_text() == properties(ID)
    assert (ANDROID / NAME_RESOURCE).read_text() == name_resource(NAME)


def test_a_project_keeps_what_it_has_where_nothing_is_chosen(tmp_path):
    for path, content in Identity("com.example.one", "One").files(tmp_path).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    assert b"com.example.one" in Identity().files(tmp_path)[PROPERTIES]
    found = Identity("com.example.two").files(tmp_path)
    assert b"com.example.two" in found[PROPERTIES] and b'"One"' in found[NAME_RESOURCE]


def test_a_project_whose_id_is_none_is_found_before_the_work(tmp_path):
    Identity().check(tmp_path)
    (tmp_path / PROPERTIES).parent.mkdir(parents=True)
    (tmp_path / PROPERTIES).write_text("applicationId=writer\n")
    with pytest.raises(UsageError, match="no application id"):
        Identity().check(tmp_path)
    Identity("com.example.writer").check(tmp_path)


def test_which_app_a_bundle_belongs_to(tmp_path):
    """One that is named, else the APK's, else the project's, else the default."""
    bundle = tmp_path / "model.litertlm"
    assert which_app(bundle, None).id == ID
    path = tmp_path / "android" / PROPERTIES
    path.parent.mkdir(parents=True)
    path.write_text(properties("com.example.project"))
    assert which_app(bundle, None).id == "com.example.project"
    for apk, id in ((tmp_path / "app.apk", "com.example.built"), (tmp_path / "other.apk", "com.example.other")):
        with zipfile.ZipFile(apk, "w") as archive:
            archive.writestr("AndroidManifest.xml", binary_manifest(id))
    assert which_app(bundle, None).id == "com.example.built"
    assert which_app(bundle, None, tmp_path / "other.apk").id == "com.example.other"
    assert which_app(bundle, "com.example.named", tmp_path / "other.apk").id == "com.example.named"
