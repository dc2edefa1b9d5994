package dev.slipstream.litert

import com.sun.jna.Memory
import com.sun.jna.Native
import com.sun.jna.NativeLibrary
import com.sun.jna.Pointer
import dev.slipstream.errors.RuntimeLibraryException

/** What a C function that fills in a handle, a size or a text is given: the address of 8 bytes. */
internal typealias Out = Long

/**
 * The loaded libLiteRt. There is one a process: [load] binds it once, and later calls must name the same file.
 *
 * A status other than 0 becomes a [RuntimeLibraryException] that names the function.
 */
public class LiteRtLibrary private constructor(
    /** The file it was loaded from, or the bare name that the system's linker found. */
    public val path: String,
) {
    private val free = Pointer.nativeValue(NativeLibrary.getProcess().getFunction("free"))

    internal fun check(
        function: String,
        status: Int,
    ) {
        if (status != 0) throw statusError(function, status, path)
    }

    /** Calls a function whose last parameter receives a handle or a size. */
    internal inline fun create(
        function: String,
        call: (Out) -> Int,
    ): Long =
        Memory(Long.SIZE_BYTES.toLong()).use { out ->
            out.setLong(0, 0)
            check(function, call(Pointer.nativeValue(out)))
            out.getLong(0)
        }

    /** Calls a function whose last parameter receives a C string. */
    internal inline fun text(
        function: String,
        call: (Out) -> Int,
    ): String = Pointer(create(function, call)).getString(0, "UTF-8")

    /** Opaque options travel as TOML text; the library frees the copy with the function it is handed. */
    internal fun addOptions(
        options: Long,
        identifier: String,
        toml: String,
    ) {
        val payload = cString(toml).use { Libc.strdup(Pointer.nativeValue(it)) }
        val opaque =
            cString(identifier).use { name ->
                create("LiteRtCreateOpaqueOptions") {
                    LiteRtApi.LiteRtCreateOpaqueOptions(Pointer.nativeValue(name), payload, free, it)
                }
            }
        check("LiteRtAddOpaqueOptions", LiteRtApi.LiteRtAddOpaqueOptions(options, opaque))
    }

    public companion object {
        /** Names the library's file where it is not the one to be found by its name. */
        public const val ENVIRONMENT_VARIABLE: String = "SLIPSTREAM_LITERT"
        private const val NAME = "LiteRt"
        private var loaded: LiteRtLibrary? = null

        /**
         * The library at [path], or where null the one that [ENVIRONMENT_VARIABLE] names, or that the system's linker
         * finds by its name (on Android: the one packed into the app).
         *
         * Throws [RuntimeLibraryException] if there is none, if it lacks a symbol (which is named), or if another file
         * was loaded before.
         */
        @Synchronized
        public fun load(path: String? = null): LiteRtLibrary {
            val wanted = path ?: System.getenv(ENVIRONMENT_VARIABLE) ?: NAME
            loaded?.let { library ->
                if (library.path == wanted) return library
                throw libraryError("LiteRT is loaded already", library.path, wanted, "this process", Remedy.PROCESS)
            }
            bind(wanted)
            return LiteRtLibrary(wanted).also { loaded = it }
        }

        private fun bind(path: String) {
            val library =
                try {
                    NativeLibrary.getInstance(path)
                } catch (error: UnsatisfiedLinkError) {
                    val reason =
                        error.message
                            .orEmpty()
                            .lineSequence()
                            .first()
                    throw libraryError("LiteRT can't be loaded", "libLiteRt.so of LiteRT 2.3", reason, path)
                }
            val functions =
                LiteRtApi::class.java.declaredMethods
                    .map { it.name }
                    .filter { it.startsWith("LiteRt") }
            for (function in functions.sorted()) {
                try {
                    library.getFunction(function)
                } catch (_: UnsatisfiedLinkError) {
                    throw libraryError("LiteRT lacks a symbol", function, "no such symbol", path)
                }
            }
            Native.register(Libc::class.java, NativeLibrary.getProcess())
            Native.register(LiteRtApi::class.java, library)
        }
    }
}

/** [text] as a C string, to be closed. */
internal fun cString(text: String): Memory {
    val bytes = text.toByteArray()
    return Memory(bytes.size + 1L).also {
        it.write(0, bytes, 0, bytes.size)
        it.setByte(bytes.size.toLong(), 0)
    }
}
