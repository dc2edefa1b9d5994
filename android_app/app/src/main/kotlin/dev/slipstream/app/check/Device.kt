package dev.slipstream.app.check

import android.content.Context
import android.os.Build
import android.os.PowerManager

/** What tells one phone's numbers from another's; nothing that tells its owner. */
internal fun deviceFacts(): Map<String, Any?> =
    mapOf(
        "manufacturer" to Build.MANUFACTURER,
        "model" to Build.MODEL,
        "android" to Build.VERSION.RELEASE,
        "sdk" to Build.VERSION.SDK_INT,
        "abi" to Build.SUPPORTED_ABIS.firstOrNull(),
        "soc" to if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) Build.SOC_MODEL else Build.HARDWARE,
        "processors" to Runtime.getRuntime().availableProcessors(),
    )

/** Android's own words: "none" is a cool phone, from "severe" on processors are slowed down. */
internal fun thermalStatus(context: Context): String {
    val names = listOf("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")
    val status = context.getSystemService(PowerManager::class.java)?.currentThermalStatus ?: return "unknown"
    return names.getOrElse(status) { "unknown" }
}
