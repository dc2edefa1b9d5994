"""The work folder: results are used for what they were made from and for nothing else, and one export at a time."""

import multiprocessing

import pytest

from export.errors import OutputError
from export.work import RESULTS, STAGES, open_work, refuse_finished

ORIGIN = {"target": "demo 1", "recipe": "int8 2", "context": "512"}


def test_a_result_is_found_for_its_own_origin_only(tmp_path):
    with open_work(tmp_path) as work:
        work.store("models", ORIGIN, {"a": 1})
        assert work.stored("models", dict(reversed(ORIGIN.items()))) == {"a": 1}
        for key in ORIGIN:
            assert work.stored("models", ORIGIN | {key: "other"}) is None
        assert work.stored("models", ORIGIN | {"more": "x"}) is None
        assert work.stored("traces", ORIGIN) is None


@pytest.mark.parametrize("key", ORIGIN)
def test_a_difference_is_named_to_whom_asked_to_go_on(key, tmp_path):
    with open_work(tmp_path) as work:
        work.store("models", ORIGIN, {"a": 1})
        with pytest.raises(OutputError, match=f"another {key}") as caught:
            work.require("models", ORIGIN | {key: "other"}, "Make them anew.")
        assert caught.value.expected == f"{key} other" and caught.value.found == f"{key} {ORIGIN[key]}"
        assert work.require("models", ORIGIN, "") == {"a": 1}


@pytest.mark.parametrize("left", ["", "{", "[]", '{"origin": 1, "result": 2}', "[" * 100_000, "\ud800"])
def test_what_a_killed_run_left_torn_is_no_result(left, tmp_path):
    with open_work(tmp_path) as work:
        (work.folder / "models.json").write_bytes(left.encode("utf-8", "surrogatepass"))
        assert work.stored("models", ORIGIN) is None
        with pytest.raises(OutputError, match="No export to resume"):
            work.require("models", ORIGIN, "")


def test_forgetting_a_stage_forgets_those_after_it(tmp_path):
    with open_work(tmp_path) as work:
        for name in RESULTS:
            work.store(name, ORIGIN, 1)
        work.forget("traces")
        assert [name for name in RESULTS if work.has(name)] == ["models", "float_logits", "against_float"]
    assert set(STAGES.values()) <= set(RESULTS)


def hold(folder, is_held, done):
    with open_work(folder):
        is_held.set()
        done.wait(30)


def test_a_second_export_is_refused_while_one_is_at_work_and_the_lock_goes_with_the_process(tmp_path):
    context = multiprocessing.get_context("spawn")
    is_held, done = context.Event(), context.Event()
    other = context.Process(target=hold, args=(tmp_path, is_held, done))
    other.start()
    assert is_held.wait(30)
    with pytest.raises(OutputError, match="Another export is at work") as caught, open_work(tmp_path):
        pass
    assert f"process {other.pid}" in caught.value.found
    other.kill()
    other.join()
    with open_work(tmp_path):
        pass


def test_a_folder_that_can_not_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="can't be made"), open_work(tmp_path / "file" / "out"):
        pass


def test_a_finished_output_is_kept_and_an_unfinished_one_gone_on_with(tmp_path):
    refuse_finished(tmp_path, force=False, start=None)
    (tmp_path / "model.litertlm").write_bytes(b"")
    with pytest.raises(OutputError, match="Output exists"):
        refuse_finished(tmp_path, force=False, start=None)
    refuse_finished(tmp_path, force=True, start=None)
    refuse_finished(tmp_path, force=False, start="record")
    with open_work(tmp_path) as work:
        work.store("sealed", ORIGIN, 1)
    refuse_finished(tmp_path, force=False, start=None)


def test_what_a_killed_run_left_half_made_is_cleared_and_graphs_stay(tmp_path):
    graph = tmp_path / "work/graphs/verify-0.tflite"
    scraps = [graph.with_name("pieces"), graph.with_name(f"{graph.name}.12.partial"), tmp_path / "work/packed"]
    for folder in (scraps[0], scraps[2]):
        folder.mkdir(parents=True)
        (folder / "layer").touch()
    for file in (graph, scraps[1]):
        file.touch()
    with open_work(tmp_path):
        assert graph.exists() and not any(scrap.exists() for scrap in scraps)
