package dev.slipstream.litert

import java.io.File
import java.io.IOException
import java.nio.file.Files
import java.nio.file.attribute.BasicFileAttributes
import java.nio.file.attribute.FileTime
import java.util.concurrent.TimeUnit

/**
 * What tells [file]'s bytes from others without reading them: device, inode, size, time of modification and, where the
 * platform has it, of status change (PACKED_WEIGHTS.md); times in nanoseconds. IOException for a file that isn't there.
 */
internal fun fileIdentity(file: File): String {
    val path = file.toPath()
    return try {
        val found = Files.readAttributes(path, "unix:dev,ino,size,lastModifiedTime,ctime")
        val times = listOf("lastModifiedTime", "ctime").map { nanoseconds(found.getValue(it) as FileTime) }
        (listOf(found["dev"], found["ino"], found["size"]) + times).joinToString(":")
    } catch (_: UnsupportedOperationException) {
        basicIdentity(file)
    } catch (_: IllegalArgumentException) {
        // a platform that has only some of them
        basicIdentity(file)
    }
}

@Throws(IOException::class)
private fun basicIdentity(file: File): String {
    val found = Files.readAttributes(file.toPath(), BasicFileAttributes::class.java)
    return listOf(found.fileKey(), found.size(), nanoseconds(found.lastModifiedTime())).joinToString(":")
}

private fun nanoseconds(time: FileTime): Long = time.to(TimeUnit.NANOSECONDS)
