package dev.slipstream.app

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.w3c.dom.Element
import java.io.File
import javax.xml.parsers.DocumentBuilderFactory

/** What a user reads, in each language. */
class StringsTest {
    /** Name, and quantity of a plural, to text. */
    private fun texts(folder: String): Map<String, String> {
        val found = LinkedHashMap<String, String>()
        val file = File("src/main/res/$folder/strings.xml")
        val root =
            DocumentBuilderFactory
                .newInstance()
                .newDocumentBuilder()
                .parse(file)
                .documentElement
        for (tag in listOf("string", "item")) {
            val elements = root.getElementsByTagName(tag)
            for (i in 0 until elements.length) {
                val element = elements.item(i) as Element
                val name = element.getAttribute("name").ifEmpty { (element.parentNode as Element).getAttribute("name") }
                found["$name ${element.getAttribute("quantity")}".trim()] = element.textContent
            }
        }
        return found
    }

    @Test
    fun `German has the texts of English, with the same placeholders`() {
        val english = texts("values")
        val german = texts("values-de")
        assertTrue(english.size > 100)
        assertEquals(english.keys, german.keys)
        for ((name, text) in english) assertEquals(placeholders(text), placeholders(german.getValue(name)), name)
    }

    private fun placeholders(text: String) =
        Regex("%[0-9]+\\$,?[a-z]")
            .findAll(text)
            .map { it.value }
            .sorted()
            .toList()
}
