package dev.slipstream.app.storage

import dev.slipstream.BundleNeed
import dev.slipstream.bundle.readManifest
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class BundleNeedTest {
    @Test
    fun `what a bundle needs follows from its manifest`() {
        val source = MemorySource(resource("small.litertlm"))
        val manifest = readManifest(source.bytes!!, "small")
        val need = BundleNeed.of(manifest, source.size)
        val packed = manifest.sections.filter { it.name in setOf("main", "drafter") }.sumOf { it.end - it.begin }
        assertEquals(packed, need.packedBytes)
        // Each call has a tensor of four floats in and one out of its own; no cache, and the app.
        val calls = manifest.signatures.values.sumOf { it.size }
        assertTrue(calls > 1)
        assertEquals(packed + calls * 2 * 4 * 4 + 96 * 1024 * 1024, need.memoryBytes)
        assertEquals(source.size, need.fileBytes)
        assertEquals("demo/target" to "demo/drafter", need.targetId to need.drafterId)
    }
}
