package dev.slipstream.draft

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import kotlin.random.Random

/** A device where a round costs what [nanos] says, and a draft is accepted with [acceptance], one after the other. */
private class Device(
    var acceptance: Double,
    val nanos: (Int) -> Long,
    seed: Int = 1,
) {
    private val random = Random(seed)
    var time = 0L

    fun decode(
        policy: DraftPolicy,
        tokens: Int,
    ) {
        var emitted = 0
        while (emitted < tokens) {
            val drafted = policy.count
            var accepted = 0
            while (accepted < drafted && random.nextDouble() < acceptance) accepted += 1
            policy.observe(drafted, accepted + 1, nanos(drafted))
            time += nanos(drafted)
            emitted += accepted + 1
        }
    }
}

private val LENGTHS = listOf(2, 4, 7)

class AutoDraftTest {
    @Test
    fun `where drafting is slower it costs little more than plain decoding`() {
        for (factor in listOf(1L, 2L, 4L)) {
            val device = Device(acceptance = 0.1, nanos = { 1_000_000L * (1 + factor * it) })
            val policy = AutoDraft(LENGTHS)
            device.decode(policy, 200) // the first trials
            assertEquals(0, policy.best)
            val begin = device.time
            device.decode(policy, 10_000)
            val plain = 10_000 * 1_000_000L
            assertTrue(device.time - begin < plain * (1 + 1.5 * AutoDraft.PROBE_SHARE), "factor $factor")
        }
    }

    @Test
    fun `where drafting pays it takes the length that pays most`() {
        val device = Device(acceptance = 0.8, nanos = { 1_000_000L + 100_000L * it })
        val policy = AutoDraft(LENGTHS)
        device.decode(policy, 2_000)
        // Goodput of 0, 2, 4, 7 drafts: 1.00, 2.03, 2.40, 2.45 tokens a millisecond.
        assertTrue(policy.best in listOf(4, 7))
        val begin = device.time
        device.decode(policy, 10_000)
        assertTrue(device.time - begin < 10_000 * 1_000_000L / 2.2)
    }

    @Test
    fun `it notices when drafting starts to pay, and when it stops`() {
        val device = Device(acceptance = 0.0, nanos = { 1_000_000L + 200_000L * it })
        val policy = AutoDraft(LENGTHS)
        device.decode(policy, 1_000)
        assertEquals(0, policy.best)
        device.acceptance = 0.9
        device.decode(policy, 20_000)
        assertTrue(policy.best > 0)
        device.acceptance = 0.0
        device.decode(policy, 1_000)
        assertEquals(0, policy.best)
    }

    @Test
    fun `equal goodput is plain`() {
        val policy = AutoDraft(listOf(1))
        val device = Device(acceptance = 1.0, nanos = { 1_000_000L * (1 + it) })
        device.decode(policy, 1_000)
        assertEquals(0, policy.best)
    }

    @Test
    fun `a round with fewer drafts than asked for says nothing`() {
        val policy = AutoDraft(listOf(4))
        Device(acceptance = 0.0, nanos = { 1_000L * (1 + it) }).decode(policy, 100)
        repeat(50) { policy.observe(policy.count - 1, 1, 1L) }
        assertEquals(0, policy.best)
    }

    @Test
    fun `without a drafter it is plain`() {
        val policy = AutoDraft(emptyList())
        Device(acceptance = 1.0, nanos = { 1_000L }).decode(policy, 100)
        assertEquals(0, policy.count)
    }
}
