package dev.slipstream

import dev.slipstream.engine.EngineThread
import dev.slipstream.engine.ScriptedEngine
import dev.slipstream.engine.threads
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.IOException
import java.util.concurrent.CountDownLatch

internal class EngineThreadTest {
    @Test
    fun `who is cancelled while it loads leaves nothing open`() =
        runBlocking(Dispatchers.Default) {
            val engine = ScriptedEngine()
            val begun = CountDownLatch(1)
            val mayEnd = CountDownLatch(1)
            val thread = EngineThread()
            val loading =
                launch {
                    thread.open {
                        begun.countDown()
                        mayEnd.await()
                        engine
                    }
                }
            begun.await()
            loading.cancel()
            mayEnd.countDown()
            loading.cancelAndJoin()
            assertTrue(engine.isClosed)
        }

    @Test
    fun `as many threads as the bundle says, or four, and never more than processors`() {
        assertEquals(
            listOf(2, 4, 4, 3),
            listOf(2 to 8, 4 to 8, null to 8, 4 to 3).map { (declared, count) ->
                threads(declared, count)
            },
        )
    }

    @Test
    fun `an engine that fails to load or to close says so`() {
        val thread = EngineThread()
        assertThrows(IOException::class.java) { runBlocking { thread.open { throw IOException("gone") } } }
        val failing =
            object : dev.slipstream.engine.Engine by ScriptedEngine() {
                override fun close() = throw IOException("stuck")
            }
        assertEquals(
            "stuck",
            assertThrows(IOException::class.java) { Slipstream.over(failing).close() }.message,
        )
    }
}
