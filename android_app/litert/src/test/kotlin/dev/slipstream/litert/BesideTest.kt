package dev.slipstream.litert

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import java.io.IOException
import java.util.concurrent.CountDownLatch
import java.util.concurrent.atomic.AtomicBoolean

class BesideTest {
    @Test
    fun `it is made while others go on`() {
        val waits = CountDownLatch(1)
        val beside =
            Beside {
                waits.await()
                7
            }
        waits.countDown()
        assertEquals(7, beside.get())
    }

    @Test
    fun `its error is the one that was thrown`() {
        val beside = Beside<Int> { throw IOException("no file") }
        assertEquals("no file", assertThrows<IOException> { beside.get() }.message)
        beside.close()
    }

    @Test
    fun `closing waits for its end`() {
        val goOn = CountDownLatch(1)
        val ended = AtomicBoolean()
        val beside =
            Beside {
                goOn.await()
                Thread.sleep(20)
                ended.set(true)
            }
        goOn.countDown()
        beside.close()
        assertTrue(ended.get())
    }
}
