"""The bundle's reader: what it exposes, that any damage is a BundleError, and that a wrong byte is named exactly."""

import hashlib
import random
import re
import struct
import subprocess
import sys
import tracemalloc
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from litert_lm_builder import litertlm_builder

from export.bundle.sections import Part, build_header, pack_traces
from export.bundle.writer import BundleWriter
from runtime_spec.bundle.digests import block_size, byte_sums, changed_byte, seal, sums_hex
from runtime_spec.bundle.header import read_header
from runtime_spec.bundle.manifest import ALIGNMENT, Manifest
from runtime_spec.bundle.reader import Bundle, first_damage, unpack_tokenizer, unpack_traces, verify_hashes
from runtime_spec.errors import BundleError
from tests.bundles import TOKENIZER_JSON, TRACES, manifest, section_bytes, write_bundle

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundle") / "model.litertlm")


def verify(path: Path) -> None:
    with Bundle.open(path) as bundle:
        verify_hashes(bundle)


def damage_of(path: Path, data: bytes) -> BundleError:
    path.write_bytes(data)
    with pytest.raises(BundleError) as caught:
        verify(path)
    return caught.value


def resealed(data: bytes) -> bytes:
    """The file as an attacker would leave it: header and manifest hashes made anew after tampering."""
    begin = data.rindex(b'{"chat":')
    text = data[begin:]
    for key, value in (
        (b"header_sha256", hashlib.sha256(data[:ALIGNMENT]).hexdigest()),
        (b"header_sums", sums_hex(data[:ALIGNMENT])),
    ):
        text = re.sub(rb'"%s":"[0-9a-f]+"' % key, b'"%s":"%s"' % (key, value.encode()), text, count=1)
    return data[:begin] + seal(text)


# What it exposes


def test_sections_in_file_order_with_their_types(whole: Path):
    with Bundle.open(whole) as bundle:
        assert [(s.name, s.data_type, s.model_type) for s in bundle.sections] == [
            ("llm_metadata", "LlmMetadataProto", None),
            ("tokenizer", "HF_Tokenizer_Zlib", None),
            ("embedder", "TFLiteModel", "tf_lite_embedder"),
            ("main", "TFLiteModel", "tf_lite_prefill_decode"),
            ("drafter", "TFLiteModel", "tf_lite_mtp_drafter"),
            ("traces", "GenericBinaryData", None),
            ("manifest", "GenericBinaryData", None),
        ]
        assert all(section.begin % ALIGNMENT == 0 for section in bundle.sections)
        assert bundle.sections[-1].end == bundle.size == whole.stat().st_size


def test_contents_come_back(whole: Path):
    with Bundle.open(whole) as bundle:
        assert bundle.tokenizer_json() == TOKENIZER_JSON
        assert bundle.traces() == {name: text.decode() for name, text in TRACES.items()}
        assert bytes(bundle.section("drafter").data) == section_bytes("drafter", 9000)
        assert bundle.llm_metadata() == bytes(bundle.section("llm_metadata").data)
        assert bundle.has("embedder") and not bundle.has("per_layer_embedder")
        with pytest.raises(BundleError, match="per_layer_embedder"):
            bundle.section("per_layer_embedder")


def test_models_share_their_tail_in_place(whole: Path):
    with Bundle.open(whole) as bundle:
        (shared,) = bundle.manifest.shared_weights
        embedder, main = bundle.section("embedder"), bundle.section("main")
        assert embedder.begin < main.begin < shared.begin < shared.end == main.end == embedder.end
        table = section_bytes("embed_tokens", 40_000)
        for section in (embedder, main):
            assert section.data[shared.begin - section.begin : shared.end - section.begin] == table


def test_an_untouched_bundle_verifies(whole: Path):
    with Bundle.open(whole) as bundle:
        assert first_damage(bundle) is None
        verify_hashes(bundle)


def test_views_that_outlive_the_bundle_do_no_harm(whole: Path):
    bundle = Bundle.open(whole)
    view = bundle.section("drafter").data[:4]
    bundle.close()
    bundle.close()
    assert bytes(view) == section_bytes("drafter", 9000)[:4]


# Damage is named


def test_one_changed_byte_is_named_exactly(whole: Path, tmp_path: Path):
    data, draw = whole.read_bytes(), random.Random(4)
    begin = data.rindex(b'{"chat":')
    # Anywhere; the header's first bytes and flatbuffer; the manifest's own hash, wherever in it.
    seal_at = data.index(b'"manifest_sha256"')
    offsets = [draw.randrange(len(data)) for _ in range(150)]
    offsets += [*range(0, 48), *(draw.randrange(48, 1000) for _ in range(60)), begin, len(data) - 1]
    offsets += [*range(seal_at, seal_at + 150, 3)]
    for offset in offsets:
        changed = bytearray(data)
        changed[offset] ^= draw.randrange(1, 256)
        error = damage_of(tmp_path / "changed", bytes(changed))
        assert re.search(rf"byte {offset}$", error.where), (offset, str(error))
        assert (error.expected, error.found) == (f"0x{data[offset]:02x}", f"0x{changed[offset]:02x}")


@pytest.mark.parametrize(
    ("section", "names"),
    [("tokenizer", "tokenizer"), ("drafter", "drafter"), ("traces", "traces"), ("main", "embedder and main")],
)
def test_the_section_of_the_byte_is_named(whole: Path, tmp_path: Path, section: str, names: str):
    data = bytearray(whole.read_bytes())
    with Bundle.open(whole) as bundle:
        offset = bundle.section(section).end - 1
    data[offset] ^= 1
    error = damage_of(tmp_path / "changed", data)
    assert error.title == f"Bundle is damaged in {names}"


def test_padding_that_is_not_zero_is_named(whole: Path, tmp_path: Path):
    data = bytearray(whole.read_bytes())
    with Bundle.open(whole) as bundle:
        offset = bundle.section("drafter").end
    data[offset] = 7
    error = damage_of(tmp_path / "changed", data)
    assert (error.title, error.where[-11:]) == ("Bundle is damaged in padding", f"byte {offset}")


def test_several_changed_bytes_name_the_first_block(whole: Path, tmp_path: Path):
    data = bytearray(whole.read_bytes())
    with Bundle.open(whole) as bundle:
        begin = bundle.section("drafter").begin
    for offset in (begin + 4096, begin + 5000, begin + 8200):
        data[offset] ^= 255
    error = damage_of(tmp_path / "changed", data)
    assert f"section drafter, between bytes {begin + 4096} and {begin + 8191}" in error.where


def test_a_copy_cut_or_lengthened_is_refused(whole: Path, tmp_path: Path):
    data, draw = whole.read_bytes(), random.Random(5)
    for size in (0, 1, 31, 32, 4096, 16383, 16384, len(data) - 1, *(draw.randrange(len(data)) for _ in range(40))):
        damage_of(tmp_path / "cut", data[:size])
    assert "after its manifest" in damage_of(tmp_path / "longer", data + b"\0").title


# What is not ours


def test_files_that_can_not_be_opened(tmp_path: Path):
    (tmp_path / "text").write_text("not a bundle at all\n" * 2000)
    for path in (tmp_path, tmp_path / "missing", tmp_path / "text", "nul\0byte"):
        with pytest.raises(BundleError):
            Bundle.open(path)


def test_a_plain_litert_lm_bundle_is_named_as_such(tmp_path: Path):
    (tmp_path / "tokenizer.json").write_bytes(TOKENIZER_JSON)
    (tmp_path / "manifest").write_bytes(b'{"format":"slipstream"}')
    builder = litertlm_builder.LitertLmFileBuilder()
    builder.add_hf_tokenizer(str(tmp_path / "tokenizer.json"))
    builder.add_generic_binary_data(str(tmp_path / "manifest"))
    with (tmp_path / "plain.litertlm").open("wb") as stream:
        builder.build(stream)
    with pytest.raises(BundleError, match="not made by Slipstream") as caught:
        Bundle.open(tmp_path / "plain.litertlm")
    assert "tokenizer" in caught.value.found


def test_a_newer_manifest_is_named_as_such(whole: Path, tmp_path: Path):
    data = whole.read_bytes().replace(b'"verify_widths":[4,8],"version":1', b'"verify_widths":[4,8],"version":2')
    path = tmp_path / "newer"
    path.write_bytes(resealed(data))
    with pytest.raises(BundleError, match="newer than this runtime"):
        Bundle.open(path)


# Hostile files


def mutated(data: bytes, draw: random.Random) -> bytes:
    """One to eight bytes, or a whole 4- or 8-byte word, replaced by random or extreme values."""
    result = bytearray(data)
    if draw.random() < 0.5:
        for _ in range(draw.randint(1, 8)):
            result[draw.randrange(len(result))] = draw.randrange(256)
    else:
        word = draw.choice((b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0" * 8, b"\xff" * 8, draw.randbytes(4)))
        offset = draw.randrange(0, len(result) - 8, 4)
        result[offset : offset + len(word)] = word
    return bytes(result)


def test_a_hostile_header_ends_in_sections_within_the_file_or_in_an_error():
    header = build_header({"llm_metadata": (16384, 16500), "main": (32768, 90000), "manifest": (98304, 99000)})
    end, draw, refused = struct.unpack_from("<Q", header, 24)[0], random.Random(6), 0
    for _ in range(20_000):
        try:
            sections = read_header(mutated(header[:end], draw) + header[end:], 99000, "test")
            assert all(ALIGNMENT <= s.begin <= s.end <= 99000 for s in sections)
            assert all(s.name.isascii() and s.name.isprintable() for s in sections)
        except BundleError:
            refused += 1
    assert 5_000 < refused < 20_000


def test_a_header_whose_hash_was_made_anew_is_still_checked(whole: Path, tmp_path: Path):
    data, draw, path = whole.read_bytes(), random.Random(7), tmp_path / "hostile"
    end = struct.unpack_from("<Q", data, 24)[0]
    outcomes = set()
    for _ in range(600):
        path.write_bytes(resealed(mutated(data[:end], draw) + data[end:]))
        try:
            verify(path)
            outcomes.add("same sections")
        except BundleError as error:
            outcomes.add(error.title)
    assert "Bundle's header and manifest differ" in outcomes and len(outcomes) >= 4


def test_a_manifest_whose_hash_was_made_anew_is_still_checked(whole: Path, tmp_path: Path):
    data, draw, path = whole.read_bytes(), random.Random(8), tmp_path / "hostile"
    begin = data.rindex(b'{"chat":')
    values = [b"-1", b"1e999", b"null", b"[]", b"{}", b'""', b"9" * 400, b"true", b"[[[]]]", b'"\\ud800"', b"0"]
    numbers = list(re.finditer(rb'(?<=:)(\d+|"[^"]*"|null)(?=[,}])', data[begin:]))
    for _ in range(600):
        match = draw.choice(numbers)
        text = data[begin : begin + match.start()] + draw.choice(values) + data[begin + match.end() :]
        if b'"manifest_sha256":"' not in text or b'"manifest_sums":"' not in text:
            continue
        path.write_bytes(data[:begin] + seal(text))
        with suppress(BundleError), Bundle.open(path) as bundle:
            first_damage(bundle)


def test_a_manifest_that_hides_its_hash_by_spelling_is_refused(whole: Path, tmp_path: Path):
    data = whole.read_bytes()
    spelled = data.replace(b'"manifest_sums"', b'"manifest\\u005fsums"').replace(
        b'"manifest_sha256"', b'"\\u006danifest_sha256"'
    )
    assert len(spelled) > len(data)
    path, begin = tmp_path / "hostile", data.rindex(b'{"chat":')
    sections = {s.name: (s.begin, s.end) for s in read_header(data[:ALIGNMENT], len(data), "test")}
    path.write_bytes(build_header(sections | {"manifest": (begin, len(spelled))}) + spelled[ALIGNMENT:])
    with pytest.raises(BundleError, match="canonical"):
        Bundle.open(path)


def test_hostile_tokenizers_end_in_bundle_errors():
    good, draw = (len(TOKENIZER_JSON)).to_bytes(8, "little") + zlib.compress(TOKENIZER_JSON), random.Random(9)
    assert unpack_tokenizer(memoryview(good), "test") == TOKENIZER_JSON
    for _ in range(3000):
        with suppress(BundleError):
            assert unpack_tokenizer(memoryview(mutated(good, draw)), "test") == TOKENIZER_JSON
    for bad in (b"", b"\1", good[:-1], good + b"\0", b"\xff" * 8 + good[8:], (5).to_bytes(8, "little") + good[8:]):
        with pytest.raises(BundleError):
            unpack_tokenizer(memoryview(bad), "test")


def test_a_zlib_bomb_is_not_unpacked():
    bomb = zlib.compress(bytes(64 * 2**20), 9)
    tracemalloc.start()
    for stated in (1000, 2**40):
        with pytest.raises(BundleError):
            unpack_tokenizer(memoryview(stated.to_bytes(8, "little") + bomb), "test")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_hostile_traces_end_in_bundle_errors():
    good, draw = pack_traces(TRACES), random.Random(10)
    for _ in range(3000):
        with suppress(BundleError):
            assert all(isinstance(text, str) for text in unpack_traces(mutated(good, draw), "test").values())
    for bad in (
        b"{}\n",
        b"[]\n",
        b"x",
        b'{"bytes":-1,"trace":"a"}\n',
        b'{"bytes":9,"trace":"a"}\n',
        b"[" * 10**5 + b"\n",
    ):
        with pytest.raises(BundleError):
            unpack_traces(bad, "test")


# Digests


def test_byte_sums_are_exact():
    draw = random.Random(11)
    for size in (0, 1, 511, 512, 513, 262_143, 262_145, 600_001):
        data = draw.randbytes(size)
        assert byte_sums(data) == (sum(data), sum((i + 1) * b for i, b in enumerate(data)))


def test_blocks_are_at_most_1024_and_at_least_4096_bytes():
    assert [block_size(n) for n in (0, 1, 2**22, 2**22 + 1, 2**32)] == [4096, 4096, 4096, 8192, 2**22]


def test_a_byte_is_only_named_when_putting_it_back_restores_the_digest():
    data = bytearray(section_bytes("block", 4096))
    sums, original = byte_sums(data), bytes(data)
    data[1000] ^= 64
    assert changed_byte(bytes(data), sums, lambda restored: restored == original) == (1000, original[1000])
    assert changed_byte(bytes(data), sums, lambda restored: False) is None


def test_verifying_a_large_bundle_takes_no_memory_for_it(tmp_path: Path):
    size = 256 * 2**20

    def large(stream) -> None:
        stream.write(b"begin")
        stream.seek(size - 3)
        stream.write(b"end")

    writer = BundleWriter(tmp_path / "large.litertlm")
    writer.write_models([Part("main", large)])
    writer.finish({}, manifest())
    program = (
        "import resource, sys; from runtime_spec.bundle.reader import Bundle, verify_hashes\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "bundle = Bundle.open(sys.argv[1]); before = peak(); verify_hashes(bundle); print(peak() - before)"
    )
    command = [sys.executable, "-c", program, str(writer.path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 48 * 1024, f"{done.stdout.strip()} KiB more resident"


def test_the_manifest_of_a_bundle_lists_its_own_bytes(whole: Path):
    data = whole.read_bytes()
    with Bundle.open(whole) as bundle:
        for entry in bundle.manifest.sections:
            content = data[entry.begin : entry.end]
            assert entry.sha256 == hashlib.sha256(content).hexdigest()
            first = content[: entry.blocks.size]
            assert entry.blocks.digests[0] == hashlib.sha256(first).hexdigest()[:16]
            assert entry.blocks.sums[0] == byte_sums(first)
        assert bundle.manifest.header_sha256 == hashlib.sha256(data[:ALIGNMENT]).hexdigest()
        text = bundle.manifest.to_json()
    assert data.endswith(text) and Manifest.from_json(text).to_json() == text
    blank = re.sub(
        rb'"manifest_sha256":"\w+","manifest_sums":"\w+"',
        b'"manifest_sha256":"%s","manifest_sums":"%s"' % (b"0" * 64, b"0" * 32),
        text,
    )
    assert f'"manifest_sha256":"{hashlib.sha256(blank).hexdigest()}"'.encode() in text
