package dev.slipstream.bundle

/**
 * A table in a flatbuffer, its fields by slot; an absent field is 0, "" or null.
 *
 * Own code, because generated accessors need a schema compiler and trust their bytes. Following one offset is one step:
 * there is nothing that could loop.
 */
internal class FlatTable(
    private val bytes: FlatBytes,
    private val position: Long,
) {
    private val vtable = position - bytes.unsigned(position).toInt()
    private val vtableSize = bytes.short(vtable)

    fun byte(slot: Int): Int = field(slot)?.let(bytes::byte) ?: 0

    fun long(slot: Int): Long = field(slot)?.let(bytes::long) ?: 0

    fun table(slot: Int): FlatTable? = field(slot)?.let { FlatTable(bytes, follow(it)) }

    fun text(slot: Int): String {
        val start = follow(field(slot) ?: return "")
        return bytes.text(start + 4, bytes.unsigned(start))
    }

    /** How many tables the vector in a slot has. */
    fun count(slot: Int): Long = field(slot)?.let { bytes.unsigned(follow(it)) } ?: 0

    /** Table [index], less than [count], of the vector in a slot. */
    fun item(
        slot: Int,
        index: Int,
    ): FlatTable {
        val start = follow(field(slot) ?: throw FlatBufferException("no vector in slot $slot"))
        return FlatTable(bytes, follow(start + 4 + 4L * index))
    }

    private fun field(slot: Int): Long? {
        val entry = 4 + 2 * slot
        val offset = if (entry < vtableSize) bytes.short(vtable + entry) else 0
        return if (offset == 0) null else position + offset
    }

    private fun follow(at: Long): Long = at + bytes.unsigned(at)

    companion object {
        fun root(bytes: ByteArray): FlatTable = FlatBytes(bytes).let { FlatTable(it, it.unsigned(0)) }
    }
}
