package dev.slipstream.cli

import dev.slipstream.errors.SlipstreamException
import picocli.CommandLine
import picocli.CommandLine.Command
import kotlin.system.exitProcess

@Command(
    name = "slipstream",
    description = ["The Kotlin runtime from a shell: the verbs, options and JSON of `python -m export`."],
    subcommands = [
        GenerateCommand::class, VerifyCommand::class, BenchCommand::class, CleanCommand::class, DigestCommand::class,
        PackCommand::class,
    ],
    mixinStandardHelpOptions = true,
)
internal class SlipstreamCommand

/** Runs one verb and returns the exit code, which says what kind of error it was. */
internal fun run(vararg arguments: String): Int =
    CommandLine(SlipstreamCommand())
        .setExecutionExceptionHandler { error, command, _ ->
            if (error !is SlipstreamException) throw error
            command.err.println("error: ${error.message}")
            error.exitCode
        }.execute(*arguments)

internal fun main(arguments: Array<String>) {
    exitProcess(run(*arguments))
}
