package dev.slipstream.bundle

import dev.slipstream.errors.BundleException

internal fun bundleError(
    title: String,
    expected: String,
    found: String,
    where: String,
): BundleException {
    val action = "Copy or download the bundle again, or export it again."
    return BundleException(title, expected, found, where, action)
}

/** [found] is a value as [spell] takes it. */
internal fun manifestError(
    key: String,
    expected: String,
    found: Any?,
): BundleException {
    val text = spell(found)
    val short = if (text.length <= 120) text else text.take(117) + "..."
    return BundleException("Manifest is not valid", expected, short, "manifest key $key", "Export the bundle again.")
}

/** Throws [manifestError] unless [condition] holds. */
internal inline fun checkManifest(
    condition: Boolean,
    key: String,
    expected: String,
    found: () -> Any?,
) {
    if (!condition) throw manifestError(key, expected, found())
}
