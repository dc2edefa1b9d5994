package dev.slipstream.app.chat

import androidx.compose.ui.test.onAllNodesWithTag
import androidx.compose.ui.test.onNodeWithTag
import androidx.compose.ui.test.onNodeWithText
import androidx.compose.ui.test.performClick
import androidx.compose.ui.test.performScrollTo
import androidx.compose.ui.test.performTextInput
import androidx.compose.ui.test.performTextReplacement
import dev.slipstream.Drafting
import dev.slipstream.app.AppTest
import dev.slipstream.app.history.ChatSettings
import dev.slipstream.app.storage.resource
import dev.slipstream.engine.ScriptedEngine
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Test
import java.util.Locale

class SettingsTest : AppTest() {
    @Test
    fun `the sheet's fields are the conversation's, and tints and figures can be hidden`() {
        app.putBundle(resource("small.litertlm"))
        app.openEngine = { ScriptedEngine() }
        open()
        awaitChat()
        rule.onNodeWithTag("menu").performClick()
        rule.onNodeWithText("Settings of this conversation").performClick()
        awaitTag("settings")
        val fields = mapOf("system" to "Be brief.", "setting-temperature" to "0.7", "setting-top-k" to "40")
        for ((tag, text) in fields + ("setting-top-p" to "0.9") + ("setting-length" to "64")) {
            rule.onNodeWithTag(tag).performScrollTo().performTextReplacement(text)
        }
        rule.onNodeWithTag("setting-temperature").performScrollTo().performTextReplacement("")
        for (letter in "0.7") rule.onNodeWithTag("setting-temperature").performTextInput("$letter")
        for (tag in listOf("setting-thinking", "drafting-OFF", "setting-origins", "setting-figures")) {
            rule.onNodeWithTag(tag).performScrollTo().performClick()
        }
        val wanted = ChatSettings("Be brief.", true, 0.7, 40, 0.9, 64, Drafting.OFF, false, false)
        await { stored().settings == wanted }
        // What is not allowed leaves what was there.
        rule.onNodeWithTag("setting-top-p").performScrollTo().performTextReplacement("2")
        awaitText("Not allowed")
        assertEquals(wanted, app.services.chat.state.value.settings)
        rule.onNodeWithTag("settings-reset").performScrollTo().performClick()
        await {
            stored().settings ==
                ChatSettings("Be brief.", true, drafting = Drafting.OFF, showsOrigins = false, showsFigures = false)
        }
        assertEquals(0, rule.onAllNodesWithTag("meter").fetchSemanticsNodes().size)
    }

    @Test
    fun `numbers are read within their bounds, with the phone's decimal sign`() {
        assertEquals(listOf(0.0, 0.5, 5.0), listOf("0", " 0.5", "5").map(::temperature))
        for (text in listOf("", "-1", "5.1", "NaN", "x", "1e400")) assertNull(text, temperature(text))
        assertEquals(listOf(0, 64), listOf("0", "64 ").map(::topK))
        for (text in listOf("", "-1", "1.5")) assertNull(text, topK(text))
        assertEquals(listOf(0.1, 1.0), listOf("0.1", "1").map(::topP))
        for (text in listOf("", "0", "1.01")) assertNull(text, topP(text))
        assertEquals(listOf(1, 512), listOf("1", "512").map { length(it, 512) })
        for (text in listOf("", "0", "513")) assertNull(text, length(text, 512))
        val before = Locale.getDefault()
        Locale.setDefault(Locale.GERMANY)
        assertEquals(0.5, temperature("0,5"))
        Locale.setDefault(before)
    }
}
