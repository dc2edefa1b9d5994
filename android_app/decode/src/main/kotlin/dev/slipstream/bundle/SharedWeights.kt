package dev.slipstream.bundle

/** Bytes [begin, end) of the file that several sections use in place. */
public data class SharedWeights(
    val name: String,
    val begin: Long,
    val end: Long,
    val sections: List<String>,
) {
    /** As Python's `repr` of the dataclass spells it in messages. */
    internal fun spelled(): String {
        val sections = spell(SpelledTuple(sections))
        return "SharedWeights(name=${spell(name)}, begin=$begin, end=$end, sections=$sections)"
    }

    internal companion object {
        fun read(
            value: Any?,
            key: String,
        ): SharedWeights {
            val fields = JsonFields(value, key, listOf("name", "begin", "end", "sections"))
            val begin = fields.long("begin", Long.MIN_VALUE)
            return SharedWeights(
                fields.text("name"),
                begin,
                fields.long("end", Long.MIN_VALUE),
                fields.texts("sections"),
            )
        }
    }
}
