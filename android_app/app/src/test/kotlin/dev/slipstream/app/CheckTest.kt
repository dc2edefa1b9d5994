package dev.slipstream.app

import android.content.Intent
import androidx.compose.ui.test.onNodeWithTag
import androidx.compose.ui.test.onNodeWithText
import androidx.compose.ui.test.performClick
import androidx.compose.ui.test.performScrollTo
import androidx.lifecycle.Lifecycle
import androidx.test.core.app.ActivityScenario
import dev.slipstream.app.storage.resource
import dev.slipstream.engine.ScriptedEngine
import dev.slipstream.errors.UsageException
import dev.slipstream.json.parseStrictJson
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.robolectric.Shadows.shadowOf
import org.robolectric.shadows.ShadowLog
import java.io.File

class CheckTest : AppTest() {
    private val engine = ScriptedEngine()

    private fun prepare() {
        app.putBundle(resource("small.litertlm"))
        app.openEngine = { engine }
    }

    private fun openByIntent() {
        val intent = Intent(app, MainActivity::class.java).setAction(MainActivity.selfCheckAction(app))
        scenario = ActivityScenario.launch(intent)
    }

    private fun result() = parseStrictJson(app.resultFile.readText()) as Map<*, *>

    private fun logLines() = ShadowLog.getLogsForTag("slipstream").map { it.msg }

    @Test
    fun `started by an intent it writes its result and one line of the log`() {
        prepare()
        app.resultFile.writeText("an old one")
        openByIntent()
        awaitTag("verdict")
        rule.onNodeWithText("Passed").assertExists()
        rule.onNodeWithText("97 rounds agree", substring = true).assertExists()
        val result = result()
        assertEquals("slipstream-self-check", result["format"])
        val keys =
            "format version bundle_sha256 device passed first_difference rounds target_forks draft_forks bench " +
                "thermal_status traces"
        assertEquals(keys.split(" ").toSet(), result.keys)
        assertEquals(true, result["passed"])
        assertEquals(listOf("self-check passed: ${app.resultFile}"), logLines())
        assertEquals(setOf("slipstream"), engine.threads)
    }

    @Test
    fun `the action is the one that the manifest has, of the app's own id`() {
        val intent = Intent(MainActivity.selfCheckAction(app)).setPackage(app.packageName)
        assertEquals("${app.packageName}.SELF_CHECK", intent.action)
        assertNotNull(app.packageManager.resolveActivity(intent, 0))
        assertNull(app.packageManager.resolveActivity(Intent("another.SELF_CHECK").setPackage(app.packageName), 0))
    }

    @Test
    fun `a difference is shown and written`() {
        prepare()
        engine.difference = "trace chat, round 12"
        openByIntent()
        awaitText("trace chat, round 12")
        assertEquals(false, result()["passed"])
        assertEquals("trace chat, round 12", result()["first_difference"])
    }

    @Test
    fun `without a bundle the result says so`() {
        openByIntent()
        // The line follows the file.
        await { logLines().isNotEmpty() }
        assertEquals(false, result()["passed"])
        assertTrue("There is no bundle" in result()["first_difference"] as String)
        assertEquals(1, logLines().size)
    }

    @Test
    fun `leaving the app does not end the check, its button does, and nothing is written`() {
        prepare()
        engine.isPaused = true
        openByIntent()
        awaitText("Replaying the trace golden")
        scenario!!.moveToState(Lifecycle.State.CREATED)
        scenario!!.moveToState(Lifecycle.State.RESUMED)
        awaitText("Replaying the trace golden")
        rule.onNodeWithText("Stop").performClick()
        awaitText("Nothing was written")
        await { logLines().isNotEmpty() }
        assertFalse(app.resultFile.exists())
        assertEquals(listOf("self-check cancelled"), logLines())
    }

    @Test
    fun `short of memory the result says so, and does not wait for somebody`() {
        prepare()
        app.freeMemory = 1_000_000
        openByIntent()
        await { logLines().isNotEmpty() }
        assertTrue("Memory is short" in result()["first_difference"] as String)
    }

    @Test
    fun `a check that fails is signed with the bundle that is loaded`() {
        prepare()
        engine.failure = UsageException("It fails", "luck", "none", "the script", "Try again.")
        openByIntent()
        await { logLines().isNotEmpty() }
        assertEquals(engine.info.bundleSha256, result()["bundle_sha256"])
    }

    @Test
    fun `a result that can't be written ends in the log`() {
        prepare()
        engine.failure = UsageException("It fails", "luck", "none", "the script", "Try again.")
        File(app.resultFile.path + ".part").mkdirs()
        openByIntent()
        await { logLines().isNotEmpty() }
        assertTrue("not written" in logLines().single())
        rule.onNodeWithText("It fails").assertExists()
    }

    @Test
    fun `from the menu, and its result can be shared`() {
        prepare()
        open()
        awaitTag("menu")
        rule.onNodeWithTag("menu").performClick()
        rule.onNodeWithText("Self-check").performClick()
        rule.onNodeWithTag("check").performClick()
        awaitTag("share")
        rule.onNodeWithTag("share").performScrollTo().performClick()
        await { shadowOf(app).peekNextStartedActivity() != null }
        val chooser = shadowOf(app).nextStartedActivity

        @Suppress("DEPRECATION")
        val send = chooser.getParcelableExtra<Intent>(Intent.EXTRA_INTENT)!!
        assertEquals("application/json", send.type)
    }
}
