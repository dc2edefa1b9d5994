package dev.slipstream.bundle

import kotlin.random.Random

private val EXTREMES =
    longArrayOf(0, 1, -1, 4, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, Long.MAX_VALUE, Long.MIN_VALUE)
private val JSON_PIECES =
    listOf(
        "-1",
        "1e999",
        "null",
        "[]",
        "{}",
        "\"\"",
        "9".repeat(400),
        "true",
        "[[[]]]",
        "\"\\ud800\"",
        "0",
        "-0",
        "1.5",
        "{\"a\":{\"a\":{}}}",
        "[".repeat(40),
        "]",
        "}",
        "\"",
        "\\",
        ",",
        ":",
        "\n",
        "1E5",
        "\u0000",
        "\\u0000",
        "9223372036854775808",
        "-9223372036854775809",
        "2147483648",
        "4294967296",
        "NaN",
        "\u00ff",
        "\"x\":1,",
    ).map { it.toByteArray(Charsets.ISO_8859_1) }

/** Seeded damage to bytes, of the kinds that parsers have fallen for. */
internal class Mutator(
    private val random: Random,
) {
    /** One to three changes within the first [within] bytes; the size may change unless [keepSize]. */
    fun mutate(
        bytes: ByteArray,
        within: Int = bytes.size,
        keepSize: Boolean = false,
    ): ByteArray {
        var result = bytes.copyOf()
        repeat(random.nextInt(1, 4)) {
            val limit = minOf(within, result.size)
            if (limit > 0) result = change(result, limit, random.nextInt(if (keepSize) 5 else 8))
        }
        return result
    }

    /** Replaces a value, a key or a piece of JSON by another. */
    fun mutateJson(text: ByteArray): ByteArray {
        val marks = text.indices.filter { text[it].toInt().toChar() in ",:[]{}\"" }
        val begin = marks[random.nextInt(marks.size)] + random.nextInt(2)
        val end = marks.firstOrNull { it > begin } ?: text.size
        return text.copyOf(begin) + JSON_PIECES[random.nextInt(JSON_PIECES.size)] +
            text.copyOfRange(if (random.nextInt(4) == 0) begin else end, text.size)
    }

    private fun change(
        bytes: ByteArray,
        limit: Int,
        kind: Int,
    ): ByteArray {
        val at = random.nextInt(limit)
        when (kind) {
            0 -> {
                bytes[at] = (bytes[at].toInt() xor (1 shl random.nextInt(8))).toByte()
            }

            1 -> {
                bytes[at] = random.nextInt().toByte()
            }

            2 -> {
                putWord(bytes, at, EXTREMES[random.nextInt(EXTREMES.size)], if (random.nextBoolean()) 4 else 8)
            }

            3 -> {
                putWord(bytes, at, (random.nextInt(limit) - at).toLong(), 4)
            }

            // an offset to anywhere, itself too
            4 -> {
                random.nextInt(limit).let {
                    bytes.copyInto(
                        bytes,
                        at,
                        it,
                        it + minOf(random.nextInt(64), limit - maxOf(at, it)),
                    )
                }
            }

            5 -> {
                return bytes.copyOf(at)
            }

            6 -> {
                return bytes.copyOf(at) + bytes.copyOfRange(random.nextInt(limit), bytes.size)
            }

            7 -> {
                return bytes + random.nextBytes(random.nextInt(1, 9))
            }
        }
        return bytes
    }

    private fun copyWithin(
        bytes: ByteArray,
        from: Int,
        to: Int,
        limit: Int,
    ) {
        val count = minOf(random.nextInt(64), limit - maxOf(from, to))
        bytes.copyInto(bytes, to, from, from + count)
    }

    private fun putWord(
        bytes: ByteArray,
        at: Int,
        value: Long,
        size: Int,
    ) {
        for (index in at until minOf(at + size, bytes.size)) bytes[index] = (value shr (8 * (index - at))).toByte()
    }
}
