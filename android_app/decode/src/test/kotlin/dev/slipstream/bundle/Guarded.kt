package dev.slipstream.bundle

import com.sun.management.ThreadMXBean
import dev.slipstream.errors.BundleException
import org.junit.jupiter.api.Assertions.assertTrue
import java.lang.management.ManagementFactory

/**
 * Runs hostile cases: each gives a value or a BundleException, in [MAX_MILLIS] of processor time, and allocates no more
 * than it may.
 *
 * Allocation is the sum of all that a case ever allocated, garbage too: it bounds the largest single object and what
 * lives at once. Whatever else a case throws goes through and fails the test.
 */
internal class Guarded {
    var cases = 0
        private set
    var refused = 0
        private set
    var slowestNanos = 0L
        private set
    var mostAllocated = 0L
        private set

    /** The value, or null when it was refused. */
    fun <T : Any> run(
        allowedBytes: Long,
        case: () -> T,
    ): T? {
        cases++
        val (allocated, started) = THREADS.currentThreadAllocatedBytes to THREADS.currentThreadCpuTime
        val result =
            try {
                case()
            } catch (_: BundleException) {
                refused++
                null
            }
        val nanos = THREADS.currentThreadCpuTime - started
        val bytes = THREADS.currentThreadAllocatedBytes - allocated
        slowestNanos = maxOf(slowestNanos, nanos)
        mostAllocated = maxOf(mostAllocated, bytes)
        assertTrue(nanos < MAX_MILLIS * 1_000_000) { "case $cases took ${nanos / 1_000_000} ms" }
        assertTrue(bytes <= allowedBytes) { "case $cases allocated $bytes bytes, may $allowedBytes" }
        return result
    }

    override fun toString(): String =
        "$cases cases, $refused refused, slowest ${slowestNanos / 1000} us, at most $mostAllocated bytes allocated"

    companion object {
        const val MAX_MILLIS = 2000L
        private val THREADS = ManagementFactory.getThreadMXBean() as ThreadMXBean
    }
}
