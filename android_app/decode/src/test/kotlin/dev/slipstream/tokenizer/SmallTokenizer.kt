package dev.slipstream.tokenizer

import androidx.collection.IntList
import androidx.collection.MutableIntList
import androidx.collection.intListOf

/** A tokenizer.json of Gemma's kind with a handful of pieces, and any part of it changed. */
internal fun smallJson(
    pieces: List<String> = listOf("a", "b", "c", "▁", "ab", "bc", "abc", "▁a"),
    merges: String = """["a", "b"], ["b", "c"], ["ab", "c"], ["▁", "a"]""",
    added: List<String> = emptyList(),
    normalizer: String = """{"type": "Replace", "pattern": {"String": " "}, "content": "▁"}""",
    preTokenizer: String = "null",
    decoder: String = DECODER,
    model: String = """"byte_fallback": true, "fuse_unk": true""",
    other: String = """"truncation": null""",
): String {
    val bytes = (0..255).map { "<0x%02X>".format(it) }
    val vocab = (listOf("<unk>") + pieces + bytes).withIndex().joinToString { (id, piece) -> "\"$piece\": $id" }
    return """
        {"version": "1.0", $other, "added_tokens": [${added.joinToString()}], "normalizer": $normalizer,
        "pre_tokenizer": $preTokenizer, "post_processor": {"type": "Any"}, "decoder": $decoder,
        "model": {"type": "BPE", "unk_token": "<unk>", $model, "vocab": {$vocab}, "merges": [$merges]}}
        """.trimIndent()
}

/** The ids of added tokens behind a small vocabulary of eight pieces begin here; `<0x00>` is [FIRST_BYTE]. */
internal const val FIRST_ADDED = 265

internal const val FIRST_BYTE = 9

private const val DECODER =
    """{"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
        {"type": "ByteFallback"}, {"type": "Fuse"}]}"""

internal fun addedToken(
    content: String,
    id: Int,
    flags: String = "",
): String =
    listOf("single_word", "lstrip", "rstrip", "normalized", "special").joinToString(
        prefix = """{"id": $id, "content": "$content", """,
        postfix = "}",
    ) { """"$it": ${it in flags.split(' ')}""" }

internal fun tokenizer(json: String): Tokenizer = Tokenizer.read(json.toByteArray())

internal fun ids(vararg ids: Int): IntList = intListOf(*ids)

internal fun byteIds(vararg bytes: Int): IntList = intListOf(*bytes.map { it + FIRST_BYTE }.toIntArray())

internal operator fun IntList.plus(other: IntList): IntList {
    val result = MutableIntList(size + other.size)
    result.addAll(this)
    result.addAll(other)
    return result
}
