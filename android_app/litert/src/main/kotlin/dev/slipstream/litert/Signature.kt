package dev.slipstream.litert

/** One entry point of a model: its place in the model, and its tensors by name, in the order of the call. */
internal class Signature(
    val index: Long,
    val inputs: Map<String, Tensor>,
    val outputs: Map<String, Tensor>,
)
