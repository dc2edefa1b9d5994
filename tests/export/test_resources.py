"""Where data lies: a checkout's own, and a copy of an installed package's that may be written to."""

from export import resources


def tree(folder, **files):
    for name, text in files.items():
        (folder / "a").mkdir(parents=True, exist_ok=True)
        (folder / "a" / name).write_text(text)
    return folder


def test_a_checkout_is_built_where_it_is():
    assert resources.buildable_android() == resources.ANDROID == resources.ROOT / "android_app"
    assert (resources.ANDROID / "pom.xml").is_file() and (resources.TEMPLATE / "settings.gradle.kts").is_file()


def test_a_copy_is_made_once_and_follows_the_content(tmp_path):
    source, cache = tree(tmp_path / "source", x="1", y="2"), tmp_path / "cache" / "slipstream"
    first = resources._copied(source, cache)
    assert (first / "a/x").read_text() == "1" and first.parent == cache
    (first / "a/built").touch()
    assert resources._copied(source, cache) == first and (first / "a/built").exists()
    tree(source, x="3")
    second = resources._copied(source, cache)
    assert second != first and (second / "a/x").read_text() == "3"
    assert sorted(cache.iterdir()) == sorted([first, second])


def test_compiled_python_makes_no_other_copy(tmp_path):
    source = tree(tmp_path / "source", x="1")
    first = resources._copied(source, tmp_path / "cache")
    (source / "a/__pycache__").mkdir()
    (source / "a/__pycache__/x.pyc").touch()
    assert resources._copied(source, tmp_path / "cache") == first


def test_two_processes_at_once(tmp_path, monkeypatch):
    """The second finds the folder made between its look and its renaming."""
    source, cache = tree(tmp_path / "source", x="1"), tmp_path / "cache"
    copytree = resources.shutil.copytree

    def slow(*arguments, **more):
        monkeypatch.setattr(resources.shutil, "copytree", copytree)
        monkeypatch.setattr(resources.os, "getpid", lambda: 1)
        resources._copied(source, cache)
        return copytree(*arguments, **more)

    monkeypatch.setattr(resources.shutil, "copytree", slow)
    copy = resources._copied(source, cache)
    assert (copy / "a/x").read_text() == "1" and list(cache.iterdir()) == [copy]
