package dev.slipstream.app.engine

/** The switch: measured, always as the bundle was exported, never. */
internal enum class Drafting {
    AUTO,
    ON,
    OFF,
}
