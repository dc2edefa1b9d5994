package dev.slipstream.app

import android.Manifest
import android.app.KeyguardManager
import android.content.ComponentCallbacks2
import android.content.ComponentName
import android.content.Intent
import android.view.WindowManager
import androidx.compose.ui.test.onNodeWithTag
import androidx.compose.ui.test.onNodeWithText
import androidx.compose.ui.test.performClick
import androidx.compose.ui.test.performScrollTo
import androidx.lifecycle.Lifecycle
import androidx.test.core.app.ActivityScenario
import androidx.test.platform.app.InstrumentationRegistry
import dev.slipstream.app.engine.EngineState
import dev.slipstream.app.storage.resource
import dev.slipstream.engine.ScriptedEngine
import dev.slipstream.errors.UsageException
import dev.slipstream.json.parseStrictJson
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.robolectric.Shadows.shadowOf
import org.robolectric.shadows.ShadowLog
import java.io.File
import java.util.concurrent.CountDownLatch

class CheckTest : AppTest() {
    private val engine = ScriptedEngine()

    private fun prepare() {
        app.putBundle(resource("small.litertlm"))
        app.openEngine = { engine }
    }

    private fun openByIntent() {
        scenario = ActivityScenario.launch(byShell())
    }

    /** As Android starts it for an alias. */
    private fun byShell() =
        Intent(app, MainActivity::class.java).setComponent(ComponentName(app, MainActivity.SELF_CHECK))

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
        val intent = Intent("${app.packageName}.SELF_CHECK").setPackage(app.packageName)
        assertEquals(
            MainActivity.SELF_CHECK,
            app.packageManager
                .resolveActivity(intent, 0)
                ?.activityInfo
                ?.name,
        )
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
        rule.onNodeWithText("It fails", substring = true).assertExists()
    }

    @Test
    fun `from the menu, and its result can be shared`() {
        prepare()
        open()
        awaitTag("menu")
        rule.onNodeWithTag("menu").performClick()
        rule.onNodeWithText("Model").performClick()
        rule.onNodeWithTag("self-check").performScrollTo().performClick()
        rule.onNodeWithTag("check").performClick()
        awaitTag("share")
        rule.onNodeWithTag("share").performScrollTo().performClick()
        await { shadowOf(app).peekNextStartedActivity() != null }
        val chooser = shadowOf(app).nextStartedActivity

        @Suppress("DEPRECATION")
        val send = chooser.getParcelableExtra<Intent>(Intent.EXTRA_INTENT)!!
        assertEquals("application/json", send.type)
    }

    @Test
    fun `only the shell may start it, by its action`() {
        val asked = Intent("${app.packageName}.SELF_CHECK").setPackage(app.packageName)
        val found = app.packageManager.queryIntentActivities(asked, 0).map { it.activityInfo }
        assertEquals(listOf(MainActivity.SELF_CHECK), found.map { it.name })
        assertEquals(listOf(Manifest.permission.DUMP), found.map { it.permission })
    }

    @Test
    fun `an app that names the window and the action starts nothing, and shows nothing over the lock screen`() {
        prepare()
        val intent = Intent(app, MainActivity::class.java).setAction("${app.packageName}.SELF_CHECK")
        scenario = ActivityScenario.launch(intent)
        awaitTag("send")
        assertFalse(overLock())
    }

    @Test
    fun `over the lock screen there is the check until it ends, and no conversation`() {
        prepare()
        engine.isPaused = true
        openByIntent()
        awaitText("Replaying the trace golden")
        assertTrue(overLock())
        engine.isPaused = false
        awaitTag("verdict")
        await { !overLock() }
    }

    @Test
    fun `who goes back from it on a locked phone is out of the app`() {
        prepare()
        shadowOf(app.getSystemService(KeyguardManager::class.java)).setKeyguardLocked(true)
        openByIntent()
        awaitTag("verdict")
        scenario!!.onActivity {
            it.onBackPressedDispatcher.onBackPressed()
            assertTrue(it.isFinishing)
        }
    }

    private fun overLock(): Boolean {
        var isOver = false
        scenario!!.onActivity { activity ->
            val flag = WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON
            val isKept = activity.window.attributes.flags and flag != 0
            isOver = shadowOf(activity).showWhenLocked
            assertEquals(isOver to isOver, isKept to shadowOf(activity).turnScreenOn)
        }
        return isOver
    }

    @Test
    fun `where memory is short the result says so`() {
        prepare()
        app.freeMemory = 1_000_000
        openByIntent()
        await { logLines().isNotEmpty() }
        assertTrue("Memory is short" in result()["first_difference"] as String)
    }

    @Test
    fun `a model that was unloaded is loaded for it`() {
        prepare()
        open()
        awaitTag("send")
        app.onTrimMemory(ComponentCallbacks2.TRIM_MEMORY_BACKGROUND)
        await { app.services.host.state.value is EngineState.Unloaded }
        val instrumentation = InstrumentationRegistry.getInstrumentation()
        scenario!!.onActivity { instrumentation.callActivityOnNewIntent(it, byShell()) }
        awaitTag("verdict")
        assertEquals(true, result()["passed"])
    }

    @Test
    fun `turning the phone while the model loads does not forget it`() {
        prepare()
        val mayLoad = CountDownLatch(1)
        app.openEngine = {
            mayLoad.await()
            engine
        }
        openByIntent()
        rule.waitForIdle()
        scenario!!.recreate()
        mayLoad.countDown()
        awaitTag("verdict")
        assertEquals(true, result()["passed"])
    }
}
