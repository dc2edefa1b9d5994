package dev.slipstream.decode

/** The most drafts of a round that are counted by position; an export has no wider pass. */
internal const val MOST_DRAFTS = 64

/** What the drafts of one source came to, by position in their round. Allocates nothing as it counts. */
public class SourceStats {
    public var rounds: Int = 0
        private set
    private val draftedAt = IntArray(MOST_DRAFTS)
    private val acceptedAt = IntArray(MOST_DRAFTS)

    internal fun add(
        numDrafts: Int,
        numAccepted: Int,
    ) {
        rounds += 1
        for (i in 0 until minOf(numDrafts, MOST_DRAFTS)) {
            draftedAt[i] += 1
            if (i < numAccepted) acceptedAt[i] += 1
        }
    }

    internal fun add(other: SourceStats) {
        rounds += other.rounds
        for (i in 0 until MOST_DRAFTS) {
            draftedAt[i] += other.draftedAt[i]
            acceptedAt[i] += other.acceptedAt[i]
        }
    }

    public val drafted: Int get() = draftedAt.sum()
    public val accepted: Int get() = acceptedAt.sum()

    /** accepted / drafted; 0.0 when nothing was drafted. */
    public val acceptanceRate: Double get() = if (drafted == 0) 0.0 else accepted.toDouble() / drafted

    /** How many rounds had an ith draft, from 0 on. */
    public val draftedByPosition: List<Int> get() = draftedAt.takeWhile { it > 0 }

    /** How many of them accepted it. */
    public val acceptedByPosition: List<Int> get() = acceptedAt.take(draftedByPosition.size)

    /** As `--json` prints it. */
    public fun fields(): Map<String, Any> =
        mapOf(
            "rounds" to rounds,
            "drafted" to drafted,
            "accepted" to accepted,
            "acceptance_rate" to acceptanceRate,
            "drafted_by_position" to draftedByPosition,
            "accepted_by_position" to acceptedByPosition,
        )
}
