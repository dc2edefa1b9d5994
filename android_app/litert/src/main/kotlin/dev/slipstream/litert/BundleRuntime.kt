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
import dev.slipstream.errors.UsageException
import dev.slipstream.tokenizer.Tokenizer
import java.io.File

/**
 * A bundle opened for use: ports over its models, its tokenizer and chat pieces. Close it when done.
 *
 * [cacheFolder] is where packed weights are kept between runs, in a folder a bundle: null packs them anew each time,
 * once a signature. [timer] is for benchmarks. Used by one thread at a time. Throws BundleException, RuntimeLibraryException.
 */
public class BundleRuntime(
    path: File,
    threads: Int = 1,
    cacheFolder: File? = null,
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
                val bundle = closing.add(Bundle.open(path))
                val folder = cacheFolder?.let { weightCache(it, bundle.manifest, library) }
                val models = closing.add(Models(bundle, threads, folder, library, timer))
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
        tokens.addAll(tokenizer.encode(prompt))
        return tokens
    }

    /** [content] as the first user turn of the bundle's chat template. UsageException where it has none. */
    public fun encodeChat(content: String): IntList =
        tokenizer.encode(chat().prompt(listOf(ChatTurn(ChatRole.USER, content))))

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
        val tokens = tokenizer.encode(chat().followUp(content))
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
        /** Packed weights belong to one bundle, one library and one processor. */
        fun weightCache(
            root: File,
            manifest: Manifest,
            library: LiteRtLibrary,
        ): File {
            val processor = System.getProperty("os.arch")
            val key = "${manifest.manifestSha256.take(32)}-${File(library.path).length()}-$processor"
            return File(root, key).also { it.mkdirs() }
        }
    }
}
