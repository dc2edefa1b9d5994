package dev.slipstream.bundle

import dev.slipstream.chat.Affixes
import dev.slipstream.chat.Thinking
import dev.slipstream.chat.Thoughts
import dev.slipstream.errors.BundleException
import dev.slipstream.json.parseStrictJson
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.CsvSource
import org.junit.jupiter.params.provider.ValueSource

class ManifestTest {
    /** The valid manifest with the JSON [value] at a dotted path, or without that key when there is none. */
    private fun changed(
        path: String,
        value: String?,
    ): ByteArray {
        val root = parseStrictJson(SmallBundle.manifestText().decodeToString())
        return checkNotNull(canonicalJson(replaced(root, path.split("."), value)))
    }

    private fun replaced(
        node: Any?,
        path: List<String>,
        value: String?,
    ): Any? {
        val (name, fields) = path.first() to (node as Map<*, *>)
        return when {
            path.size > 1 -> fields + (name to replaced(fields[name], path.drop(1), value))
            value == null -> fields - name
            else -> fields + (name to parseStrictJson(value))
        }
    }

    private fun refusal(text: ByteArray): BundleException = assertThrows<BundleException> { Manifest.fromJson(text) }

    @Test
    fun `every value is read`() {
        val manifest = Manifest.fromJson(SmallBundle.manifestText())
        assertEquals(Model("demo/target", "gemma4"), manifest.target)
        assertEquals(Model("demo/drafter", "gemma4_assistant"), manifest.drafter)
        assertEquals(32 to 30.0, manifest.config.vocabSize to manifest.config.softcap)
        assertEquals(mapOf("sliding_attention" to 0, "full_attention" to 1), manifest.config.drafterKvLayers)
        assertEquals(listOf(8, 32) to listOf(4, 8), manifest.prefillLengths to manifest.verifyWidths)
        assertEquals(
            TensorSpec("float32", listOf(1, 4)),
            manifest.signatures["main"]
                ?.get("decode")
                ?.inputs
                ?.get("x"),
        )
        assertEquals(Tokens(2, 0, listOf(1, 6)), manifest.tokens)
        val chat = checkNotNull(manifest.chat)
        assertEquals(Affixes("<|turn>system\n", "<turn|>\n"), chat.system)
        assertEquals(
            Thinking("<|turn>model\n<think>", "<|turn>system\n<|think|>", "<|turn>system\n<|think|><turn|>\n"),
            chat.thinking,
        )
        assertEquals(Thoughts("<think>", "</think>", kept = false), chat.thoughts)
        assertEquals(listOf("user", "model") to false, chat.trims to chat.alternates)
        assertEquals("float", manifest.recipe.name)
        assertEquals(listOf("vision"), manifest.skipped)
    }

    @Test
    fun `drafter, chat and softcap may be null`() {
        for (path in NULLABLE) Manifest.fromJson(changed(path, "null"))
        assertNull(Manifest.fromJson(changed("drafter", "null")).drafter)
    }

    @Test
    fun `a target alone may have verify passes for drafts from the text`() {
        val alone = Manifest.fromJson(changed("drafter", "null"))
        assertEquals("verify", alone.verifySignature(alone.draftTokens + 1))
        val error = refusal(SmallBundle.manifestText(mapOf("drafter" to null, "verify_widths" to listOf(8))))
        assertEquals("manifest key verify_widths", error.where)
    }

    @Test
    fun `sources may be missing, and are read where they are`() {
        assertEquals(emptyList<Source>(), Manifest.fromJson(SmallBundle.manifestText()).sources)
        val (commit, digest) = "0".repeat(40) to "a".repeat(64)
        val hub = """{"role":"target","id":"org/name","revision":"$commit","files":{"config.json":"$digest"}}"""
        val folder = """{"role":"drafter","id":"folder","revision":null,"files":{}}"""
        val sources = Manifest.fromJson(changed("sources", "[$hub,$folder]")).sources
        val files = mapOf("config.json" to digest)
        val expected =
            listOf(Source("target", "org/name", commit, files), Source("drafter", "folder", null, emptyMap()))
        assertEquals(expected, sources)
        assertEquals("each role once", refusal(changed("sources", "[$hub,$hub]")).expected)
        assertEquals("at least one, or no such key", refusal(changed("sources", "[]")).expected)
        val unnamed = "\uD83D\uDE00".repeat(41)
        val wrong = hub.replace("config.json", unnamed).replace(digest, "g")
        assertEquals("manifest key sources ${unnamed.dropLast(2)}", refusal(changed("sources", "[$wrong]")).where)
    }

    @Test
    fun `a licence may be missing, and is read where it is`() {
        fun source(license: String) = """[{"role":"target","id":"a","revision":null,"files":{}$license}]"""

        fun licensed(license: String) = source(""","license":$license""")
        assertNull(
            Manifest
                .fromJson(changed("sources", source("")))
                .sources
                .single()
                .license,
        )
        val linked = licensed("""{"name":"gemma","link":"https://example.org/terms"}""")
        val read = Manifest.fromJson(changed("sources", linked)).sources.single()
        assertEquals(License("gemma", "https://example.org/terms"), read.license)
        assertEquals("an object, or no such key", refusal(changed("sources", licensed("null"))).expected)
        val unsafe = licensed("""{"name":"gemma","link":"javascript:alert(1)"}""")
        assertEquals("manifest key sources license.link", refusal(changed("sources", unsafe)).where)
    }

    @Test
    fun `verify signatures have the names that engines know`() {
        val manifest = Manifest.fromJson(SmallBundle.manifestText())
        assertEquals(listOf("decode", "verify", "verify_8"), listOf(1, 4, 8).map(manifest::verifySignature))
    }

    @ParameterizedTest
    @CsvSource(
        delimiter = '|',
        value = [
            "config.vocab_size | 0 | config.vocab_size",
            "config.hidden_size | true | config.hidden_size",
            "config.hidden_size | 1000000000000000000000 | config.hidden_size",
            "config.layer_types | [\"sliding_attention\"] | config.layer_types",
            "config.kv_heads | [1] | config.kv_heads",
            "config.kv_layers | [1,0] | config.kv_layers",
            "config.drafter_kv_layers | {\"global\":0} | config.drafter_kv_layers.global",
            "config.softcap | 0.0 | config.softcap",
            "config.softcap | 30 | config.softcap",
            "config.per_layer_size | | config.per_layer_size",
            "config.extra | 1 | config.extra",
            "target.id | \"\\ud800\" | target.id",
            "draft_tokens | 5 | signatures.main",
            "prefill_lengths | [] | prefill_lengths",
            "verify_widths | [8] | verify_widths",
            "signatures.main.decode.inputs.x.shape | [1,-4] | signatures shape",
            "signatures.main.decode.inputs.x.dtype | 3 | signatures.main.decode.inputs.x.dtype",
            "tokens.stop | [1,-1] | tokens.stop",
            "chat.system | {\"prefix\":\"\"} | chat.system.suffix",
            "chat.user | null | chat.user",
            "chat.trims | [\"model\",\"user\"] | chat.trims",
            "chat.trims | [\"user\",\"user\"] | chat.trims",
            "chat.trims | [\"tool\"] | chat.trims",
            "chat.thoughts.end | \"\" | chat.thoughts.end",
            "chat.thoughts.kept | 0 | chat.thoughts.kept",
            "chat.thinking.system_alone | | chat.thinking.system_alone",
            "chat.alternates | null | chat.alternates",
            "recipe.tensors.deep | [[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]] | recipe.tensors.deep",
            "sections | [{\"name\":\"main\"}] | sections[0].begin",
            "header_sha256 | \"0\" | header_sha256",
            "format | \"other\" | format",
            "version | true | version",
            "version | 0 | version",
        ],
    )
    fun `a wrong value is named`(
        path: String,
        value: String?,
        key: String,
    ) {
        assertEquals("manifest key $key", refusal(changed(path, value)).where)
    }

    @ParameterizedTest
    @ValueSource(strings = ["", "null", "[]", "{", "{\"version\":1,\"version\":1}", "{\"format\":NaN}", "\u0000"])
    fun `what is no manifest is refused`(text: String) {
        refusal(text.toByteArray())
    }

    @Test
    fun `deep and endless texts are refused`() {
        for (text in listOf(
            "[".repeat(200_000),
            "1".repeat(5000),
            "[" + "1,".repeat(1 shl 20),
        )) {
            refusal(text.toByteArray())
        }
        refusal(byteArrayOf(-1))
    }

    @ParameterizedTest
    @ValueSource(strings = ["2", "99999999999999999999999999"])
    fun `a newer version is said to be newer`(version: String) {
        assertEquals("Bundle is newer than this runtime", refusal(changed("version", version)).title)
    }

    private companion object {
        val NULLABLE = listOf("chat", "chat.system", "chat.thinking", "chat.thoughts", "config.softcap")
    }
}
