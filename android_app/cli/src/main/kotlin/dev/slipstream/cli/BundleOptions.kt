package dev.slipstream.cli

import dev.slipstream.errors.UsageException
import dev.slipstream.litert.BundleRuntime
import dev.slipstream.litert.CallTimer
import dev.slipstream.litert.KnownDrafting
import dev.slipstream.litert.PackedWeights
import dev.slipstream.litert.withHeldLog
import picocli.CommandLine.Option
import picocli.CommandLine.Parameters
import java.io.File

/** What every verb about a bundle takes. */
internal class BundleOptions {
    @Parameters(paramLabel = "BUNDLE", description = ["a .litertlm that `python -m export` made"])
    lateinit var bundle: File

    @Option(names = ["--json"], description = ["one JSON object on stdout and nothing else"])
    var json: Boolean = false
}

/** What a verb that decodes takes besides. */
internal class ThreadOptions {
    @Option(names = ["--threads"], paramLabel = "N", description = ["threads of each call into LiteRT (default: 1)"])
    var threads: Int = 1

    /** Opens [bundle], with packed weights kept in [root]. */
    fun open(
        bundle: File,
        timer: CallTimer? = null,
        root: File = cacheFolder(),
    ): BundleRuntime {
        if (threads !in 1..MOST_THREADS) {
            throw usage("--threads", "1 to $MOST_THREADS", "$threads", "Give at most the number of cores.")
        }
        val warnings = ArrayList<String>()
        val weights = PackedWeights(root, cacheBytes(), ChildPacker(), warnings::add)
        try {
            return withHeldLog { BundleRuntime(bundle, threads, weights, timer = timer, known = KnownDrafting(root)) }
        } finally {
            // Not while the library's own notes are held back.
            for (warning in warnings) System.err.println("warning: $warning")
        }
    }

    private companion object {
        /** LiteRT starts them all, whatever the machine has: a hundred thousand would end the process. */
        const val MOST_THREADS = 64
    }
}

/** $XDG_CACHE_HOME/slipstream/jvm or ~/.cache/slipstream/jvm: where packed weights are kept. */
internal fun cacheFolder(): File {
    val root = System.getenv("XDG_CACHE_HOME")?.ifEmpty { null } ?: "${System.getProperty("user.home")}/.cache"
    return File(root, "slipstream/jvm")
}

/** $SLIPSTREAM_CACHE_BYTES: what all packed weights together may take. */
internal fun cacheBytes(): Long {
    val text = System.getenv("SLIPSTREAM_CACHE_BYTES")?.ifEmpty { null } ?: return PackedWeights.DEFAULT_LIMIT
    return text.toLongOrNull()?.takeIf { it >= 0 }
        ?: throw usage("\$SLIPSTREAM_CACHE_BYTES", "a number of bytes", text.take(40), "Give a whole number.")
}

internal fun usage(
    where: String,
    expected: String,
    found: String,
    action: String,
): UsageException = UsageException("$where does not fit", expected, found, where, action)
