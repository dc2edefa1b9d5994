package dev.slipstream.cli

import dev.slipstream.errors.UsageException
import dev.slipstream.litert.BundleRuntime
import dev.slipstream.litert.CallTimer
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

    /** Opens [bundle], with packed weights kept where other programs keep such things. */
    fun open(
        bundle: File,
        timer: CallTimer? = null,
    ): BundleRuntime {
        if (threads < 1) throw usage("--threads", "at least 1", "$threads", "Give a positive number.")
        return withHeldLog { BundleRuntime(bundle, threads, cacheFolder(), timer = timer) }
    }
}

/** $XDG_CACHE_HOME/slipstream/weights-jvm or ~/.cache/slipstream/weights-jvm. */
internal fun cacheFolder(): File {
    val root = System.getenv("XDG_CACHE_HOME")?.ifEmpty { null } ?: "${System.getProperty("user.home")}/.cache"
    return File(root, "slipstream/weights-jvm")
}

internal fun usage(
    where: String,
    expected: String,
    found: String,
    action: String,
): UsageException = UsageException("$where does not fit", expected, found, where, action)
