package dev.slipstream.bundle

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class SealTest {
    private val whole = SmallBundle.write()
    private val begin = manifestBegin(whole)
    private val text = whole.copyOfRange(begin, whole.size)

    @Test
    fun `a sealed manifest is whole and one without a seal is not judged`() {
        assertEquals(null, sealDamage(text, 0))
        for (other in listOf("", "{}", "\"manifest_sha256\":\"", "\"manifest_sums\":\"", "manifest_sums")) {
            assertEquals(null, sealDamage(other.toByteArray(), 0))
        }
    }

    @Test
    fun `a changed byte is named wherever it is`() {
        for (index in text.indices) {
            val changed = text.copyOf()
            changed[index] = (changed[index].toInt() xor 1).toByte()
            val (expected, found) = text[index].toInt() to changed[index].toInt()
            val damage = Damage(listOf("manifest"), 100L + index, 101L + index, expected, found)
            assertEquals(damage, sealDamage(changed, 100))
        }
    }

    @Test
    fun `digits that are no hex are no numbers`() {
        val sums = indexOf(text, "\"manifest_sums\":\"".toByteArray()) + 17
        val changed = text.copyOf()
        "-000000000000001+0000000000000ff".toByteArray().copyInto(changed, sums)
        changed[3] = 'x'.code.toByte()
        assertEquals(Damage(listOf("manifest"), 7, 7L + text.size), sealDamage(changed, 7))
    }
}
