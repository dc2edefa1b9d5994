"""The command line from end to end on the demo pair: outputs, refusals, damage, determinism."""

import hashlib
import json
import shutil

import pytest

from export.cli.main import DEMO, main
from tests.checkpoints import write_pair

KEYS = {
    "prompt_tokens", "tokens", "thought", "text", "stop_reason", "rounds", "drafted", "accepted", "acceptance_rate",
    "mean_accepted_length", "prefill_seconds", "decode_seconds", "tokens_per_second", "sampling", "drafting",
}  # fmt: skip


def test_an_export_writes_its_files_and_a_true_checksum(int8_out):
    digest, name = (int8_out / "model.litertlm.sha256").read_text().split()
    assert name == "model.litertlm"
    assert digest == hashlib.sha256((int8_out / "model.litertlm").read_bytes()).hexdigest()
    assert digest == json.loads((int8_out / "report.json").read_text())["sha256"]
    assert sorted(path.stem for path in (int8_out / "traces").iterdir()) == ["chat", "drafted", "plain"]


@pytest.mark.parametrize("recipe", ["float_out", "int8_out", "int4_out"])
def test_verify_accepts_a_fresh_bundle(recipe, request, capsys):
    out = request.getfixturevalue(recipe)
    capsys.readouterr()  # the export's own lines, when this test is the first to ask for it
    assert main(["verify", str(out / "model.litertlm"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verified"] is True


def test_verify_names_the_wrong_byte(int8_out, tmp_path, capsys):
    damaged = tmp_path / "model.litertlm"
    content = bytearray((int8_out / "model.litertlm").read_bytes())
    offset = len(content) // 2
    content[offset] ^= 4
    damaged.write_bytes(content)
    assert main(["verify", str(damaged)]) == 8
    assert f"{offset}" in capsys.readouterr().err.replace(",", "")


def test_the_same_inputs_give_the_same_bytes(int8_out, tmp_path):
    out = tmp_path / "again"
    assert main(["--device", "pixel", "--recipe", "int8", "--out", str(out)]) == 0
    assert (out / "model.litertlm.sha256").read_text() == (int8_out / "model.litertlm.sha256").read_text()


def test_an_existing_output_is_kept_without_force(int8_out, capsys):
    before = (int8_out / "model.litertlm").stat().st_mtime_ns
    assert main(["--device", "pixel", "--out", str(int8_out)]) == 6
    assert "--force" in capsys.readouterr().err
    assert (int8_out / "model.litertlm").stat().st_mtime_ns == before


def test_generate_prints_one_object(int8_out, capfd):
    arguments = ["generate", str(int8_out / "model.litertlm"), "--prompt", "def main():", "--json"]
    assert main([*arguments, "--max-new-tokens", "24", "--draft-tokens", "4"]) == 0
    drafted = json.loads(capfd.readouterr().out)
    assert set(drafted) == KEYS and len(drafted["tokens"]) == 24 and drafted["drafted"] > 0
    assert main([*arguments, "--max-new-tokens", "24", "--draft-tokens", "off"]) == 0
    plain = json.loads(capfd.readouterr().out)
    assert plain["tokens"] == drafted["tokens"] and plain["drafted"] == 0
    assert main([*arguments, "--max-new-tokens", "24"]) == 0
    assert json.loads(capfd.readouterr().out)["tokens"] == plain["tokens"]


def test_a_prompt_longer_than_the_context_is_refused(int8_out, capsys):
    assert main(["generate", str(int8_out / "model.litertlm"), "--prompt", "x = 1\n" * 400]) == 9
    assert "context" in capsys.readouterr().err


@pytest.mark.parametrize(("recipe", "row_bytes"), [("int8", 128), ("int4", 64)])
def test_the_embedding_table_is_stored_once(recipe, row_bytes, demo, capsys):
    bundle = demo(recipe) / "model.litertlm"
    capsys.readouterr()
    assert main(["inspect", str(bundle), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (shared,) = found["shared_weights"]
    assert (
        set(shared["sections"]) == {"embedder", "main", "drafter"}
        and shared["end"] - shared["begin"] == 2048 * row_bytes
    )


@pytest.mark.parametrize(
    ("arguments", "code", "choice"),
    [
        (["--device", "pixle"], 2, "pixel"),
        (["--device", "pixel", "--recipe", "int3"], 2, "int4"),
        (["--device", "pixel", "--from", "lowr"], 2, "lower"),
        (["--device", "pixel", "--target", "/nowhere"], 3, "config.json"),
    ],
)
def test_mistakes_name_the_choices_and_leave_nothing(arguments, code, choice, tmp_path, capsys):
    assert main([*arguments, "--out", str(tmp_path / "out")]) == code
    message = capsys.readouterr().err
    assert choice in message and all(part in message for part in ("expected:", "found:", "where:", "do:"))
    assert not (tmp_path / "out" / "model.litertlm").exists()


def truncated(target, drafter):
    weights = target / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def missing(target, drafter):
    (target / "model.safetensors").unlink()


def pickled(target, drafter):
    (target / "model.safetensors").rename(target / "pytorch_model.bin")


def not_gemma_4(target, drafter):
    config = target / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"model_type": "llama"}))


def another_size(target, drafter):
    use_drafter_of("tiny_e4b", drafter)


def another_vocabulary(target, drafter):
    use_drafter_of("tiny_e2b", drafter)


def use_drafter_of(preset, drafter):
    """Another pair's drafter, whole in itself."""
    shutil.rmtree(drafter)
    shutil.move(write_pair(preset, drafter.parent / "other")[1], drafter)


def escaping_template(target, drafter):
    (target / "chat_template.jinja").write_text("{{ ''.__class__.__mro__[1].__subclasses__() }}")


def shapeless_template(target, drafter):
    (target / "chat_template.jinja").write_text("{{ messages | length }}")


@pytest.mark.parametrize(
    ("spoil", "code", "says"),
    [
        (truncated, 3, "model.safetensors"),
        (missing, 3, "model.safetensors"),
        (pickled, 3, "safetensors"),
        (not_gemma_4, 3, "llama"),
        (another_size, 4, "backbone_hidden_size"),
        (another_vocabulary, 4, "vocab_size 1024"),
        (escaping_template, 5, "__class__"),
        (shapeless_template, 5, "template"),
    ],
)
def test_a_spoilt_checkpoint_is_refused_before_any_work(spoil, code, says, tmp_path, capsys):
    pair = [shutil.copytree(DEMO / name, tmp_path / name) for name in ("target", "drafter")]
    spoil(*pair)
    names = ["--target", str(pair[0]), "--drafter", str(pair[1])]
    assert main(["--device", "pixel", *names, "--out", str(tmp_path / "out")]) == code
    message = capsys.readouterr().err
    assert says in message and all(part in message for part in ("expected:", "found:", "where:", "do:"))
    assert not list((tmp_path / "out").glob("*.litertlm*"))


def test_a_target_without_a_drafter_is_exported_and_drafts_from_the_text(float_out, tmp_path, capfd):
    out = tmp_path / "out"
    shutil.copytree(float_out / "work", out / "work")
    names = ["--target", str(DEMO / "target"), "--recipe", "float"]
    assert main(["--device", "pixel", *names, "--out", str(out)]) == 0
    capfd.readouterr()
    arguments = ["generate", str(out / "model.litertlm"), "--prompt", "def main():", "--json", "--draft-tokens"]
    replies = []
    for count in ("off", "4"):
        assert main([*arguments, count]) == 0
        replies.append(json.loads(capfd.readouterr().out))
    plain, looked_up = replies
    assert plain["tokens"] == looked_up["tokens"] and plain["drafted"] == 0
    assert set(looked_up["drafting"]["sources"]) == {"ngram"}
    assert main(["verify", str(out / "model.litertlm")]) == 0
    traces = (out / "traces" / "drafted.jsonl").read_text()
    assert '"ngram":true' in traces and '"draft_source":"ngram"' in traces
