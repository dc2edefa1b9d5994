package dev.slipstream.cli

import dev.slipstream.scripted.digest
import picocli.CommandLine.Command
import java.util.concurrent.Callable

@Command(
    name = "digest",
    description = ["prints the SHA-256 over the ten thousand scripted scenarios"],
    mixinStandardHelpOptions = true,
)
internal class DigestCommand : Callable<Int> {
    override fun call(): Int {
        println(digest())
        return 0
    }
}
