package dev.slipstream.cli

import dev.slipstream.bundle.Bundle
import dev.slipstream.bundle.verifyHashes
import dev.slipstream.json.json
import dev.slipstream.trace.readTraces
import dev.slipstream.trace.replay
import picocli.CommandLine.Command
import picocli.CommandLine.Mixin
import java.util.concurrent.Callable

@Command(
    name = "verify",
    description = ["checks every byte against its digest, then replays every golden trace"],
    mixinStandardHelpOptions = true,
)
internal class VerifyCommand : Callable<Int> {
    @Mixin lateinit var options: BundleOptions

    @Mixin lateinit var threading: ThreadOptions

    override fun call(): Int {
        val sections =
            Bundle.open(options.bundle).use { bundle ->
                verifyHashes(bundle)
                bundle.manifest.sections.size
            }
        val rounds = LinkedHashMap<String, Int>()
        var forks = 0
        threading.open(options.bundle).use { runtime ->
            for ((name, text) in runtime.bundle.traces()) {
                for (trace in readTraces(text, name)) {
                    val report = replay(trace, runtime.target, runtime.drafter)
                    rounds[name] = report.rounds
                    forks += report.targetForks + report.draftForks
                }
            }
        }
        if (options.json) {
            println(json(mapOf("verified" to true, "sections" to sections, "rounds" to rounds, "forks" to forks)))
        } else {
            println("$sections sections and their digests agree")
            for ((name, count) in rounds) println("trace $name: $count rounds replayed")
            if (forks > 0) println("$forks near ties fell otherwise, within the recorded tolerance")
        }
        return 0
    }
}
