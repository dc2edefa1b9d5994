package dev.slipstream.litert

/** The functions that tell of a signature's inputs, and those that tell the same of its outputs. */
internal enum class SignatureSide(
    val label: String,
    val count: (Long, Out) -> Int,
    val nameOf: (Long, Long, Out) -> Int,
    val tensor: (Long, Long, Out) -> Int,
    val requirements: (Long, Long, Long, Out) -> Int,
) {
    INPUT(
        "Input",
        LiteRtApi::LiteRtGetNumSignatureInputs,
        LiteRtApi::LiteRtGetSignatureInputName,
        LiteRtApi::LiteRtGetSignatureInputTensorByIndex,
        LiteRtApi::LiteRtGetCompiledModelInputBufferRequirements,
    ),
    OUTPUT(
        "Output",
        LiteRtApi::LiteRtGetNumSignatureOutputs,
        LiteRtApi::LiteRtGetSignatureOutputName,
        LiteRtApi::LiteRtGetSignatureOutputTensorByIndex,
        LiteRtApi::LiteRtGetCompiledModelOutputBufferRequirements,
    ),
}
