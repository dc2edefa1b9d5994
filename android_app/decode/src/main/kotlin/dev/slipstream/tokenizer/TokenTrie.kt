package dev.slipstream.tokenizer

/** Byte strings, each with a number, and the longest of them that starts at a place. */
internal class TokenTrie {
    // From (node, byte) to (next node, unused); node 0 is the root.
    private val edges = PairMap()
    private var ends = IntArray(16) { NONE }
    private var nodes = 1

    /** False, and nothing taken in, when the string is there already. */
    fun add(
        bytes: ByteArray,
        number: Int,
    ): Boolean {
        var node = 0
        for (byte in bytes) {
            val edge = edges.find(node, byte.toInt() and 0xFF)
            node = if (edge >= 0) edges.first(edge) else newNode(node, byte)
        }
        if (ends[node] != NONE) return false
        ends[node] = number
        return true
    }

    /** The longest string that starts at [from] and ends by [to]. */
    fun longestAt(
        bytes: ByteArray,
        from: Int,
        to: Int,
    ): Match? {
        var node = 0
        var number = NONE
        var end = from
        var at = from
        while (at < to) {
            node = child(node, bytes[at++])
            if (node < 0) break
            if (ends[node] != NONE) {
                number = ends[node]
                end = at
            }
        }
        return if (number == NONE) null else Match(number, end)
    }

    private fun newNode(
        parent: Int,
        byte: Byte,
    ): Int {
        if (nodes == ends.size) ends = ends.copyOf(nodes * 2).also { it.fill(NONE, nodes) }
        edges.put(parent, byte.toInt() and 0xFF, nodes, 0)
        return nodes++
    }

    private fun child(
        node: Int,
        byte: Byte,
    ): Int {
        val edge = edges.find(node, byte.toInt() and 0xFF)
        return if (edge < 0) -1 else edges.first(edge)
    }

    /** [number] of the string found, and where in the text it ends. */
    class Match(
        val number: Int,
        val end: Int,
    )

    private companion object {
        const val NONE = -1
    }
}
