package dev.slipstream.app.storage

import java.io.File
import java.io.RandomAccessFile
import java.nio.channels.FileChannel
import java.nio.file.Files
import java.nio.file.StandardCopyOption
import java.nio.file.StandardOpenOption

/** A real [folder], made when something is written. */
internal class FolderDisk(
    private val folder: File,
) : Disk {
    override val freeBytes: Long
        get() = (generateSequence(folder) { it.parentFile }.firstOrNull { it.exists() } ?: folder).usableSpace

    override fun file(name: String) = File(folder, name)

    override fun names(): List<String> = folder.list().orEmpty().toList()

    override fun length(name: String) = file(name).length()

    override fun readText(name: String): String? = file(name).takeIf { it.isFile }?.readText()

    override fun writeText(
        name: String,
        text: String,
    ) {
        folder.mkdirs()
        file(name).writeText(text)
    }

    override fun append(
        name: String,
        bytes: ByteArray,
        count: Int,
    ) {
        folder.mkdirs()
        RandomAccessFile(file(name), "rw").use {
            it.seek(it.length())
            it.write(bytes, 0, count)
        }
    }

    override fun truncate(
        name: String,
        length: Long,
    ) = RandomAccessFile(file(name), "rw").use { it.setLength(length) }

    override fun sync(name: String) =
        FileChannel.open(file(name).toPath(), StandardOpenOption.WRITE).use { it.force(true) }

    override fun replace(
        from: String,
        to: String,
    ) {
        val target = file(to).toPath()
        Files.move(file(from).toPath(), target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING)
    }

    override fun delete(name: String) {
        file(name).delete()
    }
}
