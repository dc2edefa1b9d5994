package dev.slipstream.bundle

import dev.slipstream.errors.BundleException
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

class LoadedBundleTest {
    private val whole = SmallBundle.write()
    private val begin = manifestBegin(whole)
    private val text = whole.copyOfRange(begin, whole.size)

    private fun refusal(bytes: ByteArray): BundleException =
        assertThrows<BundleException> { loadBundle(MemorySource(bytes), "test") }

    private fun flipped(vararg offsets: Int): ByteArray =
        whole.copyOf().also { for (at in offsets) it[at] = (it[at].toInt() xor 1).toByte() }

    @Test
    fun `a changed byte of the header is named though the header leads nowhere`() {
        for (offset in listOf(0, 7, 8, 24, 31, 32, 33, 60, 300, ALIGNMENT - 1)) {
            val error = refusal(flipped(offset))
            assertEquals("Bundle is damaged in header", error.title)
            assertEquals("test, section header, byte $offset", error.where)
        }
    }

    @Test
    fun `when header and manifest are both damaged the first error stands`() {
        assertEquals("Not a .litertlm bundle", refusal(flipped(0, begin + 9)).title)
    }

    @Test
    fun `a bundle without our manifest is named as foreign`() {
        val ranges = mapOf("tokenizer" to ByteRange(ALIGNMENT.toLong(), ALIGNMENT + 100L))
        val error = refusal(SmallBundle.header(ranges) + ByteArray(100))
        assertEquals("Bundle was not made by Slipstream", error.title)
        assertEquals("a plain LiteRT-LM bundle with tokenizer", error.found)
    }

    @Test
    fun `a newer manifest is said to be newer`() {
        val newer = SmallBundle.write(changes = mapOf("version" to SmallBundle.number(2)))
        val error = refusal(newer)
        assertEquals("Bundle is newer than this runtime" to "manifest version 2", error.title to error.found)
    }

    @Test
    fun `sections that the manifest does not list are refused`() {
        assertEquals("Bundle's header and manifest differ", refusal(SmallBundle.write(changes = noSections())).title)
    }

    @Test
    fun `bytes behind the manifest are refused`() {
        assertEquals("Bundle has bytes after its manifest", refusal(whole + 0).title)
    }

    @Test
    fun `a manifest in another spelling is refused`() {
        val spelled = text.decodeToString().replace("\"format\"", "\"f\\u006frmat\"").toByteArray()
        assertEquals("canonical JSON", refusal(withManifest(whole, spelled)).expected)
        val hidden = text.decodeToString().replace("\"manifest_s", "\"manifest\\u005fs").toByteArray()
        assertEquals("canonical JSON", refusal(withManifest(whole, hidden)).expected)
    }

    @Test
    fun `a manifest of nothing but commas costs no tree`() {
        val dense = "{\"chat\":[".toByteArray() + ByteArray(15 shl 20) { if (it % 2 == 0) 49 else 44 }
        val (bundle, guarded) = withManifest(whole, dense) to Guarded()
        // The manifest's text twice, because the file's tail is tried when the header's way to it fails.
        guarded.run(2L * bundle.size + (1L shl 20)) { loadBundle(MemorySource(bundle), "test") }
        assertEquals(1, guarded.refused)
    }

    @Test
    fun `a manifest beyond 16 MiB is not read`() {
        val large = withManifest(whole, ByteArray((16 shl 20) + 1))
        val guarded = Guarded()
        guarded.run(1L shl 20) { loadBundle(MemorySource(large), "test") }
        assertEquals(1, guarded.refused)
        assertTrue(refusal(large).title == "Bundle's manifest is too large")
    }

    @Test
    fun `but for its spelling a manifest that hides its hashes would pass`() {
        val hidden = text.decodeToString().replace("\"manifest_s", "\"manifest\\u005fs").toByteArray()
        assertEquals(null, sealDamage(hidden, 0))
        Manifest.fromJson(hidden)
    }

    private fun noSections() = mapOf("sections" to emptyList<Any?>())
}
