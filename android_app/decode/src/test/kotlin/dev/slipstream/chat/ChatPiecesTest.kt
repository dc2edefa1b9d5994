package dev.slipstream.chat

import dev.slipstream.errors.BundleException
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

class ChatPiecesTest {
    private val pieces =
        ChatPieces(
            start = "<bos>",
            userPrefix = "<|turn>user\n",
            userSuffix = "<turn|>\n",
            modelPrefix = "<|turn>model\n",
            modelSuffix = "<turn|>\n",
            systemPrefix = null,
            systemSuffix = null,
            trims = false,
        )

    @Test
    fun `a prompt is the start, the turns and what the model's answer begins with`() {
        val turns =
            listOf(ChatTurn(ChatRole.USER, " Hi\n"), ChatTurn(ChatRole.MODEL, "Yes?"), ChatTurn(ChatRole.USER, "No"))
        val text =
            "<bos><|turn>user\n Hi\n<turn|>\n<|turn>model\nYes?<turn|>\n<|turn>user\nNo<turn|>\n<|turn>model\n"
        assertEquals(text, pieces.prompt(turns))
    }

    @Test
    fun `a follow-up ends the answer before it and goes on where a prompt would`() {
        val first = listOf(ChatTurn(ChatRole.USER, "Hi"))
        val both = first + ChatTurn(ChatRole.MODEL, "Yes?") + ChatTurn(ChatRole.USER, "No")
        assertEquals("<turn|>\n<|turn>user\nNo<turn|>\n<|turn>model\n", pieces.followUp("No"))
        assertEquals(pieces.prompt(both), pieces.prompt(first) + "Yes?" + pieces.followUp("No"))
    }

    @Test
    fun `a template that trims strips what Python's strip does`() {
        val ascii = "\t\n\u000B\u000C\r\u001C\u001D\u001E\u001F "
        val spaces = "$ascii\u0085\u00A0\u1680\u2000\u200A\u2028\u2029\u202F\u205F\u3000"
        val kept = "\u200B\u180Ea b\uFEFF"
        val trimming = pieces.copy(trims = true)
        assertEquals("<|turn>user\n$kept<turn|>\n", trimming.turn(ChatRole.USER, spaces + kept + spaces))
        assertEquals("<|turn>user\n<turn|>\n", trimming.turn(ChatRole.USER, spaces))
    }

    @Test
    fun `a system turn needs a template that has one`() {
        val error = assertThrows<BundleException> { pieces.turn(ChatRole.SYSTEM, "Be brief.") }
        assertEquals("manifest key chat.system_prefix", error.where)
        val able = pieces.copy(systemPrefix = "<|turn>system\n", systemSuffix = "<turn|>\n")
        assertEquals("<|turn>system\nBe brief.<turn|>\n", able.turn(ChatRole.SYSTEM, "Be brief."))
    }

    @Test
    fun `system prefix and suffix come together`() {
        assertThrows<BundleException> { pieces.copy(systemPrefix = "<|turn>system\n") }
    }
}
