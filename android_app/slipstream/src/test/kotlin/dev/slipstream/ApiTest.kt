package dev.slipstream

import dev.slipstream.chat.Message
import dev.slipstream.decode.DraftSource
import dev.slipstream.decode.StopReason
import dev.slipstream.errors.SlipstreamException
import dev.slipstream.sampling.DraftChoice
import dev.slipstream.sampling.Sampling
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.File
import java.lang.reflect.Constructor
import java.lang.reflect.Executable
import java.lang.reflect.Field
import java.lang.reflect.Member
import java.lang.reflect.Method
import java.lang.reflect.Modifier
import kotlin.reflect.KProperty
import kotlin.reflect.KVisibility
import kotlin.reflect.jvm.javaField
import kotlin.reflect.jvm.kotlinFunction

/**
 * What apps are compiled against, as the JVM sees it, is what slipstream/api/slipstream.api says: a change there breaks
 * them, or widens what must be kept. `-Dapi=record` writes it anew.
 */
internal class ApiTest {
    private val file =
        File(checkNotNull(System.getProperty("slipstream.root")), "android_app/slipstream/api/slipstream.api")

    @Test
    fun `the library offers what the dump says`() {
        val found = dump()
        if (System.getProperty("api") == "record") file.apply { parentFile.mkdirs() }.writeText(found)
        assertEquals(file.readText(), found, "The API has changed. If that is meant, record it: -Dapi=record")
    }

    @Test
    fun `the dump has what is public, and nothing internal`() {
        val found = dump()
        for (name in listOf("Slipstream.close()", "Chat.send(", "Chat.send\$default(", "ReplyEvent\$Text.getText()")) {
            assertTrue("dev.slipstream.$name" in found, name)
        }
        for (name in listOf("ChatState", "EngineThread", "LiteRtEngine", "snapshot.state", "Chat(dev.slipstream")) {
            assertFalse(name in found, name)
        }
    }

    private fun dump(): String {
        val root =
            File(
                Slipstream::class.java.protectionDomain.codeSource.location
                    .toURI(),
            )
        val own =
            root
                .walk()
                .filter { it.extension == "class" }
                .map {
                    it
                        .relativeTo(root)
                        .path
                        .removeSuffix(".class")
                        .replace('/', '.')
                }.filter { name -> name.substringAfter('$', "A").split('$').all { it.first().isUpperCase() } }
                .map { Class.forName(it) }
                .filter(::isPublic)
        val classes =
            own.toList() + SHARED.map { it.java } + SlipstreamException::class.sealedSubclasses.map { it.java }
        return classes
            .sortedBy { it.name }
            .map(::lines)
            .filter(String::isNotEmpty)
            .joinToString("\n")
    }

    /** Nothing for a file whose functions are all internal. */
    private fun lines(type: Class<*>): String {
        val members: List<Member> = type.declaredConstructors.toList() + type.declaredMethods + type.declaredFields
        val kept = members.filter { isPublic(it, type) }.map { it.signature() }.sorted()
        if (kept.isEmpty() && type.simpleName.endsWith(FACADE)) return ""
        val bases = listOfNotNull(type.genericSuperclass?.typeName) + type.genericInterfaces.map { it.typeName }
        return "${type.toGenericString()} : ${bases.joinToString()}\n" + kept.joinToString("") { "    $it\n" }
    }

    private fun Member.signature() = if (this is Executable) toGenericString() else (this as Field).toGenericString()

    private fun isPublic(type: Class<*>): Boolean {
        val isFacade = type.simpleName.endsWith(FACADE)
        return Modifier.isPublic(type.modifiers) && (isFacade || type.kotlin.visibility == KVisibility.PUBLIC) &&
            type.declaringClass.let { it == null || isPublic(it) }
    }

    private fun isPublic(
        member: Member,
        type: Class<*>,
    ): Boolean {
        if (!Modifier.isPublic(member.modifiers) && !Modifier.isProtected(member.modifiers)) return false
        val visibility =
            when (member) {
                is Constructor<*> -> constructorVisibility(member, type)
                is Method -> methodVisibility(member)
                else -> fieldVisibility(member as Field, type)
            }
        return visibility == null || visibility == KVisibility.PUBLIC || visibility == KVisibility.PROTECTED
    }

    /** Kotlin gives what is internal a name with the module's in it. */
    private fun methodVisibility(method: Method): KVisibility? {
        val name = method.name.removeSuffix("\$default")
        return if ('$' in name) KVisibility.INTERNAL else method.kotlinFunction?.visibility
    }

    /** One that fills in defaults is as visible as the one that it calls. */
    private fun constructorVisibility(
        member: Constructor<*>,
        type: Class<*>,
    ): KVisibility? {
        if (!member.isSynthetic) return member.kotlinFunction?.visibility
        val found = type.kotlin.constructors.map { it.visibility }
        return if (KVisibility.PUBLIC in found) KVisibility.PUBLIC else KVisibility.INTERNAL
    }

    private fun fieldVisibility(
        field: Field,
        type: Class<*>,
    ): KVisibility? =
        type.kotlin.members
            .filterIsInstance<KProperty<*>>()
            .firstOrNull { it.javaField == field }
            ?.visibility

    private companion object {
        const val FACADE = "Kt"

        /** What the API has of other modules. */
        val SHARED =
            listOf(
                DraftChoice::class,
                DraftSource::class,
                Message::class,
                Sampling::class,
                SlipstreamException::class,
                StopReason::class,
            )
    }
}
