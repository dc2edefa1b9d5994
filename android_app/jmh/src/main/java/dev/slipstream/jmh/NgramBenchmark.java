package dev.slipstream.jmh;

import androidx.collection.MutableIntList;
import dev.slipstream.draft.NgramIndex;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What looking n-grams up adds to a round of three emitted tokens, in a cache that is nearly full. Every 64 rounds the
 * text goes back by as much, as with a reply that is asked for again: that is in the time, too.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class NgramBenchmark {
  private static final int EMITTED = 3;
  private static final int ROUNDS = 64;

  @Param({"2048", "32768"})
  public int slots;

  /** Distinct tokens: of few, n-grams recur all the time; of many, hardly ever. */
  @Param({"30", "30000"})
  public int tokens;

  private final Random draw = new Random(1);
  private NgramIndex index;
  private MutableIntList cached;
  private int round;

  @Setup
  public void open() {
    index = new NgramIndex(slots);
    cached = new MutableIntList(slots);
    while (cached.getSize() < slots - 1 - EMITTED * ROUNDS) {
      cached.add(draw.nextInt(tokens));
    }
    index.match(cached, 0);
  }

  @Benchmark
  public int round() {
    round += 1;
    if (round % ROUNDS == 0) {
      cached.removeRange(cached.getSize() - EMITTED * (ROUNDS - 1), cached.getSize());
    } else {
      for (int i = 0; i < EMITTED; i++) {
        cached.add(draw.nextInt(tokens));
      }
    }
    return index.match(cached, draw.nextInt(tokens)) + index.drafts(7).getSize();
  }
}
