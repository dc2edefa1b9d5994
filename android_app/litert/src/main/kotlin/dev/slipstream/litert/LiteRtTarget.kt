package dev.slipstream.litert

import androidx.collection.IntList
import androidx.collection.MutableIntList
import androidx.collection.MutableIntObjectMap
import dev.slipstream.decode.MarginTarget
import dev.slipstream.decode.TargetOutput
import dev.slipstream.decode.fillWidth
import dev.slipstream.errors.UsageException
import dev.slipstream.sampling.Sampler

/**
 * The target over LiteRT: prefill, decode and verify graphs over one set of caches that they update in place.
 * [sampler] is the session's: it chooses the tokens. [compares] is for traces: BundleException where a greedy choice that
 * a graph makes itself is not that of its logits, which are not looked at otherwise.
 */
internal class LiteRtTarget(
    scoring: List<Pass>,
    prefills: List<Pass>,
    private val embeddings: Embeddings,
    override val capacity: Int,
    private val sampler: Sampler,
    private val compares: Boolean = false,
) : MarginTarget {
    override val verifyWidths: IntList = MutableIntList().apply { scoring.map { it.width }.sorted().forEach(::add) }
    private val scoring = MutableIntObjectMap<Pass>().apply { scoring.forEach { put(it.width, it) } }
    private val fills = prefills.sortedBy { it.width }
    private val fillWidths: IntList = MutableIntList().apply { fills.forEach { add(it.width) } }
    private var last: Pass? = null

    /** All but the last token go through the prefill graphs. UsageException for tokens that do not fit. */
    override fun fillCount(
        numTokens: Int,
        position: Int,
    ): Int {
        if (numTokens < 1 || position !in 0..capacity - numTokens) {
            throw misuse(
                "a prompt that ends at or before slot $capacity",
                "$numTokens tokens at position $position",
            )
        }
        val rest = numTokens - 1
        if (rest == 0) return 0
        var width = fillWidth(rest, capacity - position, fillWidths)
        if (width == 0) verifyWidths.forEach { if (it <= rest) width = it }
        return minOf(rest, width)
    }

    override fun fill(
        tokens: IntList,
        position: Int,
    ) {
        filling(tokens.size, position).run(tokens, position, embeddings)
        sampler.wrote(tokens, position)
        sampler.forgetDrafts()
    }

    /** The one token that [fillCount] leaves, through decode, which scores it. */
    override fun prefill(
        tokens: IntList,
        position: Int,
    ): TargetOutput = verify(tokens, position, 1)

    /** The shortest pass that takes [count] tokens: the one that [fillCount] counted with. */
    private fun filling(
        count: Int,
        position: Int,
    ): Pass {
        fills.find { count <= it.width && position + it.width <= capacity }?.let { return it }
        var shortest = 1
        for (i in verifyWidths.size - 1 downTo 0) if (verifyWidths[i] >= count) shortest = verifyWidths[i]
        return checkNotNull(scoring[shortest])
    }

    override fun verify(
        tokens: IntList,
        position: Int,
        width: Int,
    ): TargetOutput {
        val pass = scoring[width] ?: throw misuse("one of the widths $verifyWidths", "width $width")
        pass.run(tokens, position, embeddings)
        last = pass
        sampler.wrote(tokens, position)
        return pass.score(tokens, position, sampler, compares)
    }

    /** Nothing to do: masks show only what a pass is told, and dead slots are written again before they show. */
    override fun rollback(cacheLength: Int) {}

    private fun misuse(
        expected: String,
        found: String,
    ) = UsageException(
        "A pass does not fit the cache",
        expected,
        found,
        where = "the target, capacity $capacity",
        action = "Shorten the prompt, or start a new conversation.",
    )

    override fun margins(): List<Double> = last?.margins().orEmpty()
}
