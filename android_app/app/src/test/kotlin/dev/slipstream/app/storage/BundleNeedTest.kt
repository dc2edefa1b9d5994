package dev.slipstream.app.storage

import dev.slipstream.BundleNeed
import dev.slipstream.bundle.readManifest
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class BundleNeedTest {
    /** The numbers are those of tests/spec/bundle/test_memory.py. */
    @Test
    fun `what a bundle needs follows from its manifest, as the reference says`() {
        val source = MemorySource(resource("small.litertlm"))
        val manifest = readManifest(source.bytes!!, "small")
        for ((context, resident) in listOf(64 to 104_514_072L, 4096 to 107_328_792L)) {
            val need = BundleNeed.of(manifest.copy(contextLength = context), source.size)
            assertEquals(79_016L, need.packedBytes)
            assertEquals(resident, need.memoryBytes)
        }
    }

    @Test
    fun `it tells whose it is`() {
        val source = MemorySource(resource("small.litertlm"))
        val need = BundleNeed.of(readManifest(source.bytes!!, "small"), source.size)
        assertEquals(source.size, need.fileBytes)
        assertEquals("demo/target" to "demo/drafter", need.targetId to need.drafterId)
    }
}
