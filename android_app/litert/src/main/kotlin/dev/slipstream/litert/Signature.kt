package dev.slipstream.litert

import dev.slipstream.bundle.Signature as Declared

/** One entry point of a model: its place in the model, and its tensors by name, in the order of the call. */
internal class Signature(
    val index: Long,
    val inputs: Map<String, Tensor>,
    val outputs: Map<String, Tensor>,
) {
    /** As a manifest writes it. */
    fun declared(): Declared = Declared(inputs.mapValues { it.value.spec() }, outputs.mapValues { it.value.spec() })

    /** The same with the sizes of buffers, which the [compiled] model knows. */
    fun withSizes(
        library: LiteRtLibrary,
        compiled: Long,
    ): Signature {
        fun sized(
            side: SignatureSide,
            tensors: Map<String, Tensor>,
        ) = tensors.entries.withIndex().associate { (at, entry) ->
            entry.key to Tensor(entry.value.type, side.size(library, compiled, index, at.toLong()))
        }
        return Signature(index, sized(SignatureSide.INPUT, inputs), sized(SignatureSide.OUTPUT, outputs))
    }
}

/** The signatures of [model], by name; their tensors have no sizes yet. */
internal fun signatures(
    library: LiteRtLibrary,
    model: Long,
): Map<String, Signature> {
    val count = library.create("LiteRtGetNumModelSignatures") { LiteRtApi.LiteRtGetNumModelSignatures(model, it) }
    return (0 until count).associate { index ->
        val handle = library.create("LiteRtGetModelSignature") { LiteRtApi.LiteRtGetModelSignature(model, index, it) }
        val key = library.text("LiteRtGetSignatureKey") { LiteRtApi.LiteRtGetSignatureKey(handle, it) }
        key to
            Signature(
                index,
                SignatureSide.INPUT.tensors(library, handle),
                SignatureSide.OUTPUT.tensors(library, handle),
            )
    }
}

private fun SignatureSide.tensors(
    library: LiteRtLibrary,
    signature: Long,
): Map<String, Tensor> {
    val number = library.create("LiteRtGetNumSignature${label}s") { count(signature, it) }
    return (0 until number).associate { at ->
        val name = library.text("LiteRtGetSignature${label}Name") { nameOf(signature, at, it) }
        val handle = library.create("LiteRtGetSignature${label}TensorByIndex") { tensor(signature, at, it) }
        name to Tensor.of(library, handle)
    }
}

private fun SignatureSide.size(
    library: LiteRtLibrary,
    compiled: Long,
    signature: Long,
    at: Long,
): Long {
    val needs =
        library.create("LiteRtGetCompiledModel${label}BufferRequirements") { requirements(compiled, signature, at, it) }
    return library.create("LiteRtGetTensorBufferRequirementsBufferSize") {
        LiteRtApi.LiteRtGetTensorBufferRequirementsBufferSize(needs, it)
    }
}
