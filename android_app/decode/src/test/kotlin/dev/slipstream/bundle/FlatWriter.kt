package dev.slipstream.bundle

import java.nio.ByteBuffer
import java.nio.ByteOrder

/** What a slot of a [FlatRecord] holds; null leaves it out. */
internal sealed interface FlatNode

internal class FlatByte(
    val value: Int,
) : FlatNode

internal class FlatLong(
    val value: Long,
) : FlatNode

internal class FlatText(
    val value: String,
) : FlatNode

internal class FlatRecords(
    val items: List<FlatRecord>,
) : FlatNode

internal class FlatRecord(
    vararg val slots: FlatNode?,
) : FlatNode

/** The plainest flatbuffer of [root]: eight bytes a slot, children behind their parents, nothing shared. */
internal fun writeFlatBuffer(root: FlatRecord): ByteArray {
    val out = ByteBuffer.allocate(ALIGNMENT).order(ByteOrder.LITTLE_ENDIAN)
    out.putInt(0)
    out.putInt(0, writeNode(out, root))
    return out.array().copyOf(out.position())
}

/** Writes at the end; returns where it begins. */
private fun writeNode(
    out: ByteBuffer,
    node: FlatNode,
): Int =
    when (node) {
        is FlatRecord -> {
            writeRecord(out, node)
        }

        is FlatRecords -> {
            val start = out.position()
            out.putInt(node.items.size).position(start + 4 + 4 * node.items.size)
            node.items.forEachIndexed { index, item -> link(out, start + 4 + 4 * index, item) }
            start
        }

        is FlatText -> {
            val start = out.position()
            val text = node.value.toByteArray()
            out.putInt(text.size).put(text).put(0)
            start
        }

        else -> {
            error("a scalar stands in its record")
        }
    }

private fun writeRecord(
    out: ByteBuffer,
    record: FlatRecord,
): Int {
    val vtable = out.position()
    out.putShort((4 + 2 * record.slots.size).toShort()).putShort((4 + 8 * record.slots.size).toShort())
    record.slots.forEachIndexed { index, node -> out.putShort(if (node == null) 0 else (4 + 8 * index).toShort()) }
    val start = out.position()
    out.putInt(start - vtable).position(start + 4 + 8 * record.slots.size)
    record.slots.forEachIndexed { index, node ->
        val at = start + 4 + 8 * index
        when (node) {
            null -> Unit
            is FlatByte -> out.put(at, node.value.toByte())
            is FlatLong -> out.putLong(at, node.value)
            else -> link(out, at, node)
        }
    }
    return start
}

private fun link(
    out: ByteBuffer,
    at: Int,
    node: FlatNode,
) {
    out.putInt(at, writeNode(out, node) - at)
}
