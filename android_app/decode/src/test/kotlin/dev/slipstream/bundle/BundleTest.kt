package dev.slipstream.bundle

import dev.slipstream.errors.BundleException
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.junit.jupiter.api.io.TempDir
import java.io.File
import java.io.RandomAccessFile

class BundleTest {
    @TempDir
    lateinit var folder: File

    private val bytes = SmallBundle.write()
    private val path: File by lazy { File(folder, "model.litertlm").also { it.writeBytes(bytes) } }

    @Test
    fun `contents come back`() {
        Bundle.open(path).use { bundle ->
            assertEquals(path to bytes.size.toLong(), bundle.path to bundle.size)
            assertEquals(SmallBundle.TRACES, bundle.traces())
            assertArrayEquals(SmallBundle.TOKENIZER, bundle.tokenizerJson())
            assertArrayEquals(SmallBundle.contents()["llm_metadata"], bundle.llmMetadata())
            assertTrue(bundle.has("main") && !bundle.has("drafter"))
            val error = assertThrows<BundleException> { bundle.section("drafter") }
            assertEquals("drafter" to "llm_metadata, tokenizer, main, traces, manifest", error.expected to error.found)
            verifyHashes(bundle)
        }
    }

    @Test
    fun `a closed bundle reads nothing more`() {
        val bundle = Bundle.open(path).apply { close() }
        bundle.close()
        assertThrows<BundleException> { bundle.tokenizerJson() }
        assertThrows<BundleException> { verifyHashes(bundle) }
    }

    @Test
    fun `files that are no bundles are refused`() {
        File(folder, "empty").createNewFile()
        for (name in listOf(".", "missing", "empty", "nul\u0000byte")) {
            assertThrows<BundleException> { Bundle.open(File(folder, name)) }
        }
    }

    @Test
    fun `a file that was cut while it was open is refused`() {
        Bundle.open(path).use { bundle ->
            RandomAccessFile(path, "rw").use { it.setLength(bytes.size - 5000L) }
            assertEquals("Bundle can't be read", assertThrows<BundleException> { verifyHashes(bundle) }.title)
        }
    }

    @Test
    fun `a changed byte is named with the path`() {
        val main = Bundle.open(path).use { it.section("main") }
        RandomAccessFile(path, "rw").use { file ->
            file.seek(main.begin + 7)
            file.write(bytes[main.begin.toInt() + 7].toInt() xor 1)
        }
        Bundle.open(path).use { bundle ->
            val error = assertThrows<BundleException> { verifyHashes(bundle) }
            assertEquals("$path, section main, byte ${main.begin + 7}", error.where)
        }
    }

    @Test
    fun `a section may go beyond 2 GiB`() {
        val grown =
            Bundle.open(largeBundle()).use { bundle ->
                val main = bundle.section("main")
                assertEquals(3L shl 30, main.size)
                assertEquals(0L, main.begin % ALIGNMENT)
                assertArrayEquals(SmallBundle.TOKENIZER, bundle.tokenizerJson())
                bundle.path
            }
        assertFalse(grown.length() < 3L shl 30)
    }

    /** A bundle whose main section has 3 GiB, none of them on the disk; its digests are made up. */
    private fun largeBundle(): File {
        val (small, begin) = bytes to Bundle.open(path).use { it.section("main").begin }
        val main = ByteRange(begin, begin + (3L shl 30))
        val manifestAt = main.end
        val tokenizer = Bundle.open(path).use { it.section("tokenizer") }
        val sections = listOf(entry("tokenizer", ByteRange(tokenizer.begin, tokenizer.end)), entry("main", main))
        val text = SmallBundle.manifestText(mapOf("sections" to sections))
        val ranges =
            mapOf(
                "tokenizer" to ByteRange(tokenizer.begin, tokenizer.end),
                "main" to main,
                "manifest" to ByteRange(manifestAt, manifestAt + text.size),
            )
        // Sealed in short form, header and manifest side by side; then the manifest moves to its place.
        val sealed = reseal(SmallBundle.header(ranges) + text, ALIGNMENT)
        return File(folder, "large.litertlm").also { file ->
            RandomAccessFile(file, "rw").use {
                it.write(sealed, 0, ALIGNMENT)
                it.write(small, ALIGNMENT, tokenizer.end.toInt() - ALIGNMENT)
                it.seek(manifestAt)
                it.write(sealed, ALIGNMENT, text.size)
            }
        }
    }

    private fun entry(
        name: String,
        range: ByteRange,
    ): Map<String, Any?> {
        val size = blockSize(range.end - range.begin)
        val count = ((range.end - range.begin + size - 1) / size).toInt()
        val (zero, blocks) = SmallBundle.number(0) to List(count) { "0".repeat(16) }
        return mapOf(
            "name" to name,
            "begin" to SmallBundle.number(range.begin),
            "end" to SmallBundle.number(range.end),
            "sha256" to "0".repeat(64),
            "blocks" to
                mapOf(
                    "size" to SmallBundle.number(size),
                    "digests" to blocks,
                    "sums" to List(count) { listOf(zero, zero) },
                ),
        )
    }
}
