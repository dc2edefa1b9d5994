package dev.slipstream.app.screens

import androidx.compose.runtime.Composable
import dev.slipstream.BundleNeed
import dev.slipstream.CheckStep
import dev.slipstream.ModelInfo
import dev.slipstream.ReplyEvent
import dev.slipstream.ReplyEvent.Text
import dev.slipstream.ReplyFigures
import dev.slipstream.SourceFigures
import dev.slipstream.app.Problem
import dev.slipstream.app.chat.ChatActions
import dev.slipstream.app.chat.ChatScreen
import dev.slipstream.app.chat.ChatState
import dev.slipstream.app.chat.Growing
import dev.slipstream.app.chat.Message
import dev.slipstream.app.check.CheckState
import dev.slipstream.app.conversations.HistoryActions
import dev.slipstream.app.conversations.HistoryScreen
import dev.slipstream.app.conversations.HistoryState
import dev.slipstream.app.history.ChatSettings
import dev.slipstream.app.history.ConversationItem
import dev.slipstream.app.setup.SetupAdvice
import dev.slipstream.app.setup.SetupState
import dev.slipstream.app.setup.SetupState.Phase
import dev.slipstream.app.storage.ImportProgress
import dev.slipstream.app.storage.StoredBundle
import dev.slipstream.app.ui.ListBesideChat
import dev.slipstream.bundle.License
import dev.slipstream.bundle.Source
import dev.slipstream.decode.DraftSource.DRAFTER
import dev.slipstream.engine.OUTCOME
import dev.slipstream.engine.SCRIPT
import dev.slipstream.errors.BundleException
import dev.slipstream.errors.UsageException
import dev.slipstream.sampling.Sampling
import java.io.File

// States that show each screen at its fullest.

internal val ADVICE =
    SetupAdvice(
        "adb push model.litertlm /sdcard/Android/data/dev.slipstream.app/files/model.litertlm",
        "google/gemma-4-E2B-it",
        "google/gemma-4-E2B-it-assistant",
        "int8",
        3_990_000_000,
    )

internal val INFO =
    ModelInfo(
        "s".repeat(64),
        "google/gemma-4-E2B-it",
        "google/gemma-4-E2B-it-assistant",
        "int8",
        4096,
        hasChat = true,
        hasSystem = true,
        hasThinking = false,
        listOf(2, 4, 7),
        Sampling(temperature = 1.0, topK = 64, topP = 0.95),
    )

internal val NO_ACTIONS = ChatActions({}, {}, {}, {}, { _, _ -> }, {}, {}, {}, {}, {}, {}, {}, {}, {}, {})

/** The same, with the list of conversations beside the chat. */
internal val NO_ACTIONS_BESIDE = ChatActions({}, {}, {}, {}, { _, _ -> }, {}, {}, {}, {}, null, {}, {}, {}, {}, {})

internal val THINKING_INFO = INFO.copy(hasThinking = true)

private val NEED =
    BundleNeed(
        "google/gemma-4-E2B-it",
        "google/gemma-4-E2B-it-assistant",
        "int8",
        4096,
        fileBytes = 3_990_000_000,
        packedBytes = 2_100_000_000,
        memoryBytes = 2_480_000_000,
        sources =
            listOf(
                source("target", "google/gemma-4-E2B-it", License("apache-2.0", "https://example.org/license")),
                source(
                    "drafter",
                    "google/gemma-4-E2B-it-assistant",
                    License("apache-2.0", "https://example.org/license"),
                ),
            ),
    )

private fun source(
    role: String,
    id: String,
    license: License?,
) = Source(role, id, null, emptyMap(), license)

internal val SHELF =
    listOf(
        StoredBundle(File("a.litertlm"), 3_990_000_000, NEED, "5a".repeat(32), isChosen = true, isPushed = false),
        StoredBundle(
            File("model.litertlm"),
            7_665_361,
            NEED.copy(
                targetId = "demo/target",
                drafterId = null,
                packedBytes = 5_000_000,
                memoryBytes = 110_000_000,
                sources =
                    listOf(
                        source("target", "demo/target", License("My own terms", null)),
                        source("adapter", "demo/adapter", null),
                    ),
            ),
            "c3".repeat(32),
            isChosen = false,
            isPushed = true,
        ),
        StoredBundle(File("b.litertlm"), 1_200_000_000, null, null, isChosen = false, isPushed = false),
    )

private val MAIN_DIFFERS =
    """
    The replay left the trace
      expected: target_tokens[2] 517 (margin 1.204013)
      found:    target_tokens[2] 44
      where:    trace chat, round 12, field target_tokens[2]
      do:       Forks below a margin of 0.250000 are allowed; beyond, look for a wrong input to the graph.
    """.trimIndent()

internal val SETUPS =
    mapOf(
        "empty" to SetupState(Phase.EMPTY, freeSpace = 23_400_000_000, unfinished = 1_300_000_000),
        "importing" to
            SetupState(
                Phase.IMPORTING,
                NEED,
                23_400_000_000,
                5_100_000_000,
                ImportProgress(1_716_000_000, 3_990_000_000),
            ),
        "no-room-to-pack" to
            SetupState(
                Phase.IMPORTING,
                NEED,
                4_100_000_000,
                5_100_000_000,
                ImportProgress(1_716_000_000, 3_990_000_000),
            ),
        "checking" to
            SetupState(
                Phase.CHECKING,
                NEED,
                19_400_000_000,
                5_100_000_000,
                ImportProgress(2_900_000_000, 3_990_000_000, isChecking = true, section = "main"),
            ),
        "memory" to SetupState(Phase.ASKING, NEED, 19_400_000_000, 1_100_000_000),
        "damaged" to
            SetupState(
                Phase.EMPTY,
                freeSpace = 23_400_000_000,
                problem =
                    Problem.of(
                        BundleException(
                            "Bundle is damaged in main",
                            "0x4f",
                            "0x5f",
                            "model.litertlm, section main, byte 1716000123",
                            "Copy or download the bundle again, or export it again.",
                        ),
                    ),
                bundles = SHELF,
            ),
    )

private fun said(pieces: List<Text>): Message = Growing().also { pieces.forEach(it::add) }.message()

private val TALK =
    listOf(
        Message(isUser = true, "What is a slipstream?"),
        said(SCRIPT),
        Message(isUser = true, "And who uses it?"),
        said(
            listOf(
                Text("Cy", null),
                Text("clists", DRAFTER),
                Text(" and", DRAFTER),
                Text(" birds", null),
                Text(",", DRAFTER),
                Text(" and", DRAFTER),
                Text(" a", DRAFTER),
                Text(" drafter", null),
                Text(".", DRAFTER),
            ),
        ),
    )

/** Pieces of five letters, each third drafted. */
private val MARKDOWN =
    said(
        """
        ## In *short*

        A **slipstream** is what `fast` things leave behind, see [NASA](https://nasa.gov):

        1. low pressure
        2. less drag
           - for who follows

        ```python
        def drag(speed, area, density=1.2, coefficient=0.3): return coefficient * area * density * speed**2 / 2
        ```

        | who | saves |
        |-----|-------|
        | cyclists | 30 % |

        > מים רבים <b>no HTML</b>
        """.trimIndent().chunked(5).mapIndexed { index, it ->
            Text(
                it,
                DRAFTER.takeIf {
                    index % 3 == 0
                },
            )
        },
    )

private const val THOUGHTS =
    "The user asks what a slipstream is. I should say that it is the air behind something that moves fast.\n\n" +
        "One sentence is enough."

internal val METER =
    ReplyFigures(
        tokens = 19,
        tokensPerSecond = 38.2,
        acceptanceRate = 0.68,
        meanAcceptedLength = 2.72,
        draftTokens = 4,
        roundsByLength = mapOf(0 to 9, 2 to 3, 4 to 65),
        drafter = SourceFigures(drafted = 212, acceptanceRate = 0.62, ratesByPosition = listOf(0.81, 0.66, 0.55, 0.43)),
        ngram = SourceFigures(drafted = 48, acceptanceRate = 0.83, ratesByPosition = listOf(0.92, 0.83, 0.83, 0.75)),
        probeSeconds = 0.4,
    )

internal val CHATS =
    mapOf(
        "new" to ChatState(),
        "talk" to ChatState(TALK, meter = METER),
        "replying" to ChatState(TALK, isReplying = true, meter = METER),
        "markdown" to ChatState(listOf(TALK[0], MARKDOWN), canGoOn = true),
        "untinted" to ChatState(listOf(TALK[0], MARKDOWN), settings = ChatSettings(showsOrigins = false)),
        "plain" to
            ChatState(
                listOf(Message(isUser = true, "The slipstream"), said(SCRIPT.drop(3))),
                isChat = false,
                canGoOn = true,
                meter = METER.copy(acceptanceRate = null, meanAcceptedLength = 1.0, draftTokens = 0),
            ),
        "reading" to
            ChatState(
                TALK.take(1),
                isReplying = true,
                reading = ReplyEvent.Prefill(1536, 2048),
            ),
        "thinking" to
            ChatState(
                listOf(TALK[0], Message(isUser = false, "", thought = THOUGHTS)),
                settings = ChatSettings(isThinking = true),
                isReplying = true,
                meter = METER,
            ),
        "thinking-done" to
            ChatState(
                listOf(TALK[0], TALK[1].copy(thought = THOUGHTS)),
                settings = ChatSettings(isThinking = true),
                meter = METER,
            ),
        "forgotten" to ChatState(TALK, meter = METER, forgotten = 2, usedTokens = 2987),
        "bare" to ChatState(TALK, settings = ChatSettings(showsOrigins = false, showsFigures = false), meter = METER),
        "full" to
            ChatState(
                TALK,
                meter = METER,
                isUnsaved = true,
                problem = Problem.of(UsageException("It fails", "luck", "none", "the script", "Say another thing.")),
            ),
    )

internal val CHECKS =
    mapOf(
        "ready" to CheckState(),
        "running" to CheckState(step = CheckStep(CheckStep.Kind.TRACE, "chat")),
        "passed" to CheckState(outcome = OUTCOME, thermalStatus = "light"),
        "failed" to CheckState(outcome = OUTCOME.copy(firstDifference = MAIN_DIFFERS), thermalStatus = "none"),
    )

/** 3 November 2026, in the middle of the day. */
private const val DAY = 1_793_707_200_000

internal val HISTORIES =
    mapOf(
        "empty" to HistoryState(),
        "some" to
            HistoryState(
                items =
                    listOf(
                        ConversationItem(2, "What is a slipstream?", DAY),
                        ConversationItem(
                            1,
                            "Why does the wind blow stronger between tall houses than over a field",
                            DAY,
                        ),
                    ),
            ),
        "none-found" to HistoryState(search = "aeroplane"),
    )

internal val SETTINGS =
    mapOf(
        "bundle" to ChatSettings(),
        "own" to
            ChatSettings("Be brief.", isThinking = true, temperature = 0.7, topK = 40, topP = 0.9, maxNewTokens = 512),
    )

/** As a wide window shows them. */
@Composable
internal fun ChatAndConversations() =
    ListBesideChat(
        { HistoryScreen(HISTORIES.getValue("some"), HistoryActions(null, {}, {}, {}, { _, _ -> }, {}, {}, {}), 2) },
        { ChatScreen(CHATS.getValue("talk").copy(conversation = 2), INFO, false, NO_ACTIONS_BESIDE) },
        isListShown = false,
    )
