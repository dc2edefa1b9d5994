package dev.slipstream.app.storage

import java.io.IOException

/** This phone's storage failed or is full; its message has the parts that SlipstreamException's has. */
internal class StorageException(
    title: String,
    expected: String,
    found: String,
    where: String,
    action: String,
) : IOException("$title\n  expected: $expected\n  found:    $found\n  where:    $where\n  do:       $action")
