package dev.slipstream.cli

import androidx.collection.IntList
import dev.slipstream.decode.StopReason
import dev.slipstream.errors.UsageException
import dev.slipstream.json.json
import dev.slipstream.litert.BundleRuntime
import dev.slipstream.litert.reply
import dev.slipstream.tokenizer.StreamingDetokenizer
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
            names = ["--requests"],
            description = ["JSON Lines on stdin, a JSON line each on stdout; see Requests.kt"],
        )
        var requests: Boolean = false
    }

    @Option(names = ["--chat"], description = ["one user turn of the chat template"])
    var chat: Boolean = false

    @Option(names = ["--draft-tokens"], paramLabel = "N|off", description = ["drafts a round, or off"])
    var draftTokens: String? = null

    @Option(names = ["--max-new-tokens"], paramLabel = "N", description = ["default: 128"])
    var maxNewTokens: Int = 128

    override fun call(): Int {
        val prompt = source.prompt ?: source.promptFile?.let(::read)
        threading.open(options.bundle).use { runtime ->
            if (prompt == null) {
                serve(runtime, System.`in`.bufferedReader(), System.out)
            } else {
                generate(runtime, if (chat) runtime.encodeChat(prompt) else runtime.encode(prompt))
            }
        }
        return 0
    }

    private fun generate(
        runtime: BundleRuntime,
        promptTokens: IntList,
    ) {
        if (runtime.drafter == null && draftTokens != "off") {
            System.err.println("this bundle has no drafter: decoding is plain")
        }
        val session = runtime.session(draftCount(draftTokens, runtime))
        val pieces = runtime.tokenizer.streamingDetokenizer()
        val text = StringBuilder()
        val reply =
            reply(session, promptTokens, maxNewTokens) { tokens, reason ->
                show(piece(pieces, tokens, reason), text)
            }
        show(pieces.finish(), text)
        if (options.json) {
            println(json(reply.fields(text.toString())))
        } else {
            println()
            val speed = String.format(Locale.ROOT, "%.0f tokens/s", reply.tokensPerSecond)
            val rate = String.format(Locale.ROOT, "acceptance %.2f", reply.stats.acceptanceRate)
            System.err.println("[${reply.stopReason?.traceName}: ${reply.tokens.size} tokens, $speed, $rate]")
        }
    }

    private fun show(
        piece: String,
        text: StringBuilder,
    ) {
        text.append(piece)
        if (options.json) return
        print(piece)
        System.out.flush()
    }

    private fun read(file: File): String =
        try {
            Charsets.UTF_8
                .newDecoder()
                .decode(ByteBuffer.wrap(file.readBytes()))
                .toString()
        } catch (error: IOException) {
            throw unreadable(file, error.message ?: "an unreadable file")
        } catch (error: CharacterCodingException) {
            throw unreadable(file, "bytes that are no UTF-8")
        }

    private fun unreadable(
        file: File,
        found: String,
    ) = UsageException(
        "Prompt file can't be read: $file",
        expected = "a UTF-8 text file",
        found = found,
        where = "--prompt-file",
        action = "Name a text file.",
    )
}

/** The text that [tokens] complete, without the stop token that ended the turn. */
internal fun piece(
    pieces: StreamingDetokenizer,
    tokens: IntList,
    reason: StopReason?,
): String {
    val visible = if (reason == StopReason.STOP_TOKEN) tokens.size - 1 else tokens.size
    return buildString { for (i in 0 until visible) append(pieces.append(tokens[i])) }
}

/** Drafts a round from an option's text; null is the bundle's own. UsageException for what no exported width allows. */
internal fun draftCount(
    text: String?,
    runtime: BundleRuntime,
): Int? {
    if (text == null) return null
    if (text == "off") return 0
    val most = runtime.target.verifyWidths.last() - 1
    return text.toIntOrNull()?.takeIf { it in 0..most }
        ?: throw usage("--draft-tokens", "off or a number from 0 to $most", text, "Choose a width the bundle has.")
}
