package dev.slipstream.jmh;

import androidx.collection.IntList;
import androidx.collection.MutableIntList;
import dev.slipstream.sampling.DraftChoice;
import dev.slipstream.sampling.Sampler;
import dev.slipstream.sampling.Sampling;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
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

/** Five rows of Gemma's vocabulary drawn from, as BestTokenBenchmark chooses from them greedily. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class SamplerBenchmark {
  private static final int ROWS = 5;
  private static final int VOCABULARY = 262_144;

  @Param({"64", "0"})
  public int topK;

  /** Heavy: few logits far above the rest, as a model has them. Ascending: every logit is larger than all before. */
  @Param({"heavy", "ascending"})
  public String row;

  private final FloatBuffer[] rows = new FloatBuffer[ROWS];
  private final MutableIntList said = new MutableIntList(ROWS);
  private final MutableIntList one = new MutableIntList(1);
  private Sampler sampler;

  @Setup
  public void fill() {
    one.add(7);
    sampler = new Sampler(new Sampling(1, topK, 0.95, 0, 1, 0, 7, DraftChoice.DRAWN), 8);
    Random random = new Random(1);
    for (int row = 0; row < ROWS; row++) {
      ByteBuffer bytes = ByteBuffer.allocateDirect(4 * VOCABULARY).order(ByteOrder.nativeOrder());
      rows[row] = bytes.asFloatBuffer();
      for (int i = 0; i < VOCABULARY; i++) {
        rows[row].put(i, this.row.equals("heavy") ? heavy(random) : 40f * i / VOCABULARY - 20);
      }
    }
  }

  /** Capped at 30 as Gemma's are; one of two thousand is drawn from a tail that falls slowly. */
  private static float heavy(Random random) {
    double logit = 2.5 * random.nextGaussian() - 4;
    if (random.nextInt(2000) == 0) {
      logit -= 5 * Math.log(random.nextDouble());
    }
    return (float) (30 * Math.tanh(logit / 30));
  }

  @Benchmark
  public int fiveRows() {
    int sum = 0;
    for (int row = 0; row < ROWS; row++) {
      sampler.targetTokens(rows[row], VOCABULARY, (IntList) one, row, said);
      sum += said.get(0);
    }
    return sum;
  }
}
