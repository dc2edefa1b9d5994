package dev.slipstream.app.screens

import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.graphics.Color
import androidx.compose.material.icons.Icons
import androidx.compose.material.icons.filled.Add
import androidx.compose.material3.Icon
import androidx.compose.material3.IconButton
import androidx.compose.material3.Surface
import androidx.compose.runtime.Composable
import androidx.compose.ui.test.junit4.createEmptyComposeRule
import androidx.compose.ui.test.onNodeWithTag
import androidx.compose.ui.test.performClick
import dev.slipstream.app.chat.ChatScreen
import dev.slipstream.app.chat.SettingsForm
import dev.slipstream.app.check.CheckActions
import dev.slipstream.app.check.CheckScreen
import dev.slipstream.app.conversations.HistoryActions
import dev.slipstream.app.conversations.HistoryScreen
import dev.slipstream.app.model.ModelActions
import dev.slipstream.app.model.ModelScreen
import dev.slipstream.app.setup.SetupActions
import dev.slipstream.app.setup.SetupScreen
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Assume.assumeFalse
import org.junit.Rule
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import java.io.File
import java.util.TimeZone

/** Each screen in light and dark, with large letters and turned, against its golden. */
@RunWith(RobolectricTestRunner::class)
class ScreensTest {
    @get:Rule val rule = createEmptyComposeRule()

    @Test
    fun `setup by day`() = shootSetups("day")

    @Test
    fun `setup by night`() = shootSetups("night")

    @Test
    fun `chat by day`() = shootChats("day")

    @Test
    fun `chat by night`() = shootChats("night")

    @Test
    fun `the model's page`() {
        shoot("day-model") { Model() }
        RuntimeEnvironment.setQualifiers("+night")
        shoot("night-model") { Model() }
    }

    @Test
    fun `self-check by day`() = shootChecks("day")

    @Test
    fun `self-check by night`() = shootChecks("night")

    @Test
    fun `conversations and settings by day`() = shootHistory("day")

    @Test
    fun `conversations and settings by night`() = shootHistory("night")

    @Test
    fun `large letters`() {
        RuntimeEnvironment.setFontScale(2f)
        shoot("large-setup-importing") { Setup("importing") }
        shoot("large-chat-talk") { Chat("talk") }
        shoot("large-chat-figures", before = { rule.onNodeWithTag("meter").performClick() }) { Chat("talk") }
        shoot("large-chat-markdown") { Chat("markdown") }
        shoot("large-model") { Model() }
        shoot("large-check-passed") { Check("passed") }
        TimeZone.setDefault(TimeZone.getTimeZone("UTC"))
        shoot("large-settings-own") { Settings("own") }
        shoot("large-conversations-some") { History("some") }
    }

    @Test
    fun `in German`() {
        RuntimeEnvironment.setQualifiers("+de")
        TimeZone.setDefault(TimeZone.getTimeZone("UTC"))
        shoot("german-chat-forgotten") { Chat("forgotten") }
        shoot("german-settings-own") { Settings("own") }
        shoot("german-conversations-some") { History("some") }
        shoot("german-setup-empty") { Setup("empty") }
    }

    @Test
    fun `large letters by night`() {
        RuntimeEnvironment.setQualifiers("+night")
        RuntimeEnvironment.setFontScale(2f)
        shoot("large-night-chat-talk") { Chat("talk") }
    }

    @Test
    fun `the phone's own colours`() {
        shoot("dynamic-chat-talk", isDynamic = true) { Chat("talk") }
    }

    @Test
    fun turned() {
        RuntimeEnvironment.setQualifiers("+w640dp-h360dp-land")
        shoot("land-setup-empty") { Setup("empty") }
        shoot("land-chat-talk") { Chat("talk") }
        shoot("land-check-passed") { Check("passed") }
    }

    @Test
    fun `from right to left`() {
        RuntimeEnvironment.setQualifiers("+ldrtl")
        shoot("rtl-chat-markdown") { Chat("markdown") }
        shoot("rtl-chat-talk") { Chat("talk") }
        shoot("rtl-setup-importing") { Setup("importing") }
        shoot("rtl-check-passed") { Check("passed") }
        shoot("rtl-model") { Model() }
    }

    @Test
    fun `a tablet's lines are no wider than they are read well`() {
        RuntimeEnvironment.setQualifiers("+w1280dp-h800dp-land-mdpi")
        shoot("tablet-chat-markdown") { Chat("markdown") }
        shoot("tablet-setup-empty") { Setup("empty") }
        shoot("tablet-check-passed") { Check("passed") }
        shoot("tablet-model") { Model() }
        TimeZone.setDefault(TimeZone.getTimeZone("UTC"))
        shoot("tablet-chat-and-conversations") { ChatAndConversations() }
    }

    @Test
    fun `a foldable, unfolded`() {
        RuntimeEnvironment.setQualifiers("+w673dp-h841dp-mdpi")
        shoot("fold-chat-markdown") { Chat("markdown") }
    }

    @Test
    fun `without tints`() = shoot("untinted-chat-markdown") { Chat("untinted") }

    @Test
    fun `a picture that changed fails, with the change in red`() {
        assumeFalse("recording would take the planted picture", System.getProperty("goldens") == "record")
        val golden = golden("day-chat-talk")
        val delta = File("target/screenshots/planted-delta.png").also { it.delete() }
        val bitmap = BitmapFactory.decodeFile(golden.path).copy(Bitmap.Config.ARGB_8888, true)
        val allowed = (Tolerance.LETTER_EDGES.fraction * bitmap.width * bitmap.height).toInt()
        for (i in 0 until allowed) bitmap.setPixel(i % bitmap.width, i / bitmap.width, Color.MAGENTA)
        checkGolden(bitmap, "planted", file = golden)
        assertFalse(delta.exists())
        bitmap.setPixel(0, bitmap.height - 1, Color.MAGENTA)
        assertThrows(IllegalStateException::class.java) { checkGolden(bitmap, "planted", file = golden) }
        assertEquals(Color.RED, BitmapFactory.decodeFile(delta.path).getPixel(0, bitmap.height - 1))
    }

    private fun shootSetups(time: String) {
        if (time == "night") RuntimeEnvironment.setQualifiers("+night")
        for (name in SETUPS.keys) shoot("$time-setup-$name") { Setup(name) }
    }

    private fun shootChats(time: String) {
        if (time == "night") RuntimeEnvironment.setQualifiers("+night")
        for (name in CHATS.keys) shoot("$time-chat-$name") { Chat(name) }
        shoot("$time-chat-unloaded") { Chat("talk", isUnloaded = true) }
        shoot("$time-chat-figures", before = { rule.onNodeWithTag("meter").performClick() }) { Chat("talk") }
    }

    private fun shootChecks(time: String) {
        if (time == "night") RuntimeEnvironment.setQualifiers("+night")
        for (name in CHECKS.keys) shoot("$time-check-$name") { Check(name) }
    }

    private fun shootHistory(time: String) {
        if (time == "night") RuntimeEnvironment.setQualifiers("+night")
        TimeZone.setDefault(TimeZone.getTimeZone("UTC"))
        for (name in HISTORIES.keys) shoot("$time-conversations-$name") { History(name) }
        for (name in SETTINGS.keys) shoot("$time-settings-$name") { Settings(name) }
    }

    private fun shoot(
        name: String,
        isDynamic: Boolean = false,
        before: () -> Unit = {},
        content: @Composable () -> Unit,
    ) = rule.showing(content, isDynamic) { activity ->
        before()
        rule.waitForIdle()
        checkGolden(activity.screenshot(), name)
        rule.checkLabels(name)
    }

    @Test
    fun `a button without words is found`() {
        rule.showing({ IconButton({}) { Icon(Icons.Default.Add, contentDescription = null) } }) {
            val error = assertThrows(IllegalStateException::class.java) { rule.checkLabels("planted") }
            assertTrue(error.message!!, "no words" in error.message!!)
        }
    }

    @Composable
    private fun Setup(name: String) = SetupScreen(SETUPS.getValue(name), ADVICE, SetupActions({}, {}, {}, {}, {}, {}))

    @Composable
    private fun Chat(
        name: String,
        isUnloaded: Boolean = false,
    ) = ChatScreen(
        CHATS.getValue(name).copy(conversation = 1),
        if ("think" in
            name
        ) {
            THINKING_INFO
        } else {
            INFO
        },
        isUnloaded,
        NO_ACTIONS,
    )

    @Composable
    private fun Model() = ModelScreen(SHELF, 5_100_000_000, 23_400_000_000, ModelActions({}, {}, {}, {}, {}))

    @Composable
    private fun History(name: String) =
        HistoryScreen(HISTORIES.getValue(name), HistoryActions({}, {}, {}, {}, { _, _ -> }, {}, {}, {}))

    @Composable
    private fun Settings(name: String) =
        Surface { SettingsForm(SETTINGS.getValue(name), isChat = true, THINKING_INFO) {} }

    @Composable
    private fun Check(name: String) = CheckScreen(CHECKS.getValue(name), CheckActions({}, {}, {}, {}))
}
