package dev.slipstream.decode

import androidx.collection.IntList
import androidx.collection.IntSet
import androidx.collection.MutableIntList
import androidx.collection.emptyIntList

// The decoding loop. Its twin in Python has the same functions, parameters, order and numbered steps (DECODE.md).

/** Yields the rounds of one turn: a prefill, then decode rounds up to the one that has a stop reason. */
internal fun decode(
    state: State,
    promptTokens: IntList,
    maxNewTokens: Int,
    target: Target,
    drafter: Drafter?,
    config: DecodeConfig,
    cancelled: () -> Boolean,
): Sequence<Round> =
    sequence {
        var latest = prefillRound(state, promptTokens, maxNewTokens, target, config, cancelled)
        yield(latest)
        while (latest.stopReason == null) {
            latest = decodeRound(state, target, drafter, config, cancelled)
            yield(latest)
        }
    }

internal fun prefillRound(
    state: State,
    promptTokens: IntList,
    maxNewTokens: Int,
    target: Target,
    config: DecodeConfig,
    cancelled: () -> Boolean,
): Round {
    // 1. plan: the pending token of the turn before comes first; what does not fit is refused untouched.
    val position = state.cacheLength
    val bonusToken = state.bonusToken
    val tokens = state.passTokens.apply { clear() }
    if (bonusToken != NO_TOKEN) tokens.add(bonusToken)
    tokens.addAll(promptTokens)
    checkTurn(tokens, maxNewTokens, position, target.capacity)
    target.rollback(position)
    if (cancelled()) return cancel(state, emptyIntList(), 0, emptyIntList(), target)

    // 2. prefill: the whole prompt, which also names the turn's first token.
    val (targetTokens, hiddens) = target.prefill(tokens, position)
    if (cancelled()) return cancel(state, emptyIntList(), 0, targetTokens, target)

    // 3. commit: every prompt token is in the cache; the new one is pending.
    val cacheLength = position + tokens.size
    state.cacheLength = cacheLength
    state.bonusToken = targetTokens[0]
    state.hidden = hiddens[0]

    // 4. emit: the first token counts against the budget like any other.
    state.remaining = maxNewTokens - 1
    val emittedTokens = state.emittedTokens.apply { clear() }
    emittedTokens.add(targetTokens[0])

    // 5. stop
    val stopReason = stop(targetTokens[0], state.remaining, cacheLength, target.capacity, config.stopTokens)
    val none = emptyIntList()
    val index = state.index++
    return state.round.set(
        index,
        position,
        bonusToken,
        none,
        0,
        targetTokens,
        0,
        emittedTokens,
        cacheLength,
        stopReason,
    )
}

internal fun decodeRound(
    state: State,
    target: Target,
    drafter: Drafter?,
    config: DecodeConfig,
    cancelled: () -> Boolean,
): Round {
    // 1. plan: never draft past the budget, the cache, or the widest verify pass that fits.
    if (cancelled()) return cancel(state, emptyIntList(), 0, emptyIntList(), target)
    val position = state.cacheLength
    val bonusToken = state.bonusToken
    val room = target.capacity - position
    val count =
        if (drafter == null) 0 else draftCount(config.numDraftTokens, state.remaining, room, target.verifyWidths)

    // 2. draft: one constant position, live cache rows only.
    val draftTokens =
        if (drafter == null ||
            count <= 0
        ) {
            emptyIntList()
        } else {
            drafter.draft(bonusToken, state.hidden!!, position, count)
        }
    if (cancelled()) return cancel(state, draftTokens, 0, emptyIntList(), target)

    // 3. verify: the drafter may have returned fewer, so that the width is chosen now.
    val width = verifyWidth(1 + draftTokens.size, target.verifyWidths)
    val tokens = state.passTokens.apply { clear() }
    tokens.add(bonusToken)
    tokens.addAll(draftTokens)
    val (targetTokens, hiddens) = target.verify(tokens, position, width)
    if (cancelled()) return cancel(state, draftTokens, width, targetTokens, target)

    // 4. accept: the drafts that the target agrees with and one token of its own, cut at a stop token or the budget.
    val numAccepted = accept(draftTokens, targetTokens)
    val emittedTokens = state.emittedTokens.apply { clear() }
    for (i in 0 until numAccepted) emittedTokens.add(draftTokens[i])
    emittedTokens.add(targetTokens[numAccepted])
    cut(emittedTokens, state.remaining, config.stopTokens)

    // 5. commit: the bonus token and all that is emitted but its last, which is pending now; other rows are dead.
    val cacheLength = position + emittedTokens.size
    target.rollback(cacheLength)
    state.cacheLength = cacheLength
    state.bonusToken = emittedTokens.last()
    state.hidden = hiddens[emittedTokens.size - 1]

    // 6. emit: only what is emitted counts against the budget.
    state.remaining -= emittedTokens.size

    // 7. stop
    val stopReason = stop(emittedTokens.last(), state.remaining, cacheLength, target.capacity, config.stopTokens)
    val index = state.index++
    return state.round.set(
        index,
        position,
        bonusToken,
        draftTokens,
        width,
        targetTokens,
        numAccepted,
        emittedTokens,
        cacheLength,
        stopReason,
    )
}

/** The record of a round that was given up: what it computed is noted, nothing is emitted or kept. */
internal fun cancel(
    state: State,
    draftTokens: IntList,
    width: Int,
    targetTokens: IntList,
    target: Target,
): Round {
    val position = state.cacheLength
    target.rollback(position)
    val index = state.index++
    return state.round.set(
        index,
        position,
        state.bonusToken,
        draftTokens,
        width,
        targetTokens,
        0,
        emptyIntList(),
        position,
        StopReason.CANCELLED,
    )
}

/** Keeps tokens up to and with the first stop token, at most [remaining] of them. */
internal fun cut(
    tokens: MutableIntList,
    remaining: Int,
    stopTokens: IntSet,
) {
    for (i in 0 until tokens.size) {
        if (tokens[i] in stopTokens || i + 1 == remaining) {
            tokens.removeRange(i + 1, tokens.size)
            return
        }
    }
}

/** Why the turn ends after [token], or null. The earlier line wins where two reasons meet. */
internal fun stop(
    token: Int,
    remaining: Int,
    cacheLength: Int,
    capacity: Int,
    stopTokens: IntSet,
): StopReason? {
    if (token in stopTokens) return StopReason.STOP_TOKEN
    if (remaining == 0) return StopReason.MAX_NEW_TOKENS
    if (cacheLength == capacity) return StopReason.CACHE_FULL
    return null
}
