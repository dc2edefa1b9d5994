"""Application ids: Android's rules, where an id is read, and what on a phone follows from it."""

import pytest

from export.android.phone.application import LONGEST, PROPERTIES, Application
from export.errors import UsageError


@pytest.mark.parametrize("id", ["a.b", "com.example.writer", "Com.Example_2.w9", "a." + "b" * (LONGEST - 2)])
def test_ids_that_android_takes(id):
    assert Application(id).id == id


@pytest.mark.parametrize(
    ("id", "found"),
    [
        ("", "no dot"),
        ("writer", "no dot"),
        ("com.", "part ''"),
        (".com.example", "part ''"),
        ("com..example", "part ''"),
        ("com.2writer", "part '2writer'"),
        ("com._writer", "part '_writer'"),
        ("com.my-writer", "part 'my-writer'"),
        ("com.example.writer ", "part 'writer '"),
        ("com.example\n", "part 'example\\n'"),
        ("com.exämple", "part 'exämple'"),
        ("com.example٣", "part 'example٣'"),
        ("com.$(reboot)", "part '$(reboot)'"),
        ("a." + "b" * (LONGEST - 1), "224 characters"),
    ],
)
def test_ids_that_it_does_not_take(id, found):
    with pytest.raises(UsageError, match="no application id") as caught:
        Application(id)
    assert found in caught.value.found and caught.value.where == "--application-id"


def test_paths_and_action_follow_from_it():
    app = Application("com.example.writer")
    assert app.bundle == "/sdcard/Android/data/com.example.writer/files/model.litertlm"
    assert app.answer == "/sdcard/Android/data/com.example.writer/files/self-check.json"
    assert app.self_check == "com.example.writer.SELF_CHECK"


def project(tmp_path, text):
    path = tmp_path / PROPERTIES
    path.parent.mkdir(parents=True)
    path.write_bytes(text)
    return tmp_path


@pytest.mark.parametrize(
    "line",
    [
        "applicationId=com.example.app",
        "  applicationId : com.example.app \r",
        "x=1\napplicationId = com.example.app\n#",
    ],
)
def test_a_projects_own_is_read_as_java_reads_properties(tmp_path, line):
    assert Application.of_project(project(tmp_path, line.encode())).id == "com.example.app"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"", "0 such lines"),
        (b"#applicationId=a.b", "0 such"),
        (b"applicationId=a.b\napplicationId=c.d", "2 such"),
        (b"\xff", "utf-8"),
    ],
)
def test_a_project_that_names_none_or_two(tmp_path, text, found):
    with pytest.raises(UsageError, match="can't be read") as caught:
        Application.of_project(project(tmp_path, text))
    assert found in caught.value.found and "--application-id" in caught.value.action


def test_a_projects_wrong_id_is_an_error_that_names_the_file(tmp_path):
    with pytest.raises(UsageError) as caught:
        Application.of_project(project(tmp_path, b"applicationId=writer"))
    assert caught.value.where.endswith(PROPERTIES)


def test_no_project(tmp_path):
    assert Application.of_project(tmp_path) is None
