package dev.slipstream.app.storage

import java.io.File

/** The file operations that an import is made of, in one folder: tests have one that dies between any two bytes. */
internal interface Disk {
    val freeBytes: Long

    fun file(name: String): File

    /** Of all files. */
    fun names(): List<String>

    /** Bytes of the file; 0 where there is none. */
    fun length(name: String): Long

    /** Null where there is none. */
    fun readText(name: String): String?

    fun writeText(
        name: String,
        text: String,
    )

    /** Writes the first [count] of [bytes] behind the file's end, making the file where there is none. */
    fun append(
        name: String,
        bytes: ByteArray,
        count: Int,
    )

    fun truncate(
        name: String,
        length: Long,
    )

    /** Returns when what was written would survive a loss of power. */
    fun sync(name: String)

    /** Puts [from] in the place of [to] in one step: whoever looks finds the old file or the new one. */
    fun replace(
        from: String,
        to: String,
    )

    fun delete(name: String)
}
