package dev.slipstream.cli

import dev.slipstream.json.json
import dev.slipstream.litert.KnownDrafting
import dev.slipstream.litert.PackedWeights
import picocli.CommandLine.Command
import picocli.CommandLine.Option
import java.util.concurrent.Callable

@Command(
    name = "clean",
    description = ["removes what is kept between runs, and says how many bytes that freed"],
    mixinStandardHelpOptions = true,
)
internal class CleanCommand : Callable<Int> {
    @Option(names = ["--json"], description = ["one JSON object on stdout and nothing else"])
    var json: Boolean = false

    override fun call(): Int {
        val folder = cacheFolder()
        val freed = PackedWeights(folder).clean() + KnownDrafting(folder).clean()
        println(if (json) json(mapOf("freed_bytes" to freed)) else "$freed bytes freed in $folder")
        return 0
    }
}
