package dev.slipstream.errors

/**
 * An error that is a user's to mend, shown without a stack trace. Its message has four parts: what was expected, what
 * was found, where, and what to do. [exitCode] is what a process ends with; the codes are those of the Python side.
 */
public sealed class SlipstreamException(
    public val title: String,
    public val expected: String,
    public val found: String,
    public val where: String,
    public val action: String,
    public val exitCode: Int,
) : Exception("$title\n  expected: $expected\n  found:    $found\n  where:    $where\n  do:       $action")

/** An option whose value is not one of the choices, or a turn with nothing to do. */
public class UsageException(
    title: String,
    expected: String,
    found: String,
    where: String,
    action: String,
) : SlipstreamException(title, expected, found, where, action, exitCode = 2)

/** A `.litertlm` that is not ours, truncated, or with a byte that differs from its digest. */
public class BundleException(
    title: String,
    expected: String,
    found: String,
    where: String,
    action: String,
) : SlipstreamException(title, expected, found, where, action, exitCode = 8)

/** A prompt that does not fit the bundle's context. */
public class PromptTooLongException(
    title: String,
    expected: String,
    found: String,
    where: String,
    action: String,
) : SlipstreamException(title, expected, found, where, action, exitCode = 9)

/** LiteRT is missing, lacks a symbol, or a call into it failed. */
public class RuntimeLibraryException(
    title: String,
    expected: String,
    found: String,
    where: String,
    action: String,
) : SlipstreamException(title, expected, found, where, action, exitCode = 10)

/** A replay that forks from its trace, or a trace that breaks the format. */
public class TraceException(
    title: String,
    expected: String,
    found: String,
    where: String,
    action: String,
) : SlipstreamException(title, expected, found, where, action, exitCode = 11)
