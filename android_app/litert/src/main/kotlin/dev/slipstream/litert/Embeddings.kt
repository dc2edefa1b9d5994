package dev.slipstream.litert

import androidx.collection.IntList
import androidx.collection.MutableIntIntMap
import dev.slipstream.errors.UsageException
import java.nio.FloatBuffer
import java.nio.IntBuffer

/**
 * Rows of the main and, where the model has them, the per-layer embedder, by token: looked up once and kept.
 *
 * The tables grow with use up to [TABLE_BYTES]; then they start anew. A row is copied out as soon as its place is known,
 * so that a table may start anew in the middle of a pass. [mapped] are the embedders' own bytes: the system brings 64 KB
 * of them into memory for a row, and they are given back after every [BLOCK_ROWS] new ones. UsageException for a token
 * outside the vocabulary.
 */
internal class Embeddings(
    main: BoundCall,
    perLayer: BoundCall?,
    private val vocabSize: Int,
    private val mapped: List<MappedRange>,
) {
    private var numLookedUp = 0
    private val main = Table(main)
    private val perLayer = perLayer?.let(::Table)
    private val rows = MutableIntIntMap()
    private val limit: Int

    init {
        val rowBytes = 4 * (this.main.width + (this.perLayer?.width ?: 0))
        limit = (TABLE_BYTES / rowBytes).coerceIn(MIN_ROWS, MAX_ROWS)
    }

    /** Writes the row of [token], float32\[H], to the beginning of [target]. */
    fun writeRow(
        token: Int,
        target: FloatBuffer,
    ) {
        main.copy(index(token), target, 0)
    }

    /** Fills the first rows of [main] float32\[T, H] and of [perLayer] float32\[T, L * P], one a token. */
    fun write(
        tokens: IntList,
        main: FloatBuffer,
        perLayer: FloatBuffer?,
    ) {
        for (row in 0 until tokens.size) {
            val index = index(tokens[row])
            this.main.copy(index, main, row)
            if (perLayer != null) this.perLayer?.copy(index, perLayer, row)
        }
    }

    private fun index(token: Int): Int {
        val known = rows.getOrDefault(token, -1)
        return if (known >= 0) known else lookUp(token)
    }

    private fun lookUp(token: Int): Int {
        check(token)
        if (rows.size == limit) rows.clear()
        val index = rows.size
        rows[token] = index
        main.lookUp(token, index)
        perLayer?.lookUp(token, index)
        if (++numLookedUp % BLOCK_ROWS == 0) mapped.forEach(MappedRange::release)
        return index
    }

    /** UsageException for a token outside the vocabulary. */
    fun check(token: Int) {
        if (token in 0 until vocabSize) return
        throw UsageException(
            "There is no such token",
            expected = "token ids from 0 to ${vocabSize - 1}",
            found = "$token",
            where = "the tokens of a pass",
            action = "Give tokens of this bundle's tokenizer.",
        )
    }

    private class Table(
        private val call: BoundCall,
    ) {
        private val input: IntBuffer =
            call.inputs.values
                .single()
                .ints()
        private val output: FloatBuffer =
            call.outputs.values
                .single()
                .floats()
        val width = output.capacity()
        private val blocks = ArrayList<FloatArray>()

        fun lookUp(
            token: Int,
            index: Int,
        ) {
            if (index / BLOCK_ROWS == blocks.size) blocks.add(FloatArray(BLOCK_ROWS * width))
            input.put(0, token)
            call.run()
            output.position(0)
            output.get(blocks[index / BLOCK_ROWS], index % BLOCK_ROWS * width, width)
        }

        fun copy(
            index: Int,
            target: FloatBuffer,
            row: Int,
        ) {
            target.position(row * width)
            target.put(blocks[index / BLOCK_ROWS], index % BLOCK_ROWS * width, width)
        }
    }

    private companion object {
        const val TABLE_BYTES = 16 shl 20
        const val BLOCK_ROWS = 64
        const val MIN_ROWS = 64
        const val MAX_ROWS = 4096
    }
}
