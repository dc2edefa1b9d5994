package dev.slipstream

import org.jetbrains.kotlin.cli.common.ExitCode
import org.jetbrains.kotlin.cli.jvm.K2JVMCompiler
import org.junit.jupiter.api.Assertions.assertEquals
import java.io.ByteArrayOutputStream
import java.io.PrintStream
import java.net.URLClassLoader
import java.nio.file.Path

/** Compiles the Kotlin [sources], which may use what is internal here, to [classes] and loads them. */
internal fun compileMutants(
    sources: Path,
    classes: Path,
): ClassLoader {
    val output = ByteArrayOutputStream()
    val friends = listOf("classes", "test-classes").joinToString(",") { "$repository/android_app/decode/target/$it" }
    val options = listOf("-no-stdlib", "-no-reflect", "-nowarn", "-module-name", "decode", "-jvm-target", "17")
    val paths = listOf("-Xfriend-paths=$friends", "-classpath", System.getProperty("java.class.path"))
    val places = listOf("-d", classes.toString(), sources.toString())
    val code = K2JVMCompiler().exec(PrintStream(output), *(options + paths + places).toTypedArray())
    assertEquals(ExitCode.OK, code, output.toString())
    return URLClassLoader(arrayOf(classes.toUri().toURL()), Thread.currentThread().contextClassLoader)
}
