package dev.slipstream.litert

import androidx.collection.IntList
import androidx.collection.IntSet
import androidx.collection.MutableIntList
import androidx.collection.MutableIntSet
import dev.slipstream.bundle.Bundle
import dev.slipstream.bundle.Manifest
import dev.slipstream.chat.Chat
import dev.slipstream.chat.ControlTokens
import dev.slipstream.chat.Message
import dev.slipstream.chat.Splitter
import dev.slipstream.decode.DecodeConfig
import dev.slipstream.decode.Drafter
import dev.slipstream.decode.MarginTarget
import dev.slipstream.decode.Session
import dev.slipstream.draft.Auto
import dev.slipstream.draft.Fixed
import dev.slipstream.draft.GoesOn
import dev.slipstream.draft.Policy
import dev.slipstream.draft.Proposer
import dev.slipstream.draft.Unmatched
import dev.slipstream.errors.BundleException
import dev.slipstream.errors.UsageException
import dev.slipstream.sampling.Sampler
import dev.slipstream.sampling.Sampling
import dev.slipstream.tokenizer.BundleTokenizer
import dev.slipstream.tokenizer.Tokenizer
import java.io.File
import java.io.IOException
import java.nio.file.InvalidPathException

/**
 * A bundle opened for use: ports over its models, its tokenizer and chat format. Close it when done.
 *
 * Its file is proven before anything runs: BundleException names the first wrong byte. [weights] remembers that, and
 * keeps packed weights between runs; null proves and packs anew each time. [library] null is the one that
 * [LiteRtLibrary.load] finds. [timer] is for benchmarks. Used by one thread at a time. Throws BundleException,
 * [known] keeps what the automatic draft length learnt. RuntimeLibraryException.
 */
public class BundleRuntime(
    path: File,
    threads: Int = 1,
    weights: PackedWeights? = null,
    library: LiteRtLibrary = LiteRtLibrary.load(),
    timer: CallTimer? = null,
    private val known: KnownDrafting? = null,
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
                // As long as opening the models, or longer. A damaged file is theirs to tell of, before this is asked for.
                val tokenizer =
                    closing.add(Beside { Tokenizer.read(bundle.tokenizerJson(), "$path, section tokenizer") })
                val build = { files: (String) -> File? -> Models(bundle, threads, files, library, timer) }
                val models = weights?.use(bundle, identity, library, build) ?: PackedWeights.openUnkept(bundle, build)
                closing.add(models)
                // The models were mapped by name: they must be the file that was proven.
                if (identity(path) != identity) throw changed(path)
                Triple(bundle, models, tokenizer.get())
            }
        bundle = opened.first
        models = opened.second
        tokenizer = opened.third
    }

    private var auto: Auto? = null

    /** Reads the whole library: only where somebody drafts automatically. */
    private val knownKey by lazy { "${entryKey(bundle.manifest.manifestSha256, library)}-$threads" }

    private val bundleTokenizer =
        with(bundle.manifest) {
            BundleTokenizer(tokenizer, config.vocabSize, contextLength, "$path, section tokenizer")
        }
    private val control = ControlTokens(bundle.manifest.chat, bundle.manifest.tokens, tokenizer)
    private val chatOrNull = bundle.manifest.chat?.let { Chat(it, control, bundle.manifest.tokens, bundleTokenizer) }

    public val manifest: Manifest get() = bundle.manifest
    public val target: MarginTarget get() = models.target

    /** The same for golden traces; BundleException where a choice of a graph's is not that of its logits. */
    public val comparingTarget: MarginTarget get() = models.comparingTarget

    /** Null where the bundle has none: drafts are looked up in the text then. */
    public val drafter: Drafter? get() = models.drafter

    /** The target of a session of its own, whose tokens [sampler] chooses. */
    public fun target(sampler: Sampler): MarginTarget = models.target(sampler)

    /** The drafter of the same session, or null; [goesOn] may end its drafts early. */
    public fun drafter(
        sampler: Sampler,
        goesOn: GoesOn? = null,
    ): Drafter? = models.drafter(sampler, goesOn)

    /** The beginning-of-sequence token and the text of [prompt], nothing else. Throws as [BundleTokenizer.encode]. */
    public fun encode(prompt: String): IntList {
        val tokens = MutableIntList()
        tokens.add(manifest.tokens.bos)
        tokens.addAll(encodeText(prompt))
        return tokens
    }

    /** The same without the beginning-of-sequence token: text that goes on. */
    public fun encodeText(text: String): IntList = bundleTokenizer.encode(text)

    /** UsageException where the bundle has no chat template. */
    public val chat: Chat
        get() =
            chatOrNull ?: throw UsageException(
                "There is no chat in this bundle",
                expected = "a bundle with a chat template",
                found = "none",
                where = bundle.path.path,
                action = "Give a plain prompt, or export a checkpoint that has a chat template.",
            )

    /** For the tokens that follow a plain prompt: their text, without control tokens. */
    public fun splitter(): Splitter = control.plainSplitter(tokenizer)

    /**
     * A new conversation. [policy] says what is drafted; without one it is always [draftTokens] drafts, 0 for plain
     * decoding, null for the bundle's own number. [stopTokens] null are the bundle's. [sampling] may be changed between
     * turns, by the session's sampler.
     */
    public fun session(
        draftTokens: Int? = null,
        stopTokens: IntSet? = null,
        sampling: Sampling = Sampling.GREEDY,
        policy: Policy = fixedPolicy(draftTokens ?: manifest.draftTokens),
    ): Session {
        val stops = stopTokens ?: MutableIntSet().apply { manifest.tokens.stop.forEach { add(it) } }
        val sampler = Sampler(sampling, target.capacity)
        val proposer = proposer(policy, sampler)
        return Session(target(sampler), proposer, DecodeConfig(mostDrafts, stops), sampler, proposer)
    }

    /** What drafts for a session whose tokens [sampler] chooses. */
    internal fun proposer(
        policy: Policy,
        sampler: Sampler,
    ): Proposer {
        val model = if (drafter == null) null else { goesOn: GoesOn -> drafter(sampler, goesOn)!! }
        return Proposer(policy, target.capacity, model)
    }

    /** As the checkpoint's makers sample; greedy where they don't say. */
    public val sampling: Sampling
        get() =
            manifest.sampling?.let {
                Sampling(it.temperature, it.topK, it.topP, it.minP, it.repetitionPenalty, it.repetitionWindow)
            } ?: Sampling.GREEDY

    /** Of a round: what the widest verify pass takes. */
    public val mostDrafts: Int get() = target.verifyWidths.last() - 1

    /**
     * Always [count] drafts, with [ngrams] of a match in the text where there is one. Without a drafter in the bundle
     * nothing else can be drafted.
     */
    public fun fixedPolicy(
        count: Int,
        ngrams: Boolean = false,
    ): Policy = Fixed(count, ngrams || drafter == null)

    /**
     * What measures best on this device (DECODE.md, *The automatic draft length*): the same one for all sessions. Without
     * [ngrams] nothing is drafted from the text.
     */
    public fun autoPolicy(ngrams: Boolean = true): Policy {
        val policy = auto ?: Auto(target.verifyWidths, drafter != null).also { known?.recall(it, knownKey) }
        auto = policy
        return if (ngrams) policy else Unmatched(policy)
    }

    /** Keeps what the automatic draft length learnt for the next time; closing does, too, where it is reached. */
    public fun keepLearnt() {
        auto?.let { known?.keep(it, knownKey) }
    }

    override fun close() {
        keepLearnt()
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
