package dev.slipstream.litert

/**
 * libLiteRt's C API, bound by JNA's direct mapping: handles, addresses and sizes are Long (64-bit machines only), a
 * status is Int. The parameter lists are those of LiteRT 2.3's headers; [LiteRtLibrary] binds and checks them.
 */
@Suppress("ktlint:standard:function-naming")
internal object LiteRtApi {
    @JvmStatic
    external fun LiteRtCreateEnvironment(
        numOptions: Int,
        options: Long,
        environment: Long,
    ): Int

    @JvmStatic
    external fun LiteRtDestroyEnvironment(environment: Long)

    @JvmStatic
    external fun LiteRtCreateModelFromBuffer(
        environment: Long,
        address: Long,
        size: Long,
        model: Long,
    ): Int

    @JvmStatic
    external fun LiteRtDestroyModel(model: Long)

    @JvmStatic
    external fun LiteRtGetNumModelSignatures(
        model: Long,
        count: Long,
    ): Int

    @JvmStatic
    external fun LiteRtGetModelSignature(
        model: Long,
        index: Long,
        signature: Long,
    ): Int

    @JvmStatic
    external fun LiteRtGetSignatureKey(
        signature: Long,
        key: Long,
    ): Int

    @JvmStatic
    external fun LiteRtGetNumSignatureInputs(
        signature: Long,
        count: Long,
    ): Int

    @JvmStatic
    external fun LiteRtGetNumSignatureOutputs(
        signature: Long,
        count: Long,
    ): Int

    @JvmStatic
    external fun LiteRtGetSignatureInputName(
        signature: Long,
        index: Long,
        name: Long,
    ): Int

    @JvmStatic
    external fun LiteRtGetSignatureOutputName(
        signature: Long,
        index: Long,
        name: Long,
    ): Int

    @JvmStatic
    external fun LiteRtGetSignatureInputTensorByIndex(
        signature: Long,
        index: Long,
        tensor: Long,
    ): Int

    @JvmStatic
    external fun LiteRtGetSignatureOutputTensorByIndex(
        signature: Long,
        index: Long,
        tensor: Long,
    ): Int

    @JvmStatic
    external fun LiteRtGetRankedTensorType(
        tensor: Long,
        type: Long,
    ): Int

    @JvmStatic
    external fun LiteRtCreateOptions(options: Long): Int

    @JvmStatic
    external fun LiteRtDestroyOptions(options: Long)

    @JvmStatic
    external fun LiteRtSetOptionsHardwareAccelerators(
        options: Long,
        accelerators: Int,
    ): Int

    @JvmStatic
    external fun LiteRtCreateOpaqueOptions(
        identifier: Long,
        payload: Long,
        destructor: Long,
        opaque: Long,
    ): Int

    @JvmStatic
    external fun LiteRtAddOpaqueOptions(
        options: Long,
        opaque: Long,
    ): Int

    @JvmStatic
    external fun LiteRtCreateCompiledModel(
        environment: Long,
        model: Long,
        options: Long,
        compiled: Long,
    ): Int

    @JvmStatic
    external fun LiteRtDestroyCompiledModel(compiled: Long)

    @JvmStatic
    external fun LiteRtGetCompiledModelInputBufferRequirements(
        compiled: Long,
        signature: Long,
        index: Long,
        requirements: Long,
    ): Int

    @JvmStatic
    external fun LiteRtGetCompiledModelOutputBufferRequirements(
        compiled: Long,
        signature: Long,
        index: Long,
        requirements: Long,
    ): Int

    @JvmStatic
    external fun LiteRtGetTensorBufferRequirementsBufferSize(
        requirements: Long,
        size: Long,
    ): Int

    @JvmStatic
    external fun LiteRtCreateTensorBufferFromHostMemory(
        type: Long,
        address: Long,
        size: Long,
        deallocator: Long,
        buffer: Long,
    ): Int

    @JvmStatic
    external fun LiteRtDestroyTensorBuffer(buffer: Long)

    @JvmStatic
    external fun LiteRtRunCompiledModel(
        compiled: Long,
        signature: Long,
        numInputs: Long,
        inputs: Long,
        numOutputs: Long,
        outputs: Long,
    ): Int
}
