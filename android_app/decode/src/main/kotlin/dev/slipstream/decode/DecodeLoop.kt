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
    fromStart: Boolean,
    maxNewTokens: Int,
    target: Target,
    drafter: Drafter?,
    config: DecodeConfig,
    cancelled: () -> Boolean,
    filled: (Int, Int) -> Unit,
): Sequence<Round> =
    sequence {
        var latest = prefillRound(state, promptTokens, fromStart, maxNewTokens, target, config, cancelled, filled)
        yield(latest)
        while (latest.stopReason == null) {
            latest = decodeRound(state, target, drafter, config, cancelled)
            yield(latest)
        }
    }

internal fun prefillRound(
    state: State,
    promptTokens: IntList,
    fromStart: Boolean,
    maxNewTokens: Int,
    target: Target,
    config: DecodeConfig,
    cancelled: () -> Boolean,
    filled: (Int, Int) -> Unit,
): Round {
    // 1. plan: from the start, what the cache holds already is kept; else the pending token comes first. What does not
    //    fit is refused untouched.
    val none = emptyIntList()
    val position = if (fromStart) commonBeginning(state.cached, promptTokens) else state.cacheLength
    val bonusToken = if (fromStart) NO_TOKEN else state.bonusToken
    val tokens = state.passTokens.apply { clear() }
    if (bonusToken != NO_TOKEN) tokens.add(bonusToken)
    for (i in (if (fromStart) position else 0) until promptTokens.size) tokens.add(promptTokens[i])
    checkTurn(tokens, maxNewTokens, position, target.capacity)
    target.rollback(position)
    if (fromStart) {
        state.cachedTokens.removeRange(position, state.cacheLength)
        state.bonusToken = NO_TOKEN
        state.hidden = null
    }
    if (cancelled()) return cancel(state, 0, none, null, 0, none, target)

    // 2. prefill: pass after pass, the last of which also names the turn's first token.
    var done = 0
    var fills = 0
    val part = state.partTokens
    while (true) {
        val count = target.fillCount(tokens.size - done, position + done)
        part.clear()
        for (i in done until if (count > 0) done + count else tokens.size) part.add(tokens[i])
        if (count == 0) break
        target.fill(part, position + done)
        done += count
        fills += 1
        filled(done, tokens.size)
        if (cancelled()) return cancel(state, fills, none, null, 0, none, target)
    }
    val (targetTokens, hiddens) = target.prefill(part, position + done)
    if (cancelled()) return cancel(state, fills, none, null, 0, targetTokens, target)

    // 3. commit: every prompt token is in the cache; the new one is pending.
    state.cachedTokens.addAll(tokens)
    val cacheLength = state.cacheLength
    state.bonusToken = targetTokens[0]
    state.hidden = hiddens[0]

    // 4. emit: the first token counts against the budget like any other.
    state.remaining = maxNewTokens - 1
    val emittedTokens = state.emittedTokens.apply { clear() }
    emittedTokens.add(targetTokens[0])

    // 5. stop
    val stopReason = stop(targetTokens[0], state.remaining, cacheLength, target.capacity, config.stopTokens)
    val index = state.index++
    return state.round.set(
        index,
        position,
        bonusToken,
        fills,
        none,
        null,
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
    if (cancelled()) return cancel(state, 0, emptyIntList(), null, 0, emptyIntList(), target)
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
            drafter.draft(state.cached, bonusToken, state.hidden!!, position, count)
        }
    val draftSource = if (draftTokens.isEmpty()) null else drafter?.source
    if (cancelled()) return cancel(state, 0, draftTokens, draftSource, 0, emptyIntList(), target)

    // 3. verify: the drafter may have returned fewer, so that the width is chosen now.
    val width = verifyWidth(1 + draftTokens.size, target.verifyWidths)
    val tokens = state.passTokens.apply { clear() }
    tokens.add(bonusToken)
    tokens.addAll(draftTokens)
    val (targetTokens, hiddens) = target.verify(tokens, position, width)
    if (cancelled()) return cancel(state, 0, draftTokens, draftSource, width, targetTokens, target)

    // 4. accept: the drafts that the target agrees with and one token of its own, cut at a stop token or the budget.
    val numAccepted = accept(draftTokens, targetTokens)
    val emittedTokens = state.emittedTokens.apply { clear() }
    for (i in 0 until numAccepted) emittedTokens.add(draftTokens[i])
    emittedTokens.add(targetTokens[numAccepted])
    cut(emittedTokens, state.remaining, config.stopTokens)

    // 5. commit: the bonus token and all that is emitted but its last, which is pending now; other rows are dead.
    state.cachedTokens.add(bonusToken)
    for (i in 0 until emittedTokens.size - 1) state.cachedTokens.add(emittedTokens[i])
    val cacheLength = state.cacheLength
    target.rollback(cacheLength)
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
        0,
        draftTokens,
        draftSource,
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
    fills: Int,
    draftTokens: IntList,
    draftSource: DraftSource?,
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
        fills,
        draftTokens,
        draftSource,
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
