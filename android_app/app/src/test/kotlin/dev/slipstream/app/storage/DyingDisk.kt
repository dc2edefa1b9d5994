package dev.slipstream.app.storage

import java.io.File
import java.io.RandomAccessFile
import kotlin.random.Random

/** The process ended here: an Error, so that nothing takes it for a failure it could handle. */
internal class Killed : Error()

/** [disk], which dies after [steps]: a step is one byte written, or one operation of another kind. */
internal class DyingDisk(
    private val disk: Disk,
    private var steps: Long,
) : Disk by disk {
    private var synced = 0L
    private var last = ""

    override fun append(
        name: String,
        bytes: ByteArray,
        count: Int,
    ) {
        last = name
        val written = minOf(steps, count.toLong()).toInt()
        disk.append(name, bytes, written)
        steps -= written
        if (written < count) throw Killed()
    }

    override fun writeText(
        name: String,
        text: String,
    ) {
        val written = minOf(steps, text.length.toLong()).toInt()
        disk.writeText(name, text.take(written))
        steps -= written
        if (written < text.length) throw Killed()
    }

    override fun truncate(
        name: String,
        length: Long,
    ) = step { disk.truncate(name, length) }

    override fun sync(name: String) =
        step {
            disk.sync(name)
            synced = disk.length(name)
        }

    override fun replace(
        from: String,
        to: String,
    ) = step { disk.replace(from, to) }

    override fun delete(name: String) = step { disk.delete(name) }

    /** The power went too: of what was appended since the last sync, some bytes never reached the flash. */
    fun losePower(random: Random) {
        val file = if (last.isEmpty()) return else disk.file(last)
        val length = file.length()
        if (length <= synced) return
        RandomAccessFile(file, "rw").use {
            val from = random.nextLong(synced, length)
            if (random.nextBoolean()) {
                it.setLength(from)
            } else {
                it.seek(from)
                it.write(ByteArray((length - from).toInt()))
            }
        }
    }

    override fun file(name: String): File = disk.file(name)

    private fun step(operation: () -> Unit) {
        if (steps == 0L) throw Killed()
        steps -= 1
        operation()
    }
}
