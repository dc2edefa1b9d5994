package dev.slipstream.jmh;

import androidx.collection.IntSetKt;
import dev.slipstream.decode.Round;
import dev.slipstream.decode.Session;
import dev.slipstream.draft.Policy;
import dev.slipstream.litert.BundleRuntime;
import dev.slipstream.litert.LiteRtLibrary;
import dev.slipstream.sampling.DraftChoice;
import dev.slipstream.sampling.Sampling;
import java.io.File;
import java.util.Iterator;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import kotlin.Unit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * One round over a real bundle, plain and drafted: time, and with {@code -prof gc} the bytes allocated in it. When the
 * cache is full it starts again from the prompt, which allocates a little: it is spread over the hundreds of rounds
 * before.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class RoundBenchmark {
  /** -1: automatic, with n-grams. */
  @Param({"0", "4", "-1"})
  public int draftTokens;

  private static final int AUTO = -1;

  @Param({"greedy", "sampled"})
  public String sampling;

  @Param("")
  public String bundle;

  /** Sampled: all parameters at once, the drafts drawn. */
  private static final Map<String, Sampling> SAMPLINGS =
      Map.of(
          "greedy", Sampling.Companion.getGREEDY(),
          "sampled", new Sampling(1, 64, 0.95, 0.001, 1.1, 64, 7, DraftChoice.DRAWN));

  private BundleRuntime runtime;
  private Session session;
  private Iterator<Round> rounds;

  @Setup
  public void open() {
    runtime = new BundleRuntime(new File(bundle), 1, null, LiteRtLibrary.Companion.load(null), null, null);
    Policy policy = draftTokens == AUTO ? runtime.autoPolicy(true) : runtime.fixedPolicy(draftTokens, false);
    session = runtime.session(null, IntSetKt.emptyIntSet(), SAMPLINGS.get(sampling), policy);
    start();
  }

  private void start() {
    int room = runtime.getTarget().getCapacity();
    rounds =
        session
            .turn(runtime.encode("def main():\n"), room, () -> false, (done, total) -> Unit.INSTANCE, true)
            .iterator();
    rounds.next();
  }

  @Benchmark
  public Round round() {
    if (!rounds.hasNext()) {
      start();
    }
    return rounds.next();
  }

  @TearDown
  public void close() {
    runtime.close();
  }
}
