package dev.slipstream.engine

import dev.slipstream.errors.UsageException
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.job
import kotlinx.coroutines.withContext
import java.util.concurrent.ExecutionException
import java.util.concurrent.FutureTask
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.ThreadPoolExecutor
import java.util.concurrent.TimeUnit

/**
 * An engine and the one thread that calls it: whoever uses it waits for those who came before.
 *
 * The thread ends when nothing was to be done for a while, so that a model that was forgotten leaves none behind.
 */
internal class EngineThread : AutoCloseable {
    @Volatile
    private var worker: Thread? = null

    private val executor =
        ThreadPoolExecutor(1, 1, IDLE_SECONDS, TimeUnit.SECONDS, LinkedBlockingQueue()) { task ->
            Thread(task, NAME).also {
                it.isDaemon = true
                worker = it
            }
        }.apply { allowCoreThreadTimeOut(true) }
    private val dispatcher = executor.asCoroutineDispatcher()

    /** The engine's thread reads and writes it. */
    private var engine: Engine? = null

    @Volatile
    var isClosed: Boolean = false
        private set

    /** Runs [open] in the thread, and closes what it gave where the caller was cancelled meanwhile. */
    suspend fun open(open: () -> Engine) {
        try {
            withContext(dispatcher) { engine = open() }
        } catch (error: Throwable) {
            withContext(NonCancellable + dispatcher) { closeEngine() }
            throw error
        }
    }

    /** For an engine that is open already. */
    fun adopt(engine: Engine) {
        this.engine = engine
    }

    /**
     * Runs [block] with the engine in its thread. It is handed a `cancelled`, which says yes as soon as the caller is
     * cancelled or the engine is being closed. UsageException when it is closed.
     */
    suspend fun <T> run(block: (Engine, () -> Boolean) -> T): T {
        if (isClosed) throw closedError()
        return withContext(dispatcher) {
            val engine = engine
            if (isClosed || engine == null) throw closedError()
            val caller = coroutineContext.job
            block(engine) { isClosed || !caller.isActive }
        }
    }

    /**
     * Ends what runs at its next step, refuses what waits, and frees the engine. Returns when that is done, but at once
     * in the engine's own thread, where it is done next, and where the waiting thread is interrupted. Twice is as once.
     */
    override fun close() {
        isClosed = true
        val closing = FutureTask { closeEngine() }
        executor.execute(closing)
        if (Thread.currentThread() === worker) return
        try {
            closing.get()
        } catch (_: InterruptedException) {
            Thread.currentThread().interrupt()
        } catch (error: ExecutionException) {
            throw error.cause ?: error
        }
    }

    private fun closeEngine() {
        val opened = engine
        engine = null
        opened?.close()
    }

    private companion object {
        const val NAME = "slipstream"
        const val IDLE_SECONDS = 5L
    }
}

internal fun closedError() =
    UsageException(
        "The model is closed",
        expected = "an open one",
        found = "one that was closed before, or meanwhile",
        where = "Slipstream",
        action = "Open the bundle again, and go on with a snapshot of the chat.",
    )
