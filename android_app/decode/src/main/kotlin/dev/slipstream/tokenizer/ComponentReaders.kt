package dev.slipstream.tokenizer

/** The `normalizer`, given as JSON. */
internal fun readNormalizer(
    value: Any?,
    errors: TokenizerErrors,
): Normalizer = Normalizer(if (value == null) emptyList() else normalizerSteps(Component("normalizer", value, errors)))

private fun normalizerSteps(component: Component): List<Normalizer.Step> =
    when (component.type) {
        "Sequence" -> {
            component.parts("normalizers").flatMap(::normalizerSteps)
        }

        "Replace" -> {
            listOf(Normalizer.Replace(utf8(component.literalPattern()), component.utf8("content")))
        }

        "Prepend" -> {
            listOf(Normalizer.Prepend(component.utf8("prepend")))
        }

        else -> {
            throw component.unsupported("Replace, Prepend, or a Sequence of them")
        }
    }

/** The `pre_tokenizer`, given as JSON. */
internal fun readWordSplit(
    value: Any?,
    errors: TokenizerErrors,
): WordSplit {
    if (value == null) return WordSplit(null)
    val component = Component("pre_tokenizer", value, errors)
    val kind = "Split behind a string (MergedWithPrevious, not inverted), or none"
    if (component.type != "Split") throw component.unsupported(kind)
    if (component.text("behavior") != "MergedWithPrevious" || component.flag("invert")) {
        val found = "${component.text("behavior")}, invert ${component.flag("invert")}"
        throw errors.unsupported("pre_tokenizer", kind, found)
    }
    return WordSplit(utf8(component.literalPattern()))
}

/** The `decoder`, given as JSON. */
internal fun readDecoderRules(
    value: Any?,
    errors: TokenizerErrors,
): DecoderRules {
    if (value == null) throw errors.unsupported("decoder", "Replace, Strip, ByteFallback, Fuse", "none")
    val steps = ArrayList<DecoderRules.Step>()
    var byteFallback = false
    var fused = false
    var stripWhole: DecoderRules.StripStart? = null
    for (component in flatDecoders(Component("decoder", value, errors))) {
        val type = component.type
        val inOrder =
            when (type) {
                "Replace" -> !byteFallback && !fused && steps.add(replaceStep(component))
                "Strip" if !fused -> !byteFallback && steps.add(stripStep(component))
                "Strip" -> (stripWhole == null).also { stripWhole = stripStep(component) }
                "ByteFallback" -> (!byteFallback && !fused).also { byteFallback = true }
                "Fuse" -> true.also { fused = true }
                else -> throw component.unsupported("Replace, Strip, ByteFallback, Fuse")
            }
        if (!inOrder) {
            val order = "the order Replace or Strip, ByteFallback, Fuse, Strip"
            throw errors.unsupported(component.path, order, "$type at another place")
        }
    }
    return DecoderRules(steps, byteFallback, stripWhole)
}

private fun flatDecoders(component: Component): List<Component> =
    if (component.type == "Sequence") component.parts("decoders").flatMap(::flatDecoders) else listOf(component)

private fun replaceStep(component: Component): DecoderRules.Replace {
    component.utf8("content")
    return DecoderRules.Replace(component.literalPattern(), component.text("content"))
}

private fun stripStep(component: Component): DecoderRules.StripStart {
    val content = component.text("content")
    component.utf8("content")
    if (content.codePointCount(0, content.length) != 1 || component.count("stop") != 0) {
        val found = "content '$content', stop ${component.count("stop")}"
        throw component.errors.unsupported(component.path, "Strip of one character, at the start only", found)
    }
    return DecoderRules.StripStart(content, component.count("start"))
}
