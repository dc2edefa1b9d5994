package dev.slipstream.bundle

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class VerifyHashesTest {
    private val whole = SmallBundle.write()
    private val loaded = loadBundle(MemorySource(whole), "test")

    private fun damage(bytes: ByteArray): Damage? = firstDamage(MemorySource(bytes), loaded.sections, loaded.manifest)

    private fun flipped(vararg offsets: Long): ByteArray =
        whole.copyOf().also { for (at in offsets) it[at.toInt()] = (it[at.toInt()].toInt() xor 1).toByte() }

    private fun section(name: String) = loaded.sections.first { it.name == name }

    @Test
    fun `an untouched bundle has no damage`() {
        assertEquals(null, damage(whole))
    }

    @Test
    fun `one changed byte is named with its value`() {
        for (section in loaded.sections.dropLast(1)) {
            for (offset in listOf(section.begin, section.begin + section.size / 2, section.end - 1)) {
                val (expected, found) = listOf(whole, flipped(offset)).map { it[offset.toInt()].toInt() and 0xff }
                assertEquals(Damage(listOf(section.name), offset, offset + 1, expected, found), damage(flipped(offset)))
            }
        }
    }

    @Test
    fun `several changed bytes name the first block`() {
        val begin = section("main").begin
        val changed = flipped(begin + 4096, begin + 5000, begin + 8200)
        assertEquals(Damage(listOf("main"), begin + 4096, begin + 8192), damage(changed))
        val last = flipped(begin + 8200, begin + 8300)
        assertEquals(Damage(listOf("main"), begin + 8192, section("main").end), damage(last))
    }

    @Test
    fun `padding that is not zero is named`() {
        val offset = section("main").end
        assertEquals(Damage(listOf("padding"), offset, offset + 1, 0, 1), damage(flipped(offset)))
    }

    @Test
    fun `no digest covers padding`() {
        val (changed, all) = MemorySource(flipped(section("main").end)) to listOf(ByteRange(0, whole.size.toLong()))
        assertEquals(emptyList<Damage>(), scan(changed, loaded.manifest.sections, all) {})
    }

    @Test
    fun `the first of several damages is named`() {
        val (first, second) = section("tokenizer").end to section("traces").begin
        assertEquals(listOf("padding"), damage(flipped(first, second))?.sections)
    }

    @Test
    fun `a byte that sections share names all of them`() {
        val table = section("main")
        val twice = loaded.manifest.sections.map { if (it.name == "main") it.copy(name = "drafter") else it }
        val shared = loaded.manifest.copy(sections = loaded.manifest.sections + twice.filter { it.name == "drafter" })
        val found = firstDamage(MemorySource(flipped(table.begin)), loaded.sections, shared)
        assertEquals(listOf("main", "drafter"), found?.sections)
    }

    @Test
    fun `gaps are what no range covers`() {
        val ranges = listOf(ByteRange(50, 60), ByteRange(0, 10), ByteRange(5, 20), ByteRange(52, 55))
        assertEquals(listOf(ByteRange(20, 50), ByteRange(60, 100)), gaps(100, ranges))
        assertEquals(emptyList<ByteRange>(), gaps(60, listOf(ByteRange(0, 60))))
    }

    @Test
    fun `progress ends with the file's size`() {
        val seen = ArrayList<Long>()
        firstDamage(MemorySource(whole), loaded.sections, loaded.manifest, seen::add)
        assertEquals(whole.size.toLong(), seen.last())
    }
}
