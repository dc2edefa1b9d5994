package dev.slipstream

import java.nio.file.Path

/** The repository's root, which the build names. */
val repository: Path = Path.of(checkNotNull(System.getProperty("slipstream.root")) { "run by Maven" }).normalize()
