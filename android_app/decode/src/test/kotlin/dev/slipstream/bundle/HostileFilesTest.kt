package dev.slipstream.bundle

import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import kotlin.random.Random

/**
 * 122,000 drawn damages of headers, manifests, tokenizers, traces and whole files. "Refused" is a BundleException;
 * anything else that is thrown fails.
 */
class HostileFilesTest {
    private val whole = SmallBundle.write()
    private val original = load(whole)
    private val manifestBegin = manifestBegin(whole)
    private val manifest = whole.copyOfRange(manifestBegin, whole.size)
    private val headerEnd = FlatBytes(whole).long(24).toInt()

    @Test
    fun `the whole bundle is read`() {
        assertEquals(
            listOf("llm_metadata", "tokenizer", "main", "traces", "manifest"),
            original.sections.map { it.name },
        )
        assertEquals(null, firstDamage(MemorySource(whole), original.sections, original.manifest))
    }

    @Test
    fun `a hostile header gives sections in the file or is refused`() {
        val (guarded, mutator) = Guarded() to Mutator(Random(1))
        repeat(60_000) {
            val header = mutator.mutate(whole.copyOf(ALIGNMENT), within = headerEnd, keepSize = it % 8 != 0)
            val sections = guarded.run(OVERHEAD) { parseHeader(header, whole.size.toLong(), "test") }
            for (section in sections.orEmpty()) {
                assertTrue(section.begin in ALIGNMENT..section.end && section.end <= whole.size)
                assertTrue(section.name.all { letter -> letter in ' '..'~' })
            }
        }
    }

    @Test
    fun `a header whose hashes were made anew gives the same sections or is refused`() {
        val (guarded, mutator) = Guarded() to Mutator(Random(2))
        var same = 0
        repeat(10_000) {
            val header = mutator.mutate(whole.copyOf(ALIGNMENT), within = headerEnd, keepSize = true)
            val bundle = reseal(header + whole.copyOfRange(ALIGNMENT, whole.size))
            val loaded = guarded.run(OVERHEAD + bundle.size) { load(bundle) } ?: return@repeat
            same++
            assertEquals(ranges(original), ranges(loaded))
        }
        // What nobody reads: authors, the container's version, padding, the spare slots of a table.
        assertTrue(same in 1..2_000) { "$same of 10,000 stay valid" }
    }

    @Test
    fun `a manifest whose hashes were made anew says what it spells or is refused`() {
        val (guarded, mutator) = Guarded() to Mutator(Random(3))
        var valid = 0
        repeat(8_000) { index ->
            val changed = if (index % 2 == 0) mutator.mutate(manifest) else mutator.mutateJson(manifest)
            val bundle = withManifest(whole, changed)
            val loaded = guarded.run(OVERHEAD + bundle.size) { load(bundle) } ?: return@repeat
            valid++
            val sealed = bundle.copyOfRange(manifestBegin, bundle.size)
            assertArrayEquals(sealed, canonicalJson(parseManifestJson(sealed)))
            assertEquals(ranges(loaded).dropLast(1), loaded.manifest.sections.map { listOf(it.name, it.begin, it.end) })
        }
        assertTrue(valid in 1..400) { "$valid of 8,000 stay valid" } // other names, texts, and numbers in range
    }

    @Test
    fun `a tokenizer is the one that was packed or is refused`() {
        val (guarded, mutator) = Guarded() to Mutator(Random(4))
        val packed = SmallBundle.packTokenizer(SmallBundle.TOKENIZER)
        repeat(20_000) {
            val section = mutator.mutate(packed)
            val text = guarded.run(OVERHEAD + section.size) { unpackTokenizer(section, "test") } ?: return@repeat
            // The zlib stream's checksum stands behind its text; its first bytes have some free bits.
            assertArrayEquals(SmallBundle.TOKENIZER, text)
        }
        assertTrue(guarded.cases - guarded.refused < 600) { "$guarded" }
    }

    @Test
    fun `traces are texts or are refused`() {
        val (guarded, mutator) = Guarded() to Mutator(Random(5))
        val packed = SmallBundle.packTraces(SmallBundle.TRACES)
        repeat(20_000) { index ->
            val section = if (index % 2 == 0) mutator.mutate(packed) else mutator.mutateJson(packed)
            val traces = guarded.run(OVERHEAD + section.size) { unpackTraces(section, "test") } ?: return@repeat
            assertTrue(traces.entries.sumOf { it.key.length + it.value.length } <= section.size)
        }
        // A letter of a text or name is another text or name: the section's digest is what guards them.
        assertTrue(guarded.cases - guarded.refused < 2_000) { "$guarded" }
    }

    @Test
    fun `a changed file is refused`() {
        val (guarded, mutator) = Guarded() to Mutator(Random(6))
        repeat(4_000) {
            val bundle = mutator.mutate(whole)
            val read = guarded.run(OVERHEAD + 2L * bundle.size) { verified(bundle) }
            assertTrue(read == null || bundle.contentEquals(whole)) { "case $it" }
        }
        assertTrue(guarded.cases - guarded.refused < 200) { "$guarded" } // a byte replaced by itself
    }

    private fun load(bundle: ByteArray): LoadedBundle = loadBundle(MemorySource(bundle), "test")

    private fun verified(bundle: ByteArray): LoadedBundle {
        val (source, loaded) = MemorySource(bundle) to load(bundle)
        firstDamage(source, loaded.sections, loaded.manifest)?.let { throw it.error("test") }
        return loaded
    }

    private fun ranges(loaded: LoadedBundle): List<List<Any>> =
        loaded.sections.map { listOf(it.name, it.begin, it.end) }

    private companion object {
        /** What a header and a manifest of a few KiB take besides the file's own size: texts, trees, messages. */
        const val OVERHEAD = 1L shl 19
    }
}
