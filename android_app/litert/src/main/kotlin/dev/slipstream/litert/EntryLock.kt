package dev.slipstream.litert

import java.io.File
import java.io.IOException
import java.io.RandomAccessFile
import java.nio.channels.FileLock
import java.nio.file.Files
import java.nio.file.NoSuchFileException
import java.nio.file.attribute.BasicFileAttributes
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.locks.ReentrantLock

/** A file that one process, and in it one thread, holds locked. [close] releases it. */
internal class EntryLock private constructor(
    private val file: File,
    private val channel: RandomAccessFile,
    private val lock: FileLock,
    private val threads: ReentrantLock,
) : AutoCloseable {
    /** For an entry that is gone: who waits for this lock sees that its file is another one now, and asks again. */
    fun removeFile() {
        file.delete()
    }

    override fun close() {
        try {
            lock.release()
            channel.close()
        } finally {
            threads.unlock()
        }
    }

    companion object {
        /** The JVM refuses a second lock of one file in the same process instead of waiting for it. */
        private val held = ConcurrentHashMap<String, ReentrantLock>()

        /** Waits for the lock. IOException where the file can't be made. */
        fun of(file: File): EntryLock {
            while (true) attempt(file, waits = true)?.let { return it }
        }

        /** Null where another process or thread holds it. */
        fun ifFree(file: File): EntryLock? = attempt(file, waits = false)

        private fun attempt(
            file: File,
            waits: Boolean,
        ): EntryLock? {
            val threads = held.computeIfAbsent(file.canonicalPath) { ReentrantLock() }
            val isFree = !threads.isHeldByCurrentThread && threads.tryLock()
            if (!isFree && !waits) return null
            if (!isFree) threads.lock()
            var channel: RandomAccessFile? = null
            try {
                channel = RandomAccessFile(file, "rw")
                val opened = key(file)
                val lock = if (waits) channel.channel.lock() else channel.channel.tryLock()
                if (lock != null && opened != null &&
                    opened == key(file)
                ) {
                    return EntryLock(file, channel, lock, threads)
                }
            } catch (error: IOException) {
                channel?.close()
                threads.unlock()
                throw error
            }
            channel.close()
            threads.unlock()
            return null
        }

        private fun key(file: File): Any? =
            try {
                Files.readAttributes(file.toPath(), BasicFileAttributes::class.java).fileKey() ?: file
            } catch (_: NoSuchFileException) {
                null
            }
    }
}
