package dev.slipstream.app

import android.content.Intent
import androidx.compose.ui.test.onAllNodesWithTag
import androidx.compose.ui.test.onNodeWithTag
import androidx.compose.ui.test.performClick
import androidx.compose.ui.test.performTextInput
import androidx.test.core.app.ActivityScenario
import dev.slipstream.app.engine.LiteRtEngine
import dev.slipstream.bundle.Bundle
import dev.slipstream.json.JsonNumber
import dev.slipstream.json.parseStrictJson
import dev.slipstream.litert.BundleRuntime
import dev.slipstream.litert.LiteRtLibrary
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.robolectric.RuntimeEnvironment
import java.io.File

/**
 * The window over the real engine. tests/android/test_app.py exports the demo pair and runs this with
 * `slipstream.bundle` and `slipstream.litert`; Maven alone leaves it out.
 */
class RealEngineOnBundleTest : AppTest() {
    private val bundle = File(property("slipstream.bundle"))

    private fun property(name: String) = checkNotNull(System.getProperty(name)) { "-D$name is not given" }

    @Before
    fun prepare() {
        val library = LiteRtLibrary.load(property("slipstream.litert"))
        app.openEngine = { LiteRtEngine(BundleRuntime(it, 1, null, library), benchSeconds = 1.0) }
        File(app.external, "model.litertlm").let { bundle.copyTo(it, overwrite = true) }
    }

    /** The file is written when the reply has ended; [messages] is how many there are then. */
    private fun say(
        text: String,
        messages: Int,
    ) {
        rule.onNodeWithTag("input").performTextInput(text)
        rule.onNodeWithTag("send").performClick()
        await { conversation()?.messages?.size == messages }
    }

    private fun conversation() = app.services.conversations.read(Bundle.open(bundle).use { it.manifest.manifestSha256 })

    @Test
    fun `the pushed bundle is checked, loaded and chats, turned in between, whatever drafting does`() {
        open()
        awaitTag("send")
        val replies = HashSet<String>()
        for (choice in listOf("AUTO", "ON", "OFF")) {
            rule.onNodeWithTag("new").performClick()
            await { conversation() == null }
            rule.onNodeWithTag("drafting-$choice").performClick()
            say("Hello", messages = 2)
            RuntimeEnvironment.setQualifiers("+land")
            scenario!!.recreate()
            say("And then?", messages = 4)
            val (_, first, _, second) = conversation()!!.messages
            assertTrue(first.text.isNotEmpty())
            assertEquals(first.runs.last().end, first.text.length)
            replies.add(first.text + "|" + second.text)
            if (choice == "OFF") assertTrue(first.runs.none { it.accepted })
            if (choice == "ON") assertTrue(first.runs.any { it.accepted })
        }
        assertEquals("drafting changed the text: $replies", 1, replies.size)
    }

    @Test
    fun `the self-check passes and writes what this machine computed`() {
        scenario = ActivityScenario.launch(Intent(app, MainActivity::class.java).setAction(MainActivity.SELF_CHECK))
        awaitTag("verdict")
        val result = parseStrictJson(app.resultFile.readText()) as Map<*, *>
        assertNull(result["first_difference"])
        assertEquals(true, result["passed"])
        val (golden, widths) = Bundle.open(bundle).use { it.traces() to it.manifest.verifyWidths }
        val computed = result["traces"] as Map<*, *>
        assertEquals(golden.keys, computed.keys)
        val rounds = result["rounds"] as Map<*, *>
        for ((name, text) in golden) {
            val lines = (computed[name] as String).lines().size
            assertEquals("trace $name", text.lines().size, lines)
            assertTrue((rounds[name] as JsonNumber).toIntOrNull()!! > 0)
        }
        val bench = result["bench"] as Map<*, *>
        assertEquals(setOf("plain") + widths.map { "drafted_${it - 1}" }, bench.keys)
        File("target/self-check.json").writeText(app.resultFile.readText())
    }
}
