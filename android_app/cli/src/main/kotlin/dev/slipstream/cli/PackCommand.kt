package dev.slipstream.cli

import dev.slipstream.litert.PackerHere
import picocli.CommandLine.Command
import picocli.CommandLine.Parameters
import java.io.File
import java.util.concurrent.Callable
import kotlin.concurrent.thread

/** The exit code of a packing child whose bundle can't be opened: its parent will find out itself. */
internal const val BAD_BUNDLE = 8

/** What [ChildPacker] runs. Nobody else has a use for it: the folder is an entry that its parent is making. */
@Command(name = "pack", hidden = true)
internal class PackCommand : Callable<Int> {
    @Parameters(index = "0")
    lateinit var bundle: File

    @Parameters(index = "1")
    lateinit var folder: File

    override fun call(): Int {
        // A parent that is gone has lost the lock: what would be written from then on is another maker's.
        thread(isDaemon = true) {
            generateSequence { System.`in`.read().takeIf { it >= 0 } }.forEach { _ -> }
            Runtime.getRuntime().halt(1)
        }
        return when (PackerHere().pack(bundle, folder)) {
            null -> 0
            "" -> BAD_BUNDLE
            else -> 1
        }
    }
}
