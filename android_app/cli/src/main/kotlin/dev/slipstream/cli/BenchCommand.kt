package dev.slipstream.cli

import dev.slipstream.json.json
import dev.slipstream.litert.CallTimer
import dev.slipstream.litert.benchEffort
import dev.slipstream.litert.measure
import picocli.CommandLine.Command
import picocli.CommandLine.Mixin
import java.util.Locale
import java.util.concurrent.Callable
import kotlin.math.roundToInt

@Command(
    name = "bench",
    description = ["plain against drafted decoding at each exported width, interleaved, on the golden traces' prompts"],
    mixinStandardHelpOptions = true,
)
internal class BenchCommand : Callable<Int> {
    @Mixin lateinit var options: BundleOptions

    @Mixin lateinit var threading: ThreadOptions

    override fun call(): Int {
        val timer = CallTimer()
        val table =
            threading.open(options.bundle, timer).use { runtime ->
                measure(runtime, benchEffort(runtime, SECONDS), timer)
            }
        if (options.json) println(json(table)) else table.forEach { (name, row) -> println(line(name, row)) }
        return 0
    }

    private fun line(
        name: String,
        row: Map<String, Any?>,
    ): String {
        val (low, high) = (row["spread"] as List<*>).map { (it as Double).roundToInt() }
        val speed = String.format(Locale.ROOT, "%8.1f tokens/s ($low-$high)", row["tokens_per_second"])
        val ratio = String.format(Locale.ROOT, "x%.2f", row["ratio_to_plain"])
        val acceptance = row["acceptance_rate"]?.let { String.format(Locale.ROOT, "  acceptance %.3f", it) }.orEmpty()
        val share = 100 * row["outside_litert"] as Double
        val outside = String.format(Locale.ROOT, "%.1f %% outside LiteRT", share)
        return "${name.padStart(11)}  $speed  $ratio  $outside$acceptance"
    }
}

/** What the whole table may cost: a large model decodes fewer tokens of fewer prompts. */
private const val SECONDS = 120.0
