"""Hub ids: what is asked of the hub and when, downloads that end early and go on, and each refusal in words.

Against a stand-in of the hub (tests/hub.py); that it speaks the hub's language is shown by the hub's own client.
"""

import json
import os
import resource
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
from huggingface_hub import constants, snapshot_download
from safetensors.numpy import save_file

from export.checkpoint import hub_download
from export.checkpoint.checkpoint import Checkpoint
from export.checkpoint.digests import file_digest
from export.checkpoint.hub import locate
from export.choices.device import Device
from export.choices.recipe import Recipe
from export.errors import CheckpointError, OutputError
from export.plan import Choices, fetched, make_plan
from export.sources import sources
from tests.checkpoints import write_pair
from tests.hub import Hub, running

REPO = "org/small-it"
WEIGHTS, ADAPTER = "model.safetensors", "adapter_model.safetensors"


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return write_pair("tiny_e2b", tmp_path_factory.mktemp("pair"))


@pytest.fixture
def hub(pair, tmp_path, monkeypatch):
    """The pair on a hub of its own, with an empty cache, no token and no waiting."""
    with running(Hub()) as hub:
        hub.commit = hub.add(REPO, pair[0])
        hub.repositories[REPO].refs["v1"] = hub.commit
        hub.repositories[REPO].files |= {"README.md": b"x" * 1000, "consolidated.safetensors": b"never" * 1000}
        hub.add("org/small-it-assistant", pair[1])
        use(monkeypatch, hub.url, tmp_path / "cache")
        yield hub


def use(monkeypatch, url: str, cache: Path, offline: bool = False) -> None:
    """As HF_ENDPOINT, HF_HOME and HF_HUB_OFFLINE would: the client reads its environment once."""
    monkeypatch.setattr(constants, "ENDPOINT", url)
    template = url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(cache / "token"))
    monkeypatch.setattr(hub_download, "WAITS", (0.0, 0.0))
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache / "own"))
    monkeypatch.delenv("HF_TOKEN", raising=False)


def fetch(checkpoint: Checkpoint) -> Checkpoint:
    for file in checkpoint.absent.values():
        told = []
        file.download(told.append)
        assert told[-1] == file.size
    return Checkpoint.open(checkpoint.located)


def refused(name: str, *parts: str, kind: type = CheckpointError):
    with pytest.raises(kind) as caught:
        fetch(Checkpoint.open(name))
    for part in parts:
        assert part in str(caught.value), (part, str(caught.value))
    return caught.value


def test_the_stand_in_is_a_hub_to_the_hubs_own_client(hub, pair, tmp_path):
    folder = Path(snapshot_download(REPO, cache_dir=tmp_path / "own", endpoint=hub.url, ignore_patterns="cons*"))
    names = {path.name for path in pair[0].iterdir()}
    assert {path.name for path in folder.iterdir()} == names | {"README.md"}
    assert all((folder / name).read_bytes() == (pair[0] / name).read_bytes() for name in names)
    assert folder.name == hub.commit


def test_a_plan_reads_headers_and_small_files_only(hub, pair):
    opened = Checkpoint.open(REPO)
    assert (opened.id, opened.located.revision, list(opened.absent)) == (REPO, hub.commit, [WEIGHTS])
    assert opened.tokenizer.content() == (pair[0] / "tokenizer.json").read_bytes()
    large = (pair[0] / WEIGHTS).stat().st_size
    (asked,) = hub.asked_for(WEIGHTS)
    assert asked == f"bytes=0-{(512 << 10) - 1}" and large > 512 << 10
    assert opened.tensors.names() == Checkpoint.open(pair[0]).tensors.names()
    assert not any(one.path.endswith(("README.md", "consolidated.safetensors")) for one in hub.asked)


def test_a_header_longer_than_the_first_request_is_read_whole(hub, pair, monkeypatch):
    monkeypatch.setattr("export.checkpoint.safetensors.AHEAD_HEADER_BYTES", 100)
    assert Checkpoint.open(REPO).tensors.names() == Checkpoint.open(pair[0]).tensors.names()
    assert hub.asked_for(WEIGHTS)[0] == "bytes=0-99" and len(hub.asked_for(WEIGHTS)) == 2


@pytest.mark.parametrize("without_ranges", [False, True])
def test_values_are_read_where_they_are(hub, pair, without_ranges):
    """The drafter's ordering is checked before its weights are downloaded."""
    hub.without_ranges = without_ranges
    remote, here = Checkpoint.open("org/small-it-assistant"), Checkpoint.open(pair[1])
    name = "masked_embedding.token_ordering"
    assert remote.tensors.read(name).tolist() == here.tensors.read(name).tolist()
    assert remote.absent


def test_downloaded_it_is_what_the_folder_is(hub, pair):
    got = fetch(Checkpoint.open(f"{REPO}@v1"))
    assert not got.absent and got.fingerprint() == Checkpoint.open(pair[0]).fingerprint()
    assert (got.folder / WEIGHTS).read_bytes() == (pair[0] / WEIGHTS).read_bytes()
    assert got.located.named == f"{REPO}@{hub.commit}"
    assert not [one for one in hub.asked if one.with_token]


def test_the_hubs_own_client_finds_what_was_downloaded(hub, monkeypatch, tmp_path):
    got = fetch(Checkpoint.open(REPO))
    use(monkeypatch, "http://127.0.0.1:9", tmp_path / "cache", offline=True)
    names = ["*.json", "*.jinja", WEIGHTS]
    cache = tmp_path / "cache/hub"
    assert Path(snapshot_download(REPO, cache_dir=cache, allow_patterns=names)).samefile(got.folder)


def test_what_the_hubs_own_client_downloaded_is_used(hub, monkeypatch, tmp_path):
    snapshot_download(REPO, cache_dir=tmp_path / "cache/hub", endpoint=hub.url)
    hub.asked.clear()
    assert not Checkpoint.open(REPO).absent
    assert [one.path for one in hub.asked] == [f"/api/models/{REPO}"]
    # Another program's, and no list of ours: its blobs' names say what they are.
    shutil.rmtree(tmp_path / "cache/own")
    use(monkeypatch, hub.url, tmp_path / "cache", offline=True)
    found = Checkpoint.open(REPO)
    assert not found.absent and found.located.revision == hub.commit and not found.located.snapshot.is_current


def test_what_the_hubs_own_client_shares_between_repositories_is_used(hub, monkeypatch, tmp_path):
    """Files that came through Xet: the repository's blob is a link to CACHE/blobs/AB/ABCD…, named by Xet's own hash."""
    got = fetch(Checkpoint.open(REPO))
    blob, xet = Path(os.path.realpath(got.folder / WEIGHTS)), "ab" + "0" * 62
    store = tmp_path / "cache/hub/blobs/ab"
    store.mkdir(parents=True)
    blob.rename(store / xet)
    blob.symlink_to(os.path.relpath(store / xet, blob.parent))
    assert not Checkpoint.open(REPO).absent
    shutil.rmtree(tmp_path / "cache/own")
    use(monkeypatch, hub.url, tmp_path / "cache", offline=True)
    found = Checkpoint.open(REPO)
    assert not found.absent and found.located.snapshot.files[WEIGHTS].digest == blob.name


def test_a_blob_that_was_removed_is_downloaded_anew(hub, pair):
    got = fetch(Checkpoint.open(REPO))
    os.unlink(os.path.realpath(got.folder / WEIGHTS))
    again = Checkpoint.open(REPO)
    assert list(again.absent) == [WEIGHTS]
    assert (fetch(again).folder / WEIGHTS).read_bytes() == (pair[0] / WEIGHTS).read_bytes()


def test_a_file_beyond_what_the_hub_hands_out_over_http(hub, monkeypatch):
    monkeypatch.setattr(constants, "MAX_HTTP_DOWNLOAD_SIZE", 1_000_000)
    refused(REPO, "no file of this size", WEIGHTS, f"hf download {REPO} {WEIGHTS} --revision {hub.commit}")
    assert not [one for one in hub.asked if one.server == "storage" and one.path.endswith(WEIGHTS) and not one.range]


@pytest.mark.parametrize("cut", [0, 1, 300_000])
def test_a_cut_download_goes_on_where_it_ended(hub, pair, cut):
    opened, size = Checkpoint.open(REPO), (pair[0] / WEIGHTS).stat().st_size
    hub.asked.clear()
    hub.cuts[WEIGHTS] = [cut, 400_000 - cut]
    fetch(opened)
    assert hub.asked_for(WEIGHTS) == [
        None,
        f"bytes={cut}-{size - 1}" if cut else None,
        f"bytes=400000-{size - 1}",
    ]


def test_the_next_run_goes_on_where_this_ended(hub, pair):
    opened = Checkpoint.open(REPO)
    hub.cuts[WEIGHTS] = [1 << 20, 100_000, 0, 0, 0]  # the first is the header's
    (file,) = opened.absent.values()
    error = refused(REPO, "can't be reached", "goes on where it ended")
    assert error.where == f"{REPO}@{hub.commit[:12]} {WEIGHTS}"
    assert file.size - file.missing_bytes == 100_000
    hub.asked.clear()
    hub.cuts.clear()
    fetch(opened)
    assert hub.asked_for(WEIGHTS) == [f"bytes=100000-{file.size - 1}"]
    assert (opened.folder / WEIGHTS).read_bytes() == (pair[0] / WEIGHTS).read_bytes()
    assert not list(opened.located.snapshot.root.rglob("*.part"))


def test_two_at_once_download_a_file_once(hub):
    opened = Checkpoint.open(REPO)
    hub.asked.clear()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda file: file.download(lambda here: None), [*opened.absent.values()] * 4))
    assert hub.asked_for(WEIGHTS) == [None] and not Checkpoint.open(REPO).absent
    assert not list(opened.located.snapshot.root.rglob("*.part"))


def test_a_part_that_is_too_long_or_wrong(hub, pair):
    """Whoever wrote it: the digest is of what is there."""
    opened = Checkpoint.open(REPO)
    (file,) = opened.absent.values()
    part = hub_download._part(opened.located.snapshot.blob(file.file))
    part.write_bytes(b"x" * (file.size + 1))
    assert file.missing_bytes == 0
    assert (fetch(opened).folder / WEIGHTS).read_bytes() == (pair[0] / WEIGHTS).read_bytes()
    (opened.folder / WEIGHTS).unlink()
    opened.located.snapshot.blob(file.file).unlink()
    part.write_bytes(b"x" * 1000)
    refused(REPO, "Downloaded file is not the hub's")
    assert not fetch(Checkpoint.open(REPO)).absent


def test_the_digest_is_known_without_reading_again(hub, monkeypatch):
    got = fetch(Checkpoint.open(REPO))
    monkeypatch.setattr("export.checkpoint.digests.BLOCK", 0)  # nothing is read
    assert file_digest(got.folder / WEIGHTS, threading.Event()) == got.located.snapshot.files[WEIGHTS].digest


def test_storage_that_is_busy_or_knows_no_ranges(hub, pair):
    opened = Checkpoint.open(REPO)
    hub.busy, hub.without_ranges, hub.cuts[WEIGHTS] = 2, True, [300_000]
    got = fetch(opened)
    assert (got.folder / WEIGHTS).read_bytes() == (pair[0] / WEIGHTS).read_bytes()


def test_a_busy_hub_is_named_after_some_tries(hub):
    opened = Checkpoint.open(REPO)
    hub.busy = 100
    with pytest.raises(CheckpointError, match=r"(?s)The hub answers with an error.*503"):
        fetch(opened)


@pytest.mark.parametrize("wrong", [b"\1", b"\0\0", b""], ids=["another byte", "a byte more", "a byte less"])
def test_wrong_bytes_are_named_and_not_kept(hub, pair, wrong):
    data = (pair[0] / WEIGHTS).read_bytes()
    opened = Checkpoint.open(REPO)
    hub.altered[WEIGHTS] = data[:-1] + wrong
    if len(wrong) == 1:
        error = refused(REPO, "Downloaded file is not the hub's", WEIGHTS)
        assert "as the hub lists it" in error.expected and len(error.found) == 64
    else:
        refused(REPO, "Downloaded file is not the hub's", "more than" if wrong else "and no more")
    root = opened.located.snapshot.root
    assert list(opened.absent) == [WEIGHTS] and not any(path.name == WEIGHTS for path in root.rglob("*"))
    hub.altered.clear()
    assert not fetch(Checkpoint.open(REPO)).absent


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_wrong_bytes_of_small_files(hub, pair, name):
    hub.altered[name] = b"{" + (pair[0] / name).read_bytes()[1:-1] + b" "
    refused(REPO, "Downloaded file is not the hub's", name)
    hub.altered.clear()
    Checkpoint.open(REPO)


def test_a_damaged_file_of_the_cache_is_named_with_its_place(hub):
    opened = Checkpoint.open(REPO)
    path = opened.folder / "config.json"
    path.write_bytes(path.read_bytes().replace(b"1024", b"1025"))
    error = refused(REPO, "File in the hub's cache is damaged: config.json", os.path.realpath(path))
    assert error.exit_code == 3
    os.unlink(os.path.realpath(path))
    Checkpoint.open(REPO)


@pytest.mark.parametrize(
    ("name", "refusal", "parts"),
    [
        (
            "org/gated",
            (401, "GatedRepo", "Access to model org/gated is restricted. You must have access to it."),
            ["gated: org/gated", "Access to model org/gated is restricted", "Accept its licence", "hf auth login"],
        ),
        (
            "org/gated",
            (403, "GatedRepo", "Your request to access model org/gated is awaiting a review."),
            ["gated: org/gated", "awaiting a review", "Accept its licence at http"],
        ),
        ("org/unknown", None, ["not found on the hub: org/unknown", "Repository not found", "hf auth login"]),
        (f"{REPO}@v2", None, ["Revision not found", "Invalid rev id: v2", f"{REPO}@v2"]),
        ("org/off", (403, "", "Access to this resource is disabled."), ["is disabled on the hub", "disabled."]),
        ("org/token", (401, "", "Invalid credentials in Authorization header"), ["refuses access", "Invalid cred"]),
        ("org/denied", (403, "", "Your token lacks a permission"), ["refuses access", "lacks a permission"]),
        ("org/down", (500, "", "Internal Error - We're working hard to fix this"), ["answers with an error", "hard"]),
        ("org/rate", (429, "", "You have exceeded"), ["answers with an error", "exceeded", "Try again later"]),
        ("org/portal", (200, "", "Welcome to the hotel"), ["answer is not understood", "HF_ENDPOINT", "KeyError"]),
        ("org/na--me", None, ["Not a hub id: org/na--me", "Cannot have --"]),
    ],
)
def test_refusals_in_the_hubs_own_words(hub, name, refusal, parts):
    if refusal:
        hub.refusals[name] = refusal
    error = refused(name, *parts)
    assert "Request ID" not in error.found and "Client Error" not in error.found
    assert error.exit_code == 3 and error.action
    assert not refusal or refusal[0] == 200 or error.found.startswith(refusal[2][:30])


def test_a_renamed_repository(hub):
    hub.moved["org/old"] = REPO
    refused("org/old@v1", "another name on the hub: org/old", REPO, f"Name {REPO}@v1")


def test_a_file_that_is_gated_alone(hub, monkeypatch):
    """The hub lists a gated repository's files to anyone; what is refused is each file."""
    opened = locate(REPO)
    hub.refusals[REPO] = (401, "GatedRepo", "Access to model is restricted")
    with pytest.raises(CheckpointError, match=r"(?s)Repository is gated.*restricted"):
        opened.fetch(["config.json"])


def test_no_network(hub, monkeypatch, tmp_path):
    use(monkeypatch, "http://127.0.0.1:9", tmp_path / "other")
    refused(REPO, "The hub can't be reached", "ConnectError", "127.0.0.1:9", "hf download", "Check network")


def test_offline_without_and_with_a_cache(hub, monkeypatch, tmp_path):
    use(monkeypatch, hub.url, tmp_path / "cache", offline=True)
    refused(REPO, "Not in the hub's cache", "HF_HUB_OFFLINE", "name that instead")
    use(monkeypatch, hub.url, tmp_path / "cache")
    opened = Checkpoint.open(REPO)
    use(monkeypatch, hub.url, tmp_path / "cache", offline=True)
    refused(REPO, "Not in the hub's cache", WEIGHTS)
    use(monkeypatch, hub.url, tmp_path / "cache")
    fetch(opened)
    use(monkeypatch, hub.url, tmp_path / "cache", offline=True)
    hub.asked.clear()
    assert not Checkpoint.open(REPO).absent and not Checkpoint.open(REPO).located.snapshot.is_current
    assert Checkpoint.open(f"{REPO}@{hub.commit}").located.snapshot.is_current
    refused(f"{REPO}@v9", "Not in the hub's cache")
    assert hub.asked == []


def test_a_whole_commit_needs_no_hub_once_it_is_here(hub):
    fetch(Checkpoint.open(REPO))
    hub.asked.clear()
    assert not Checkpoint.open(f"{REPO}@{hub.commit}").absent
    assert hub.asked == []


def test_an_unreachable_hub_leaves_what_is_cached(hub, monkeypatch, tmp_path):
    fetch(Checkpoint.open(REPO))
    use(monkeypatch, "http://127.0.0.1:9", tmp_path / "cache")
    found = Checkpoint.open(REPO)
    assert not found.absent and not found.located.snapshot.is_current


def test_what_is_refused_is_refused_before_weights_are_asked_for(hub, pair):
    files = hub.repositories[REPO].files
    config = json.loads(files["config.json"])
    files["config.json"] = json.dumps(config | {"model_type": "llama"}).encode()
    refused(REPO, "Not a Gemma 4 checkpoint", "llama")
    assert not [one for one in hub.asked if one.path.endswith((WEIGHTS, "tokenizer.json"))]


def test_pickles_and_adapters_are_refused_by_their_names(hub):
    files = hub.repositories[REPO].files
    hub.repositories["org/pickled"] = type(hub.repositories[REPO])(
        {"config.json": files["config.json"], "pytorch_model.bin": b"never read"}, "c" * 40
    )
    refused("org/pickled", "Pickle checkpoint refused", "pytorch_model.bin")
    assert not [one for one in hub.asked if one.path.endswith(".bin")]


def test_an_adapter_as_target_is_told_with_its_base(hub):
    config = {"peft_type": "LORA", "base_model_name_or_path": REPO}
    files = {"adapter_config.json": json.dumps(config).encode(), ADAPTER: b"never read"}
    hub.repositories["org/lora"] = type(hub.repositories[REPO])(files, "d" * 40)
    refused("org/lora", "an adapter and no model: org/lora", f"--target {REPO} --adapter org/lora@{'d' * 40}")


def test_a_model_with_an_adapter_beside_it(hub):
    """The adapter's weights are not downloaded with the model's: that they are there is enough to ask."""
    files = hub.repositories[REPO].files
    files |= {"adapter_config.json": b'{"peft_type": "LORA"}', ADAPTER: b"never read"}
    refused(REPO, "holds a model and an adapter", f"--adapter {REPO}@{hub.commit}", f"hf download {REPO}")


def test_a_file_that_is_no_config_by_its_size_is_not_downloaded(hub):
    files = hub.repositories[REPO].files
    files["config.json"] = b" " * ((64 << 20) + 1)
    refused(REPO, "config.json is too large", "67,108,865 bytes")
    assert not [one for one in hub.asked if one.path.endswith("config.json")]


def test_a_folder_wins_and_a_mistyped_one_is_told_what_is_there(hub, pair, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(pair[0], tmp_path / "org/small-it@v1")
    opened = Checkpoint.open("org/small-it@v1")
    assert opened.located.snapshot is None and opened.id == "small-it@v1" and hub.asked == []
    refused("org/smal-it@v1", "not found on the hub", "check its spelling: org here holds small-it@v1")
    for name in ("./org/smal-it@v1", tmp_path / "org/smal-it@v1", "org/small/it"):
        with pytest.raises(CheckpointError, match="no such folder") as caught:
            Checkpoint.open(name)
        assert "org here holds small-it@v1" in caught.value.found.replace(f"{tmp_path}/", "")
    assert len(hub.asked) == 1
    for name, found in {
        "./orgs/small-it@v1/deeper": "no such folder; . here holds org",
        "/qqq/a": "no such folder",
    }.items():
        with pytest.raises(CheckpointError) as caught:
            Checkpoint.open(name)
        assert caught.value.found == found


def test_target_drafter_and_adapter_from_the_hub_in_one_plan(hub, pair, tmp_path):
    """Small first, each of its own repository, and the plan after it is of the same commits: a branch that moves while
    files come is not looked up again."""
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    config = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "base_model_name_or_path": REPO}
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    (adapter / "tokenizer.json").write_text("what PEFT saves beside it and nothing reads")
    module = "base_model.model.model.language_model.layers.0.mlp.up_proj."
    factors = {"lora_A": np.ones((2, 128), np.float32), "lora_B": np.ones((192, 2), np.float32)}
    save_file({f"{module}{name}.weight": value for name, value in factors.items()}, adapter / ADAPTER)
    commit = hub.add("org/lora", adapter)
    names = {"target": REPO, "drafter": "org/small-it-assistant", "adapter": "org/lora@main"}
    choices = Choices(device=Device.load("pixel"), recipe=Recipe.load("int8"), context=512, **names)
    plan = make_plan(choices)
    assert [file.file.name for file in plan.absent] == [WEIGHTS, WEIGHTS, ADAPTER]
    assert plan.absent[0].snapshot.repo == "org/small-it-assistant"
    told = []
    hub.repositories[REPO].commit, hub.repositories["org/lora"].commit = "e" * 40, "f" * 40
    hub.repositories[REPO].refs[hub.commit] = hub.repositories["org/lora"].refs[commit] = ""
    whole = fetched(plan, choices, lambda name, here, total: told.append((name, here, total)))
    total = sum(file.size for file in plan.absent)
    assert told[-1] == (f"org/lora {ADAPTER}", total, total) and [here for _, here, _ in told] == sorted(
        here for _, here, _ in told
    )
    assert not whole.absent and whole.target.id == f"{REPO} + org/lora"
    assert {role: one.revision for role, one in whole.checkpoints.items()} == {
        "target": hub.commit,
        "adapter": commit,
        "drafter": hub.repositories["org/small-it-assistant"].commit,
    }
    found = {source.role: set(source.files) for source in sources(whole, threading.Event())}
    assert found["adapter"] == {"adapter_config.json", ADAPTER} and WEIGHTS in found["target"]
    up = "model.language_model.layers.0.mlp.up_proj.weight"
    changed = whole.target.tensors.read(up) - Checkpoint.open(pair[0]).tensors.read(up)
    assert abs(changed - 4).max() < 0.1


def test_a_token_goes_to_the_hub_and_nowhere_else(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    fetch(Checkpoint.open(REPO))
    assert {(one.server, one.with_token) for one in hub.asked} == {("hub", True), ("storage", False)}


def test_a_cache_that_can_not_be_written_to(hub, tmp_path):
    (tmp_path / "cache").mkdir(exist_ok=True)
    (tmp_path / "cache/hub").write_bytes(b"a file where a folder should be")
    error = refused(REPO, "Download can't be written", "HF_HOME", kind=OutputError)
    assert error.exit_code == 6


def test_a_disk_that_fills_up_in_a_download(hub, pair):
    """A limit on files' size stands for it: both take a part of the last write, and refuse the next."""
    opened, limit = Checkpoint.open(REPO), 1_000_003
    (file,) = opened.absent.values()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(OutputError, match="Download can't be written"):
            file.download(lambda here: None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert file.size - file.missing_bytes == limit
    hub.asked.clear()
    assert not fetch(opened).absent and hub.asked_for(WEIGHTS) == [f"bytes={limit}-{file.size - 1}"]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"blob_id": "short"}, "a digest of"),
        ({"blob_id": "../../../../etc/passwd"}, "a digest of"),
        ({"blob_id": None}, "a digest of"),
        ({"size": None}, "the size of"),
        ({"size": -1}, "the size of"),
    ],
)
def test_a_list_that_is_not_understood(hub, monkeypatch, change, found):
    ask = huggingface_hub.HfApi.model_info

    def altered(*arguments, **more):
        info = ask(*arguments, **more)
        for sibling in info.siblings:
            sibling.lfs = None
            for name, value in change.items():
                setattr(sibling, name, value)
        return info

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", altered)
    refused(REPO, "answer is not understood", found)


def test_files_with_names_that_lead_elsewhere_are_not_there(hub, tmp_path):
    """What the hub names becomes a path here."""
    files = hub.repositories[REPO].files
    files |= {"../evil.json": b"{}", "sub/config.json": b"{}", "..": b"", "a\0b": b""}
    listed = locate(REPO).snapshot.files
    assert {"config.json", WEIGHTS} <= set(listed) and not {"../evil.json", "sub/config.json", "..", "a\0b"} & set(
        listed
    )


@pytest.mark.parametrize("name", [f"{REPO}@../../../x", f"{REPO}@", "../org/name", f"{REPO}@a..b"])
def test_revisions_that_are_no_names_are_not_asked_for(hub, name):
    refused(name, "no such folder")
    assert hub.asked == []
