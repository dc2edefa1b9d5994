package dev.slipstream.litert

import androidx.collection.IntList
import androidx.collection.IntSet
import androidx.collection.MutableIntList
import androidx.collection.MutableIntSet
import dev.slipstream.bundle.Bundle
import dev.slipstream.bundle.Manifest
import dev.slipstream.chat.ChatPieces
import dev.slipstream.chat.ChatRole
import dev.slipstream.chat.ChatTurn
import dev.slipstream.decode.DecodeConfig
import dev.slipstream.decode.Drafter
import dev.slipstream.decode.MarginTarget
import dev.slipstream.decode.NO_TOKEN
import dev.slipstream.decode.Session
import dev.slipstream.errors.BundleException
import dev.slipstream.errors.UsageException
import dev.slipstream.tokenizer.Tokenizer
import java.io.File
import java.io.IOException
import java.nio.file.InvalidPathException

/**
 * A bundle opened for use: ports over its models, its tokenizer and chat pieces. Close it when done.
 *
 * Its file is proven before anything runs: BundleException names the first wrong byte. [weights] remembers that, and
 * keeps packed weights between runs; null proves and packs anew each time. [library] null is the one that
 * [LiteRtLibrary.load] finds. [timer] is for benchmarks. Used by one thread at a time. Throws BundleException,
 * RuntimeLibraryException.
 */
public class BundleRuntime(
    path: File,
    threads: Int = 1,
    weights: PackedWeights? = null,
    library: LiteRtLibrary = LiteRtLibrary.load(),
    timer: CallTimer? = null,
) : AutoCloseable {
    private val closing = Closing()
    public val bundle: Bundle
    public val tokenizer: Tokenizer
    private val models: Models

    init {
        val opened =
            closingOnError(closing) {
                val identity = identity(path)
                val bundle = closing.add(Bundle.open(path))
                modelSections(bundle)
                checkContract(bundle.manifest, path.path)
                val build = { files: (String) -> File? -> Models(bundle, threads, files, library, timer) }
                val models = weights?.use(bundle, identity, library, build) ?: PackedWeights.openUnkept(bundle, build)
                closing.add(models)
                // The models were mapped by name: they must be the file that was proven.
                if (identity(path) != identity) throw changed(path)
                Triple(bundle, models, Tokenizer.read(bundle.tokenizerJson(), "$path, section tokenizer"))
            }
        bundle = opened.first
        models = opened.second
        tokenizer = opened.third
    }

    public val manifest: Manifest get() = bundle.manifest
    public val target: MarginTarget get() = models.target

    /** Null where the bundle has none: decoding is plain then. */
    public val drafter: Drafter? get() = models.drafter

    /** The beginning-of-sequence token and the text of [prompt], nothing else. */
    public fun encode(prompt: String): IntList {
        val tokens = MutableIntList()
        tokens.add(manifest.tokens.bos)
        tokens.addAll(known(tokenizer.encode(prompt)))
        return tokens
    }

    /** [content] as the first user turn of the bundle's chat template. UsageException where it has none. */
    public fun encodeChat(content: String): IntList =
        known(tokenizer.encode(chat().prompt(listOf(ChatTurn(ChatRole.USER, content)))))

    /**
     * [content] as a further user turn, behind what [session] has emitted. Where the reply ended with the very token
     * that closes a turn, that token is pending and is not said twice.
     */
    public fun encodeFollowUp(
        content: String,
        session: Session,
    ): IntList = encodeFollowUp(content, session.state.bonusToken)

    /** The same behind [lastToken], the last of the conversation so far. */
    public fun encodeFollowUp(
        content: String,
        lastToken: Int,
    ): IntList {
        val tokens = known(tokenizer.encode(chat().followUp(content)))
        if (lastToken == NO_TOKEN || tokens.isEmpty() || tokens[0] != lastToken || lastToken !in manifest.tokens.stop) {
            return tokens
        }
        val rest = MutableIntList(tokens.size)
        for (i in 1 until tokens.size) rest.add(tokens[i])
        return rest
    }

    /** A new conversation; [draftTokens] 0 decodes plainly, null takes the bundle's; so for [stopTokens]. */
    public fun session(
        draftTokens: Int? = null,
        stopTokens: IntSet? = null,
    ): Session {
        val count = draftTokens ?: manifest.draftTokens
        val stops = stopTokens ?: MutableIntSet().apply { manifest.tokens.stop.forEach { add(it) } }
        return Session(target, if (count > 0) drafter else null, DecodeConfig(count, stops))
    }

    /** BundleException for a token of the tokenizer that the model does not have. */
    private fun known(tokens: IntList): IntList {
        val vocabSize = manifest.config.vocabSize
        tokens.forEach { token -> if (token >= vocabSize) throw unknown(token, vocabSize) }
        return tokens
    }

    private fun unknown(
        token: Int,
        vocabSize: Int,
    ) = BundleException(
        "The tokenizer does not fit the model",
        expected = "token ids from 0 to ${vocabSize - 1}",
        found = "$token",
        where = "${bundle.path}, section tokenizer",
        action = "Export the bundle again from a checkpoint whose tokenizer is its own.",
    )

    private fun chat(): ChatPieces =
        manifest.chat ?: throw UsageException(
            "There is no chat in this bundle",
            expected = "a bundle with a chat template",
            found = "none",
            where = bundle.path.path,
            action = "Give a plain prompt, or export a checkpoint that has a chat template.",
        )

    override fun close() {
        closing.close()
    }

    private companion object {
        /** Empty where there is no such file: opening it says so. */
        fun identity(path: File): String =
            try {
                fileIdentity(path)
            } catch (_: IOException) {
                ""
            } catch (_: InvalidPathException) {
                ""
            }

        fun changed(path: File) =
            BundleException(
                "Bundle changed while it was opened",
                expected = "the file that was proven",
                found = "another one",
                where = path.path,
                action = "Wait until it is copied, then open it again.",
            )
    }
}
