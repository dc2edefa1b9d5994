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

/**
 * What a round of four drafts costs outside LiteRT, in Gemma's vocabulary: each draft drawn from the drafter's row and
 * the block of them judged by the target's five rows. {@code bin/jmh BUNDLE SamplerBenchmark}; the bundle is not read.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class SamplerBenchmark {
  private static final int DRAFTS = 4;
  private static final int ROWS = DRAFTS + 1;
  private static final int VOCABULARY = 262_144;
  private static final int POSITION = 8;

  @Param({"64", "0"})
  public int topK;

  /**
   * Heavy: few logits far above the rest, as a model has them. The others are what a selection may be bad at:
   * ascending, every logit is larger than all before; peaks, half of them are about 8 and half about -8.
   */
  @Param({"heavy", "ascending", "descending", "constant", "peaks"})
  public String row;

  private final FloatBuffer logits = buffer(ROWS);
  private final FloatBuffer[] single = new FloatBuffer[ROWS];
  private final FloatBuffer[] drafterLogits = new FloatBuffer[DRAFTS];
  private final MutableIntList tokens = new MutableIntList(ROWS);
  private final MutableIntList said = new MutableIntList(ROWS);
  private final MutableIntList one = new MutableIntList(1);
  private Sampler sampler;

  private static FloatBuffer buffer(int rows) {
    return ByteBuffer.allocateDirect(4 * rows * VOCABULARY).order(ByteOrder.nativeOrder()).asFloatBuffer();
  }

  @Setup
  public void fill() {
    one.add(7);
    sampler = new Sampler(new Sampling(1, topK, 0.95, 0, 1, 0, 7, DraftChoice.DRAWN), 2 * POSITION);
    Random random = new Random(1);
    for (int row = 0; row < ROWS; row++) {
      single[row] = logits.duplicate().position(row * VOCABULARY).slice();
      if (row < DRAFTS) {
        drafterLogits[row] = buffer(1);
      }
      for (int token = 0; token < VOCABULARY; token++) {
        float logit = logit(token, random);
        logits.put(row * VOCABULARY + token, logit);
        if (row < DRAFTS) {
          // Near the target's, so that some drafts are kept and a residual is left of others.
          float noise = row == 0 || this.row.equals("heavy") ? 0.5f * (float) random.nextGaussian() : 0;
          drafterLogits[row].put(token, logit + noise);
        }
      }
    }
  }

  private float logit(int token, Random random) {
    switch (row) {
      case "heavy":
        return heavy(random);
      case "ascending":
        return 40f * token / VOCABULARY - 20;
      case "descending":
        return 20 - 40f * token / VOCABULARY;
      case "constant":
        return 1;
      default:
        return (random.nextBoolean() ? 8 : -8) + (float) random.nextGaussian();
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

  /** Five rows of the target alone, as BestTokenBenchmark chooses from them greedily. */
  @Benchmark
  public int fiveRows() {
    int sum = 0;
    for (int row = 0; row < ROWS; row++) {
      sampler.targetTokens(single[row], VOCABULARY, (IntList) one, row, said);
      sum += said.get(0);
    }
    return sum;
  }

  @Benchmark
  public int round() {
    tokens.clear();
    tokens.add(7);
    sampler.beginDrafts(7, POSITION);
    for (int draft = 0; draft < DRAFTS; draft++) {
      tokens.add(sampler.draftToken(drafterLogits[draft], VOCABULARY, false));
    }
    sampler.targetTokens(logits, VOCABULARY, (IntList) tokens, POSITION, said);
    return said.getSize();
  }
}
