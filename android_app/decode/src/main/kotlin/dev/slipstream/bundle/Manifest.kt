package dev.slipstream.bundle

import dev.slipstream.chat.ChatFormat

/**
 * What a runtime must know besides the graphs. The JSON keys are these names in snake case, in manifest version 1.
 *
 * [contextLength] counts tokens. [prefillLengths] and [verifyWidths] are those of the main graph's signatures,
 * ascending; [signatures] are by section, then by name. [drafter] is null for a target alone. [draftTokens] is the most
 * drafts a round, of the drafter or looked up in the text; 0, without a drafter, where no verify pass was made for them.
 * [sources] is empty in a bundle of before they were written down, [sampling] null where the checkpoint said nothing.
 * [threads] of LiteRT are what the device that it was exported for takes best; null in a bundle of before.
 * Making one checks it: a BundleException names the key that does not fit the others.
 */
public data class Manifest(
    val target: Model,
    val drafter: Model?,
    val config: Config,
    val contextLength: Int,
    val draftTokens: Int,
    val prefillLengths: List<Int>,
    val verifyWidths: List<Int>,
    val signatures: Map<String, Map<String, Signature>>,
    val tokens: Tokens,
    val chat: ChatFormat?,
    val recipe: Recipe,
    val skipped: List<String>,
    val sources: List<Source>,
    val sampling: SamplingDefaults?,
    val threads: Int?,
    val sections: List<SectionEntry>,
    val sharedWeights: List<SharedWeights>,
    val headerSha256: String,
    val headerSums: String,
    val manifestSha256: String,
    val manifestSums: String,
) {
    init {
        checkManifest(prefillLengths.isNotEmpty(), "prefill_lengths", "at least one length") { tuple() }
        checkSignatures()
        checkSections()
        val roles = sources.map { it.role }
        checkManifest(roles.distinct().size == roles.size, "sources", "each role once") { roles }
    }

    /** Name of the main graph's signature that scores [width] tokens at once. */
    public fun verifySignature(width: Int): String =
        when (width) {
            1 -> "decode"
            draftTokens + 1 -> "verify"
            else -> "verify_$width"
        }

    private fun checkSignatures() {
        val needed = listOf("decode") + prefillLengths.map { "prefill_$it" } + verifyWidths.map(::verifySignature)
        val missing = (needed.toSet() - signatures["main"].orEmpty().keys).sorted()
        checkManifest(missing.isEmpty(), "signatures.main", "signatures ${spell(needed.distinct().sorted())}") {
            "${spell(missing)} missing"
        }
        val width = draftTokens + 1
        val offered = draftTokens == 0 || width in verifyWidths
        checkManifest(offered, "verify_widths", "draft_tokens + 1 = $width") { SpelledTuple(verifyWidths) }
        if (drafter == null) return
        val found = signatures.keys.sortedWith(::compareCodePoints)
        checkManifest("drafter" in signatures, "signatures", "signatures of the drafter") { found }
    }

    private fun checkSections() {
        val byName = sections.associateBy { it.name }
        checkManifest(byName.size == sections.size, "sections", "each name once") { sections.map { it.name } }
        if (sections.isEmpty()) return
        for (shared in sharedWeights) {
            for (name in shared.sections) {
                val section = byName[name]
                val inside =
                    section != null && shared.begin >= section.begin && shared.begin <= shared.end &&
                        shared.end <= section.end
                val key = "shared_weights ${firstCodePoints(shared.name, 40)}"
                checkManifest(inside, key, "bytes inside section $name") {
                    Spelled(shared.spelled())
                }
            }
        }
    }

    public companion object {
        /** Parses and checks; BundleException names the key, or the newer version, or what is no JSON. */
        public fun fromJson(text: ByteArray): Manifest = readManifest(parseManifestJson(text))
    }
}
