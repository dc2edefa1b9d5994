package dev.slipstream.app.screens

import android.accessibilityservice.AccessibilityServiceInfo
import android.os.Bundle
import android.view.View
import android.view.ViewGroup
import android.view.accessibility.AccessibilityManager
import androidx.compose.runtime.Composable
import androidx.compose.ui.platform.ViewRootForTest
import androidx.compose.ui.test.SemanticsMatcher
import androidx.compose.ui.test.junit4.createEmptyComposeRule
import dev.slipstream.app.chat.ChatScreen
import org.junit.Assert.assertEquals
import org.junit.Before
import org.junit.Rule
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import java.util.TimeZone

/** In which order TalkBack comes by what a screen has, as Compose tells it to Android. */
@RunWith(RobolectricTestRunner::class)
class ReadingOrderTest {
    @get:Rule val rule = createEmptyComposeRule()

    @Before
    fun `somebody listens`() {
        val manager = RuntimeEnvironment.getApplication().getSystemService(AccessibilityManager::class.java)
        shadowOf(manager).setEnabled(true)
        shadowOf(manager).setEnabledAccessibilityServiceList(listOf(AccessibilityServiceInfo()))
    }

    @Test
    fun `a chat is read from its name to the field, each message before what can be done with it`() {
        for (direction in listOf("ldltr", "ldrtl")) {
            RuntimeEnvironment.setQualifiers("+$direction")
            assertEquals(direction, CHAT, order { Chat() })
        }
    }

    @Test
    fun `in a wide window the list of conversations is read whole before the chat beside it`() {
        TimeZone.setDefault(TimeZone.getTimeZone("UTC"))
        for (direction in listOf("ldltr", "ldrtl")) {
            RuntimeEnvironment.setQualifiers("+$direction-w1280dp-h800dp-land-mdpi")
            assertEquals(direction, LIST + CHAT.drop(1), order { ChatAndConversations() })
        }
    }

    private fun order(content: @Composable () -> Unit): List<String> =
        rule.showing(content) { activity ->
            val nodes = rule.onAllNodes(ANY).fetchSemanticsNodes().associateBy { it.id }
            val provider = composeView(activity.window.decorView)!!.accessibilityNodeProvider
            val next = HashMap<Int, Int>()
            for (id in nodes.keys) {
                val info = provider.createAccessibilityNodeInfo(id) ?: continue
                provider.addExtraDataToAccessibilityNodeInfo(id, info, NEXT, Bundle())
                if (info.extras.containsKey(NEXT)) next[id] = info.extras.getInt(NEXT)
            }
            val first = next.keys.single { it !in next.values }
            generateSequence(first) { next[it] }
                .map { nodes[it]?.let(::label).orEmpty().replace(NARROW_SPACE, ' ') }
                .filter { it != "" }
                .toList()
        }

    @Composable
    private fun Chat() = ChatScreen(CHATS.getValue("talk").copy(conversation = 1), INFO, false, NO_ACTIONS)

    private fun composeView(view: View): View? {
        if (view is ViewRootForTest) return view
        if (view !is ViewGroup) return null
        return (0 until view.childCount).firstNotNullOfOrNull { composeView(view.getChildAt(it)) }
    }

    private companion object {
        const val NEXT = "android.view.accessibility.extra.EXTRA_DATA_TEST_TRAVERSALBEFORE_VAL"

        /** Before PM Android has it in some processes and a plain space in others. */
        const val NARROW_SPACE = '\u202f'
        val ANY = SemanticsMatcher("any") { true }
        val LIST =
            listOf(
                "Conversations",
                "Search",
                "What is a slipstream? Nov 3, 2026, 12:00 PM",
                "More about What is a slipstream?",
                "Why does the wind blow stronger between tall houses than over a field Nov 3, 2026, 12:00 PM",
                "More about Why does the wind blow stronger between tall houses than over a field",
            )
        val CHAT =
            listOf(
                "Conversations",
                "Slipstream google/gemma-4-E2B-it + google/gemma-4-E2B-it-assistant",
                "New conversation",
                "More",
                "What is a slipstream?",
                "Copy",
                "Edit message",
                "The slipstream is where the air moves along.",
                "Copy",
                "Share",
                "And who uses it?",
                "Copy",
                "Edit message",
                "Cyclists and birds, and a drafter.",
                "Copy",
                "Share",
                "Ask again",
                "Edit message",
                "accepted draft",
                "target’s own",
                "38.2 tokens/s 68 % accepted 2.72 tokens/pass draft 4",
                "Message",
                "Send",
            )
    }
}
