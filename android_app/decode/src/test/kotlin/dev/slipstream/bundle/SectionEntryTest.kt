package dev.slipstream.bundle

import dev.slipstream.errors.BundleException
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

class SectionEntryTest {
    private val digest = "0".repeat(16)
    private val blocks = Blocks(4096, List(2) { digest }, List(2) { ByteSums(0, 0) })
    private val entry = SectionEntry("main", 16384, 16384 + 5000, "0".repeat(64), blocks)

    @Test
    fun `an entry checks itself`() {
        val wrong =
            listOf<() -> Any>(
                { entry.copy(name = "vision") },
                { entry.copy(begin = 16385) },
                { entry.copy(end = 16384 + 4096) },
                { entry.copy(end = 16384 + 8193) },
                { entry.copy(end = 16384) },
                { entry.copy(sha256 = "x".repeat(64)) },
            )
        for (make in wrong) assertThrows<BundleException> { make() }
    }

    @Test
    fun `blocks check themselves`() {
        val sums = List(1025) { ByteSums(0, 0) }
        val wrong =
            listOf<() -> Any>(
                { blocks.copy(size = 2048) },
                { blocks.copy(size = 5000) },
                { blocks.copy(size = Long.MIN_VALUE) },
                { blocks.copy(sums = emptyList()) },
                { Blocks(4096, List(1025) { digest }, sums) },
                { Blocks(4096, listOf("0".repeat(15)), sums.take(1)) },
            )
        for (make in wrong) assertThrows<BundleException> { make() }
    }
}
