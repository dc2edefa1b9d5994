package dev.slipstream.litert

import java.util.concurrent.ExecutionException
import java.util.concurrent.FutureTask

/**
 * What [make] makes in a thread of its own, from when this is built on. Closing waits until it has ended, so that what it
 * reads can be closed then; what went wrong is [get]'s to say.
 */
internal class Beside<T>(
    make: () -> T,
) : AutoCloseable {
    private val task = FutureTask(make)

    init {
        Thread(task, "slipstream-beside").apply { isDaemon = true }.start()
    }

    /** Waits for it. Throws what [make] threw. */
    fun get(): T =
        try {
            task.get()
        } catch (error: ExecutionException) {
            throw checkNotNull(error.cause)
        }

    override fun close() {
        runCatching { task.get() }
    }
}
