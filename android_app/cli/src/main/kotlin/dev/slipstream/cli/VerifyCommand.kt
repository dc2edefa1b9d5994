package dev.slipstream.cli

import dev.slipstream.json.json
import dev.slipstream.litert.BundleRuntime
import dev.slipstream.trace.goldenTraces
import dev.slipstream.trace.replay
import picocli.CommandLine.Command
import picocli.CommandLine.Mixin
import java.nio.file.Files
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
        val folder = Files.createTempDirectory("slipstream-verify").toFile()
        try {
            // A folder that remembers nothing: the file is proven anew, and its weights are packed anew.
            threading.open(options.bundle, root = folder).use(::verify)
        } finally {
            folder.deleteRecursively()
        }
        return 0
    }

    private fun verify(runtime: BundleRuntime) {
        val rounds = LinkedHashMap<String, Int>()
        var targetForks = 0
        var draftForks = 0
        for ((name, traces) in goldenTraces(runtime.bundle)) {
            for (trace in traces) {
                val report = replay(trace, runtime.comparingTarget, runtime.drafter)
                rounds[name] = rounds.getOrDefault(name, 0) + report.rounds
                targetForks += report.targetForks
                draftForks += report.draftForks
            }
        }
        val forks = targetForks + draftForks
        val sections = runtime.manifest.sections.size
        if (options.json) {
            val counts = mapOf("forks" to forks, "target_forks" to targetForks, "draft_forks" to draftForks)
            println(json(mapOf("verified" to true, "sections" to sections, "rounds" to rounds) + counts))
        } else {
            println("$sections sections and their digests agree")
            for ((name, count) in rounds) println("trace $name: $count rounds replayed")
            println("$forks forks: near ties that fell otherwise, within the recorded tolerance")
        }
    }
}
