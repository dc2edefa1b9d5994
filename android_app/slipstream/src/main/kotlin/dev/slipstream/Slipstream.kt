package dev.slipstream

import dev.slipstream.bundle.Bundle
import dev.slipstream.engine.Engine
import dev.slipstream.engine.EngineThread
import dev.slipstream.engine.closedError
import dev.slipstream.engine.openEngine
import dev.slipstream.errors.UsageException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.withContext
import java.io.File

/**
 * A bundle that is loaded, and answers.
 *
 * ```kotlin
 * val model = Slipstream.open(context, File(context.filesDir, "model.litertlm"))
 * val chat = model.chat(system = "Be brief.")
 * val reply = scope.launch {
 *     chat.send("Why is the sky blue?").collect { event ->
 *         if (event is ReplyEvent.Text) view.append(event.text)
 *     }
 * }
 * // Later, where the user has read enough, or leaves: the reply ends at its next step, and the chat keeps what was said.
 * chat.stop() // or reply.cancel()
 * // When the app no longer needs it:
 * model.close()
 * ```
 *
 * Any thread may call anything. All chats share the model: it decodes one reply at a time, in a thread of its own, and
 * others wait for their turn. Errors are SlipstreamException, which say what was expected, what was found, where, and
 * what to do.
 */
public class Slipstream private constructor(
    private val thread: EngineThread,
    public val info: ModelInfo,
) : AutoCloseable {
    /**
     * A new chat, by the bundle's chat template. [system] is what the model is told before anything is said.
     *
     * UsageException where the bundle has no template ([ModelInfo.hasChat]), or that has no system turn.
     */
    public fun chat(system: String? = null): Chat {
        checkTemplate()
        checkSystem(system)
        return Chat(thread, info, ChatState.begun(system))
    }

    /**
     * A chat that goes on from [snapshot]. One that was held with another bundle is read anew by this one's template, and
     * a reply that was cut in it does not go on. UsageException as for a new chat.
     */
    public fun chat(snapshot: ChatSnapshot): Chat {
        val isOurs = snapshot.bundleSha256 == info.bundleSha256
        val state = if (isOurs) snapshot.state else snapshot.state.withoutTokens()
        if (!state.isPlain) checkTemplate()
        checkSystem(snapshot.system)
        return Chat(thread, info, state)
    }

    /** A chat without a template: what is sent and what the model says to it are one text. */
    public fun plainChat(): Chat = Chat(thread, info, ChatState(isPlain = true))

    /** What follows [prompt] as plain text, without a chat template: as [Chat.send] of a new [plainChat]. */
    public fun complete(
        prompt: String,
        options: ReplyOptions = ReplyOptions(),
    ): Flow<ReplyEvent> = plainChat().send(prompt, options)

    /**
     * Compares every byte of the bundle with its digest, replays its golden traces, and measures for about [benchSeconds].
     * A difference is no error: the outcome tells it. [onStep] is called in the model's thread.
     *
     * Ends at its next step when the coroutine is cancelled. UsageException when the model is closed, or is meanwhile.
     */
    public suspend fun selfCheck(
        benchSeconds: Double = 20.0,
        onStep: (CheckStep) -> Unit = {},
    ): CheckOutcome =
        thread.run { engine, cancelled -> engine.selfCheck(benchSeconds, cancelled, onStep) } ?: throw closedError()

    /**
     * Ends a reply at its next step, as if it had been cut there, refuses those that wait, and frees the memory. Returns
     * when that is done: on a phone up to some hundred milliseconds. Chats keep what was said: their snapshots go on once
     * the bundle is opened again. Twice is as once.
     */
    override fun close(): Unit = thread.close()

    private fun checkSystem(system: String?) {
        if (system == null || info.hasSystem) return
        throw UsageException(
            "The chat template has no system turn",
            expected = "no system text",
            found = "one of ${system.length} characters",
            where = info.targetId,
            action = "Put its text into the first message.",
        )
    }

    private fun checkTemplate() {
        if (info.hasChat) return
        throw UsageException(
            "There is no chat in this bundle",
            expected = "a bundle with a chat template",
            found = "none",
            where = info.targetId,
            action = "Use plainChat or complete, or export a checkpoint that has a chat template.",
        )
    }

    public companion object {
        /**
         * Loads [bundle], a `.litertlm` of Slipstream's; on Android use the overload with a `Context`.
         *
         * The first time every byte is proven and weights are packed for this processor, which takes seconds to minutes
         * and room as for the bundle once more; [cache] is the folder that keeps them and what drafting learnt, null
         * keeps nothing. [threads] is of LiteRT, null what the export
         * was told of the device, never more than there are processors. [warn] gets a line where [cache] can't be written: that
         * is no error. What is said of a coroutine's cancellation holds when loading is over.
         *
         * Throws BundleException that names the first wrong byte of a damaged bundle, RuntimeLibraryException where
         * LiteRT is missing or fails.
         */
        public suspend fun open(
            bundle: File,
            cache: File?,
            threads: Int? = null,
            warn: (String) -> Unit = { System.err.println(it) },
        ): Slipstream {
            val thread = EngineThread()
            lateinit var info: ModelInfo
            thread.open { openEngine(bundle, cache, threads, warn).also { info = it.info } }
            return Slipstream(thread, info)
        }

        /** Over [engine], a script for an app's own tests, say. Closing this closes it. */
        public fun over(engine: Engine): Slipstream {
            val thread = EngineThread().apply { adopt(engine) }
            return Slipstream(thread, engine.info)
        }

        /** What [bundle] asks of this device, from its manifest: nothing is loaded. Throws BundleException. */
        public suspend fun need(bundle: File): BundleNeed =
            withContext(Dispatchers.IO) { Bundle.open(bundle).use { BundleNeed.of(it.manifest, it.size) } }
    }
}
