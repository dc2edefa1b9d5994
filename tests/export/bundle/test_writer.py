"""The bundle's writer: an independent reader agrees, same input gives same bytes, nothing half-written stays."""

import hashlib
import io
import resource
import zlib
from contextlib import contextmanager
from pathlib import Path

import pytest
from litert_lm_builder import litertlm_peek
from litert_lm_builder.runtime.proto import llm_metadata_pb2

from export.bundle import writer as writer_module
from export.bundle.metadata import llm_metadata
from export.bundle.sections import Part, pack_tokenizer
from export.bundle.writer import BundleWriter
from export.chat.engine import EngineTemplate
from export.checkpoint.sampling import Sampling
from export.errors import OutputError
from runtime_spec.bundle.manifest import ALIGNMENT
from runtime_spec.bundle.reader import Bundle, verify_hashes
from tests.bundles import CHAT, TOKENIZER_JSON, TOKENS, TRACES, manifest, parts, section_bytes, write_bundle


@contextmanager
def file_size_limit(size: int):
    """A real limit of the operating system: writing past it fails with EFBIG, as a full disk does with ENOSPC."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def peeked(path: Path) -> tuple[str, list[tuple[int, int]]]:
    """What litert_lm_builder's own reader says: its printed text, and each section's begin and end."""
    output = io.StringIO()
    header = litertlm_peek.read_litertlm_header(str(path), io.StringIO()).SectionMetadata()
    litertlm_peek.peek_litertlm_file(str(path), None, output)
    sections = [header.Objects(i) for i in range(header.ObjectsLength())]
    return output.getvalue(), [(section.BeginOffset(), section.EndOffset()) for section in sections]


def test_litert_lms_own_reader_agrees(tmp_path: Path):
    path = write_bundle(tmp_path / "model.litertlm")
    text, ranges = peeked(path)
    with Bundle.open(path) as bundle:
        assert ranges == [(section.begin, section.end) for section in bundle.sections]
    for word in (
        "tf_lite_embedder",
        "tf_lite_prefill_decode",
        "tf_lite_mtp_drafter",
        "slipstream_manifest",
        "<|turn>user",
    ):
        assert word in text


def test_models_can_be_read_before_the_bundle_is_finished(tmp_path: Path):
    writer = BundleWriter(tmp_path / "model.litertlm")
    sections = writer.write_models(parts()).sections
    assert names_in(tmp_path) == [".model.litertlm.partial"]
    assert peeked(writer.partial)[1] == list(sections.values())
    begin, end = sections["drafter"]
    assert writer.partial.read_bytes()[begin:end] == section_bytes("drafter", 9000)


def test_the_checksum_file_is_sha256sums(tmp_path: Path):
    writer = BundleWriter(tmp_path / "model.litertlm")
    writer.write_models(parts())
    digest = writer.finish(TRACES, manifest())
    assert digest == hashlib.sha256(writer.path.read_bytes()).hexdigest()
    assert (tmp_path / "model.litertlm.sha256").read_text() == f"{digest}  model.litertlm\n"
    assert names_in(tmp_path) == ["model.litertlm", "model.litertlm.sha256"]


def test_same_input_same_bytes(tmp_path: Path):
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        write_bundle(folder / "model.litertlm")
    assert (first / "model.litertlm").read_bytes() == (second / "model.litertlm").read_bytes()


def test_models_hashed_before_the_seal_give_the_same_bundle(tmp_path: Path, monkeypatch):
    path = write_bundle(tmp_path / "model.litertlm")
    writer, told = BundleWriter(tmp_path / "hashed.litertlm"), []
    writer.write_models(parts())
    writer.hash_models(lambda *done: told.append(done))
    assert told[-1] == (writer.written.end, writer.written.end)
    scan, begins = writer_module.scan, []
    monkeypatch.setattr(writer_module, "scan", lambda *a, **k: begins.append(k["begin"]) or scan(*a, **k))
    writer.finish(TRACES, manifest())
    assert begins == [writer.written.end], "models are hashed once"
    assert writer.path.read_bytes() == path.read_bytes()


def test_digests_belong_to_the_models_that_were_hashed(tmp_path: Path):
    writer = BundleWriter(tmp_path / "model.litertlm")
    writer.write_models([Part("main", lambda stream: stream.write(b"others"))])
    writer.hash_models()
    writer.write_models(parts())
    writer.finish(TRACES, manifest())
    assert writer.path.read_bytes() == write_bundle(tmp_path / "other.litertlm").read_bytes()


def test_hashing_that_is_ended_early_leaves_nothing_for_the_seal(tmp_path: Path):
    def end(*_: int) -> None:
        raise InterruptedError

    writer = BundleWriter(tmp_path / "model.litertlm")
    writer.write_models(parts())
    with pytest.raises(InterruptedError):
        writer.hash_models(end)
    writer.finish(TRACES, manifest())
    with Bundle.open(writer.path) as bundle:
        verify_hashes(bundle)


@pytest.mark.parametrize("is_hashed", [False, True])
def test_a_byte_between_two_sections_is_a_bug_wherever_it_is_found(tmp_path: Path, is_hashed: bool):
    writer = BundleWriter(tmp_path / "model.litertlm")
    end = writer.write_models(parts()).sections["llm_metadata"][1]
    with writer.partial.open("r+b") as file:
        file.seek(end)
        file.write(b"x")
    with pytest.raises(ValueError, match=f"byte {end} between"):
        writer.hash_models() if is_hashed else writer.seal(TRACES, manifest())


def test_a_section_may_seek_back_and_end_in_zeros(tmp_path: Path):
    def root_last(stream) -> None:
        assert stream.tell() == 0
        stream.seek(100)
        stream.write(b"weights")
        stream.seek(0)
        stream.write(b"root")
        stream.seek(300)

    writer = BundleWriter(tmp_path / "model.litertlm")
    begin, end = writer.write_models([Part("main", root_last)]).sections["main"]
    writer.finish({}, manifest())
    with Bundle.open(writer.path) as bundle:
        expected = b"root".ljust(100, b"\0") + b"weights".ljust(200, b"\0")
        assert bytes(bundle.section("main").data) == expected and end - begin == 300
        verify_hashes(bundle)


def test_a_groups_ranges_count_from_its_begin(tmp_path: Path):
    writer = BundleWriter(tmp_path / "model.litertlm")
    written = writer.write_models(parts())
    sections, (shared,) = written.sections, written.shared_weights
    assert sections["main"][0] - sections["embedder"][0] == ALIGNMENT
    assert sections["main"][1] == sections["embedder"][1] == shared.end
    stored = writer.partial.read_bytes()[shared.begin : shared.end]
    assert stored == section_bytes("embed_tokens", 40_000)


def test_a_section_written_twice_is_a_bug_not_a_bundle(tmp_path: Path):
    twice = [Part("main", lambda stream: stream.write(b"x"))] * 2
    with pytest.raises(ValueError, match="main written twice"):
        BundleWriter(tmp_path / "model.litertlm").write_models(twice)
    assert names_in(tmp_path) == []


def test_disk_full_names_the_need_and_leaves_the_previous_output(tmp_path: Path):
    path = write_bundle(tmp_path / "model.litertlm")
    before, listed = path.read_bytes(), names_in(tmp_path)
    writer = BundleWriter(path, expected_bytes=123_456_789)
    with file_size_limit(100_000), pytest.raises(OutputError, match="Disk is full") as caught:
        writer.write_models(parts())
    assert "123456789 bytes" in caught.value.expected
    assert path.read_bytes() == before and names_in(tmp_path) == listed


def test_disk_full_while_finishing(tmp_path: Path):
    path = write_bundle(tmp_path / "model.litertlm")
    before, listed = path.read_bytes(), names_in(tmp_path)
    for limit in (len(before) - 1, len(before) - 5000, len(before) - 20_000):
        writer = BundleWriter(path)
        writer.write_models(parts())
        with file_size_limit(limit), pytest.raises(OutputError, match="Disk is full") as caught:
            writer.finish(TRACES, manifest())
        assert int(caught.value.expected.split()[4]) > limit
        assert path.read_bytes() == before
        assert names_in(tmp_path) == sorted([writer.partial.name, *listed])
        again = BundleWriter(path)
        again.reopen(writer.written)
        assert again.finish(TRACES, manifest()) == hashlib.sha256(before).hexdigest()
        assert path.read_bytes() == before and names_in(tmp_path) == listed


def test_a_failing_or_interrupted_section_leaves_nothing(tmp_path: Path):
    for reason in (KeyboardInterrupt, RuntimeError):

        def fail(stream, reason=reason) -> None:
            stream.write(b"half")
            raise reason

        with pytest.raises(reason):
            BundleWriter(tmp_path / "model.litertlm").write_models([Part("main", fail)])
        assert names_in(tmp_path) == []


def test_places_that_can_not_be_written(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / ".model.litertlm.partial").mkdir()
    for path in (tmp_path / "missing" / "model.litertlm", tmp_path / "file" / "x", tmp_path / "model.litertlm"):
        with pytest.raises(OutputError, match="can't be written"):
            BundleWriter(path).write_models(parts())


def test_finishing_can_be_resumed(tmp_path: Path):
    whole = write_bundle(tmp_path / "whole.litertlm").read_bytes()
    path = tmp_path / "model.litertlm"
    first = BundleWriter(path)
    first.write_models(parts())
    shared = manifest(shared_weights=first.written.shared_weights)
    models = first.partial.read_bytes()
    for left in (models, models + b"half of a finish" * 9999, whole):
        first.partial.write_bytes(left)
        again = BundleWriter.resume(path)
        assert again.written.sections == first.written.sections
        again.finish(TRACES, shared)
        assert path.read_bytes() == whole


def test_a_finished_bundle_can_be_finished_anew(tmp_path: Path):
    path = write_bundle(tmp_path / "model.litertlm")
    with Bundle.open(path) as bundle:
        shared = bundle.manifest.shared_weights
    BundleWriter.resume(path).finish({"other": b"{}\n"}, manifest(context_length=32, shared_weights=shared))
    with Bundle.open(path) as bundle:
        verify_hashes(bundle)
        assert bundle.traces() == {"other": "{}\n"} and bundle.manifest.context_length == 32
        assert bytes(bundle.section("drafter").data) == section_bytes("drafter", 9000)


def test_nothing_to_resume(tmp_path: Path):
    with pytest.raises(OutputError, match="No export to resume"):
        BundleWriter.resume(tmp_path / "model.litertlm")


def test_tokenizer_section_is_size_and_zlib():
    packed = pack_tokenizer(TOKENIZER_JSON)
    assert int.from_bytes(packed[:8], "little") == len(TOKENIZER_JSON)
    assert zlib.decompress(packed[8:]) == TOKENIZER_JSON


def test_llm_metadata_says_what_the_manifest_says():
    message = llm_metadata_pb2.LlmMetadata()
    message.ParseFromString(llm_metadata(TOKENS, 64, CHAT, EngineTemplate("{{ bos_token }}")))
    assert list(message.start_token.token_ids.ids) == [TOKENS.bos]
    assert [list(token.token_ids.ids) for token in message.stop_tokens] == [[1], [6]]
    assert message.prompt_templates.user.prefix == CHAT.user.prefix
    assert message.prompt_templates.system.suffix == CHAT.system.suffix
    assert message.max_num_tokens == 64 and message.jinja_prompt_template == "{{ bos_token }}"
    assert message.llm_model_type.WhichOneof("model_type") == "generic_model"
    plain = llm_metadata_pb2.LlmMetadata.FromString(llm_metadata(TOKENS, 64))
    assert not plain.HasField("prompt_templates") and not plain.HasField("jinja_prompt_template")
    assert not plain.HasField("sampler_params") and not plain.channels
    assert plain.HasField("supports_thinking") and not plain.supports_thinking


def test_an_engine_that_needs_a_top_k_is_told_the_vocabulary_where_all_are_kept():
    params = metadata_of("", [], sampling=Sampling(0.7, 0, 0.9), vocab_size=32).sampler_params
    assert (params.k, round(params.p, 6), round(params.temperature, 6)) == (32, 0.9, 0.7)


FENCES = ["<|tool_call>", "<tool_call|>", "<|tool_response>", '<|"|>', "<|channel>", "<channel|>"]


def metadata_of(text: str, special: list[str], **changes: object) -> llm_metadata_pb2.LlmMetadata:
    template = EngineTemplate(text, thinks=True, calls_tools=True)
    return llm_metadata_pb2.LlmMetadata.FromString(llm_metadata(TOKENS, 64, CHAT, template, special=special, **changes))


def test_gemma_4s_dialect_is_told():
    message = metadata_of(" ".join(FENCES), FENCES, sampling=Sampling(1.0, 64, 0.95))
    gemma4 = message.llm_model_type.gemma4
    assert (gemma4.code_fence_start, gemma4.code_fence_end) == ("<|tool_call>", "<tool_call|>")
    assert (gemma4.open_quote, gemma4.close_quote) == ('<|"|>', '<|"|>')
    assert gemma4.function_response_start == "<|tool_response>"
    assert [(c.channel_name, c.start, c.end) for c in message.channels] == [
        ("thought", "<|channel>thought\n", "<channel|>")
    ]
    assert message.supports_thinking and message.supports_function_calling
    params = message.sampler_params
    assert (params.type, params.k, params.temperature) == (2, 64, 1.0) and abs(params.p - 0.95) < 1e-6
    assert message.min_runtime_version == "0.18.1"
    assert not gemma4.HasField("start_of_image_token") and not gemma4.HasField("start_of_audio_token")


@pytest.mark.parametrize("missing", FENCES)
def test_a_dialect_that_template_or_tokenizer_do_not_know_is_not_told(missing: str):
    others = [piece for piece in FENCES if piece != missing]
    for text, special in ((" ".join(FENCES), others), (" ".join(others), FENCES)):
        message = metadata_of(text, special)
        is_call = "channel" not in missing
        assert message.llm_model_type.WhichOneof("model_type") == ("generic_model" if is_call else "gemma4")
        assert bool(message.channels) == is_call
