package dev.slipstream.decode

import androidx.collection.IntList

/**
 * Length of the longest prefix of drafts that the target agrees with.
 *
 * `targetTokens[i]` is what the target says in the place of `draftTokens[i]`; it goes on at least up to
 * the first that is not the draft.
 */
internal fun accept(
    draftTokens: IntList,
    targetTokens: IntList,
): Int {
    var numAccepted = 0
    while (numAccepted < draftTokens.size && draftTokens[numAccepted] == targetTokens[numAccepted]) {
        numAccepted += 1
    }
    return numAccepted
}
