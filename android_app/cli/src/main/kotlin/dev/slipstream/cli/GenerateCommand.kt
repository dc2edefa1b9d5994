package dev.slipstream.cli

import androidx.collection.IntList
import androidx.collection.intListOf
import dev.slipstream.chat.Message
import dev.slipstream.chat.Splitter
import dev.slipstream.chat.USER
import dev.slipstream.chat.messagesError
import dev.slipstream.chat.readMessages
import dev.slipstream.chat.withSystem
import dev.slipstream.decode.Session
import dev.slipstream.draft.Policy
import dev.slipstream.errors.UsageException
import dev.slipstream.json.json
import dev.slipstream.litert.BundleRuntime
import dev.slipstream.litert.Reply
import dev.slipstream.litert.draftLengths
import dev.slipstream.litert.reply
import dev.slipstream.sampling.Sampling
import dev.slipstream.sampling.replySeed
import picocli.CommandLine.ArgGroup
import picocli.CommandLine.Command
import picocli.CommandLine.Mixin
import picocli.CommandLine.Option
import java.io.File
import java.io.IOException
import java.nio.ByteBuffer
import java.nio.charset.CharacterCodingException
import java.util.Locale
import java.util.concurrent.Callable

@Command(name = "generate", description = ["decodes one prompt and streams its text"], mixinStandardHelpOptions = true)
internal class GenerateCommand : Callable<Int> {
    @Mixin lateinit var options: BundleOptions

    @Mixin lateinit var threading: ThreadOptions

    @ArgGroup(exclusive = true, multiplicity = "1")
    lateinit var source: Source

    class Source {
        @Option(names = ["--prompt"], paramLabel = "TEXT")
        var prompt: String? = null

        @Option(names = ["--prompt-file"], paramLabel = "F", description = ["a UTF-8 text file"])
        var promptFile: File? = null

        @Option(
            names = ["--messages"],
            paramLabel = "FILE",
            description = ["a conversation: a JSON list of {role, content}"],
        )
        var messages: File? = null

        @Option(
            names = ["--requests"],
            description = ["JSON Lines on stdin, a JSON line each on stdout; see Requests.kt"],
        )
        var requests: Boolean = false
    }

    @Option(names = ["--chat"], description = ["the prompt is one user turn of the chat template"])
    var chat: Boolean = false

    @Option(
        names = ["--system"],
        paramLabel = "TEXT",
        description = ["what the system turn of the conversation says"],
    )
    var system: String? = null

    @Option(
        names = ["--thinking"],
        paramLabel = "on|off",
        description = ["thoughts before the reply (default: off)"],
    )
    var thinking: String? = null

    @Option(names = ["--show-prompt"], description = ["print what would be decoded from, and stop"])
    var showPrompt: Boolean = false

    @Mixin lateinit var drafting: DraftingOptions

    @Mixin lateinit var sampling: SamplingOptions

    @Option(
        names = ["--samples"],
        paramLabel = "N",
        description = ["N replies, each drawn independently of the others"],
    )
    var samples: Int? = null

    @Option(names = ["--max-new-tokens"], paramLabel = "N", description = ["default: 128"])
    var maxNewTokens: Int = 128

    override fun call(): Int {
        val isThinking = isOn(thinking, "--thinking", default = false)
        val text = source.prompt ?: source.promptFile?.let { read(it, PROMPT_FILE) }
        threading.open(options.bundle).use { runtime ->
            if (source.requests) {
                serve(runtime, System.`in`.bufferedReader(), System.out)
                return 0
            }
            val prompt = prompt(runtime, text, isThinking)
            if (!showPrompt) {
                generate(runtime, prompt)
            } else if (options.json) {
                println(json(mapOf("prompt" to prompt.text, "prompt_tokens" to prompt.tokens)))
            } else {
                println(prompt.text)
            }
        }
        return 0
    }

    /** What the options ask for: [text] as it stands, or a conversation of the bundle's chat format. */
    private fun prompt(
        runtime: BundleRuntime,
        text: String?,
        isThinking: Boolean,
    ): Prompt {
        val begin = runtime.tokenizer.decode(intListOf(runtime.manifest.tokens.bos))
        val file = source.messages
        if (text != null && !chat && system == null && !isThinking) {
            return Prompt(begin + text, runtime.encode(text), runtime::splitter)
        }
        val given =
            if (file == null) {
                listOf(Message(USER, text.orEmpty()))
            } else {
                readMessages(read(file, MESSAGES), "--messages $file", runtime.chat.format)
            }
        val messages = withSystem(given, system)
        val tokens = runtime.chat.context(messages, isThinking)
        return Prompt(
            begin + runtime.chat.text(messages, isThinking).removePrefix(begin),
            tokens,
            { runtime.chat.splitter(isThinking) },
        )
    }

    private fun generate(
        runtime: BundleRuntime,
        prompt: Prompt,
    ) {
        val policy = drafting.policy(runtime)
        if (runtime.drafter == null && drafting.draftTokens != "off") {
            System.err.println("this bundle has no drafter: drafts are looked up in the text")
        }
        val sampling = sampling.sampling(runtime.sampling)
        val session = runtime.session(policy = policy)
        val count = samples
        if (count == null) {
            val fields = reply(session, policy, prompt, sampling)
            if (options.json) println(json(fields))
            return
        }
        checkSamples(count, sampling)
        val replies =
            List(count) { number ->
                if (!options.json) println("[${number + 1}]")
                reply(session, policy, prompt, sampling.copy(seed = replySeed(sampling.seed, number.toLong())))
            }
        if (options.json) println(json(mapOf("samples" to replies)))
    }

    /** One reply, shown as it comes unless --json asks for an object; the object. */
    private fun reply(
        session: Session,
        policy: Policy,
        prompt: Prompt,
        sampling: Sampling,
    ): Map<String, Any?> {
        session.sampler!!.sampling = sampling
        val shown = Shown(prompt.splitter(), isPrinted = !options.json)
        val probed = policy.probeNanos
        val reply = reply(session, prompt.tokens, maxNewTokens, fromStart = true, onTokens = shown::add)
        shown.finish()
        if (!options.json) {
            println()
            System.err.println("[${summary(reply, sampling)}]")
        }
        val seconds = (policy.probeNanos - probed) * 1e-9
        return reply.fields(shown.thought, shown.answer, sampling, seconds)
    }

    private fun summary(
        reply: Reply,
        sampling: Sampling,
    ): String {
        val parts =
            mutableListOf(
                "${reply.stopReason?.traceName}: ${reply.tokens.size} tokens",
                String.format(Locale.ROOT, "%.0f tokens/s", reply.tokensPerSecond),
                String.format(Locale.ROOT, "acceptance %.2f", reply.stats.acceptanceRate),
            )
        val lookedUp = reply.stats.ngram.accepted
        if (reply.stats.ngram.rounds > 0) parts.add("$lookedUp of the tokens looked up")
        if (!sampling.isGreedy) parts.add("seed ${sampling.seed}")
        return parts.joinToString()
    }

    private fun checkSamples(
        count: Int,
        sampling: Sampling,
    ) {
        if (count < 1) throw usage("--samples", "at least 1", "$count", "Say how many replies you want.")
        if (count == 1 || sampling.temperature > 0) return
        val expected = "a temperature above 0: greedy replies are all the same"
        throw usage("--samples", expected, "temperature 0", "Name a --temperature above 0, or leave --samples out.")
    }

    private fun read(
        file: File,
        kind: TextFile,
    ): String =
        try {
            if (file.length() > MOST_BYTES) throw kind.error(file, "more than ${MOST_BYTES shr 20} MB")
            Charsets.UTF_8
                .newDecoder()
                .decode(ByteBuffer.wrap(file.readBytes()))
                .toString()
        } catch (_: CharacterCodingException) {
            throw kind.error(file, "bytes that are no UTF-8")
        } catch (error: IOException) {
            throw kind.error(file, "${error::class.simpleName}: ${error.message}")
        }

    /** A file that an option names, and what to say where it can't be read. */
    private class TextFile(
        val error: (file: File, found: String) -> UsageException,
    )

    private companion object {
        /** What a file says is bounded by the context anyway. */
        const val MOST_BYTES = 64L shl 20

        val PROMPT_FILE =
            TextFile { file, found ->
                UsageException(
                    "Prompt file can't be read: $file",
                    expected = "a UTF-8 text file",
                    found = found,
                    where = "--prompt-file",
                    action = "Name a text file.",
                )
            }
        val MESSAGES = TextFile { file, found -> messagesError("--messages $file", "a JSON file in UTF-8", found) }
    }
}

/** [text] as it is encoded, with the beginning-of-sequence token; [splitter] makes one for what follows it. */
private class Prompt(
    val text: String,
    val tokens: IntList,
    val splitter: () -> Splitter,
)
