package dev.slipstream.bundle

import dev.slipstream.json.JsonNumber
import dev.slipstream.json.parseStrictJson
import java.io.ByteArrayOutputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.zip.Deflater
import java.util.zip.DeflaterOutputStream
import kotlin.random.Random

/** Small whole bundles in memory. The format's real writer is export/bundle/writer.py; tests/android compares with it. */
internal object SmallBundle {
    val TOKENIZER = """{"model":{"type":"BPE","vocab":{}}}""".repeat(40).toByteArray()
    val TRACES = mapOf("chat" to "{\"text\":\"日本\"}\n", "plain" to "{\"trace\":1}\n{\"index\":0}\n")

    private val tensor = """{"inputs":{"x":{"dtype":"float32","shape":[1,4]}},"outputs":{}}"""
    private val manifestJson =
        """
        {"target":{"id":"demo/target","model_type":"gemma4"},
        "drafter":{"id":"demo/drafter","model_type":"gemma4_assistant"},
        "config":{"vocab_size":32,"hidden_size":8,"num_layers":3,"sliding_window":16,
        "layer_types":["sliding_attention","full_attention","sliding_attention"],"kv_heads":[1,1],"head_dims":[4,8],
        "kv_layers":[0,1],"drafter_kv_layers":{"sliding_attention":0,"full_attention":1},"per_layer_size":0,
        "softcap":30.0},
        "context_length":64,"draft_tokens":3,"prefill_lengths":[8,32],"verify_widths":[4,8],
        "signatures":{"main":{"prefill_8":$tensor,"prefill_32":$tensor,"decode":$tensor,"verify":$tensor,
        "verify_8":$tensor},"drafter":{"mtp_drafter":$tensor}},
        "tokens":{"bos":2,"pad":0,"stop":[1,6]},
        "chat":{"alternates":false,"model":{"prefix":"<|turn>model\n","suffix":"<turn|>\n"},
        "reply":"<|turn>model\n","start":"<bos>","system":{"prefix":"<|turn>system\n","suffix":"<turn|>\n"},
        "thinking":{"reply":"<|turn>model\n<think>","system_alone":"<|turn>system\n<|think|><turn|>\n",
        "system_prefix":"<|turn>system\n<|think|>"},"thoughts":{"end":"</think>","kept":false,"start":"<think>"},
        "trims":["user","model"],"user":{"prefix":"<|turn>user\n","suffix":"<turn|>\n"},
        "user_prefix_after_system":"<|turn>user\n"},
        "recipe":{"accepted_loss":[],"name":"float","tensors":{"*":{"bits":32}}},"skipped":["vision"],"shared_weights":[],
        "format":"slipstream","version":1}
        """

    /** The manifest's tree without sections and hashes. */
    @Suppress("UNCHECKED_CAST")
    fun manifestFields(): Map<String, Any?> = parseStrictJson(manifestJson) as Map<String, Any?>

    /** Canonical, with one section and blank hashes. */
    fun manifestText(changes: Map<String, Any?> = emptyMap()): ByteArray =
        canonicalJson(manifestFields() + BLANK_HASHES + mapOf("sections" to emptyList<Any?>()) + changes)!!

    fun contents(): Map<String, ByteArray> =
        mapOf(
            "llm_metadata" to Random(1).nextBytes(500),
            "tokenizer" to packTokenizer(TOKENIZER),
            "main" to Random(2).nextBytes(9000),
            "traces" to packTraces(TRACES),
        )

    /** A whole bundle; [changes] replace values of the manifest. */
    fun write(
        contents: Map<String, ByteArray> = contents(),
        changes: Map<String, Any?> = emptyMap(),
    ): ByteArray {
        val ranges = LinkedHashMap<String, ByteRange>()
        var end = ALIGNMENT.toLong()
        for ((name, bytes) in contents) {
            val begin = aligned(end)
            end = begin + bytes.size
            ranges[name] = ByteRange(begin, end)
        }
        val sections = contents.map { (name, bytes) -> entry(name, ranges.getValue(name), bytes) }
        val manifest = manifestText(mapOf("sections" to sections) + changes)
        val begin = aligned(end)
        ranges["manifest"] = ByteRange(begin, begin + manifest.size)
        val result = ByteArray((begin + manifest.size).toInt())
        header(ranges).copyInto(result)
        for ((name, bytes) in contents) bytes.copyInto(result, ranges.getValue(name).begin.toInt())
        manifest.copyInto(result, begin.toInt())
        return reseal(result)
    }

    /** The 16 KiB of a header over these sections. */
    fun header(ranges: Map<String, ByteRange>): ByteArray {
        val system = FlatRecord(FlatRecords(listOf(label("Authors", "Slipstream"))))
        val objects = ranges.map { (name, range) -> sectionObject(name, range) }
        val flatbuffer = writeFlatBuffer(FlatRecord(system, FlatRecord(FlatRecords(objects))))
        val out = ByteBuffer.allocate(ALIGNMENT).order(ByteOrder.LITTLE_ENDIAN)
        out
            .put("LITERTLM".toByteArray())
            .putInt(1)
            .putInt(7)
            .putInt(0)
            .putInt(0)
        out.putLong(32L + flatbuffer.size).put(flatbuffer)
        return out.array()
    }

    private fun sectionObject(
        name: String,
        range: ByteRange,
    ): FlatRecord {
        val (type, label) =
            when (name) {
                "llm_metadata" -> 5 to null
                "tokenizer" -> 6 to null
                "main" -> 3 to label("model_type", "tf_lite_prefill_decode")
                else -> 1 to label("name", BINARY_PREFIX + name)
            }
        val items = FlatRecords(listOfNotNull(label))
        return FlatRecord(items, FlatLong(range.begin), FlatLong(range.end), FlatByte(type))
    }

    private fun label(
        key: String,
        value: String,
    ) = FlatRecord(FlatText(key), FlatByte(9), FlatRecord(FlatText(value)))

    private fun entry(
        name: String,
        range: ByteRange,
        bytes: ByteArray,
    ): Map<String, Any?> {
        val digest = SectionDigest(0, bytes.size.toLong()).also { it.feed(bytes, 0, bytes.size) }
        val (sha256, blocks) = digest.result()
        val sums = blocks.sums.map { listOf(number(it.plain), number(it.weighted)) }
        return mapOf(
            "name" to name,
            "begin" to number(range.begin),
            "end" to number(range.end),
            "sha256" to sha256,
            "blocks" to mapOf("size" to number(blocks.size), "digests" to blocks.digests, "sums" to sums),
        )
    }

    fun packTokenizer(
        text: ByteArray,
        size: Long = text.size.toLong(),
    ): ByteArray {
        val out = ByteArrayOutputStream()
        out.write(
            ByteBuffer
                .allocate(8)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(size)
                .array(),
        )
        DeflaterOutputStream(out, Deflater(9)).use { it.write(text) }
        return out.toByteArray()
    }

    fun packTraces(traces: Map<String, String>): ByteArray {
        val out = ByteArrayOutputStream()
        for ((name, text) in traces) {
            out.write("{\"bytes\":${text.toByteArray().size},\"trace\":\"$name\"}\n".toByteArray())
            out.write(text.toByteArray())
        }
        return out.toByteArray()
    }

    fun number(value: Long): JsonNumber = JsonNumber(value.toString())

    private fun aligned(position: Long): Long = (position + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT

    private val BLANK_HASHES =
        mapOf(
            "header_sha256" to "0".repeat(64),
            "header_sums" to "0".repeat(32),
            "manifest_sha256" to "0".repeat(64),
            "manifest_sums" to "0".repeat(32),
        )
}
