package dev.slipstream.decode

/** Is told how long rounds took: a draft policy learns from it. No lambda, which would box. */
public fun interface RoundObserver {
    /** [round] is over, which took [nanos]; what its reader does with it afterwards is no part of that. */
    public fun observe(
        round: Round,
        nanos: Long,
    )
}
