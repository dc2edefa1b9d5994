package dev.slipstream.app.chat

import dev.slipstream.ReplyEvent
import dev.slipstream.decode.DraftSource.DRAFTER
import dev.slipstream.decode.DraftSource.NGRAM
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class GrowingTest {
    private val growing = Growing()

    private fun growing() {
        growing.add(ReplyEvent.Text("Ye", DRAFTER))
        growing.add(ReplyEvent.Text("s\n", NGRAM))
        growing.add(ReplyEvent.Text("日本", null))
        growing.add(ReplyEvent.Thought("hm", DRAFTER))
    }

    @Test
    fun `neighbours that were drafted are one run`() {
        growing()
        assertEquals(listOf(Run(4, 2, true), Run(6, 1, false)), growing.message().runs)
    }

    @Test
    fun `a thought is no part of the answer's runs`() {
        growing()
        val reply = growing.message()
        assertEquals("hm" to "Yes\n日本", reply.thought to reply.text)
    }

    @Test
    fun `a reply that goes on loses what was no whole character`() {
        growing()
        val begun = growing.message()
        val goingOn = Growing(begun)
        assertEquals(begun.runs, goingOn.message().runs)
        goingOn.cut(thoughtLength = 1, textLength = 5)
        assertEquals("h" to "Yes\n日", goingOn.message().let { it.thought to it.text })
        assertEquals(listOf(Run(4, 2, true), Run(5, 1, false)), goingOn.message().runs)
        goingOn.cut(thoughtLength = 0, textLength = 4)
        assertEquals(listOf(Run(4, 2, true)), goingOn.message().runs)
        goingOn.cut(thoughtLength = 0, textLength = 0)
        assertEquals(emptyList<Run>(), goingOn.message().runs)
    }
}
