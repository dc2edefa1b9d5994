package dev.slipstream.jmh;

import androidx.collection.IntList;
import androidx.collection.MutableIntList;
import dev.slipstream.sampling.Sampler;
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
 * The greedy choice in five rows of Gemma's vocabulary: what a round of four drafts costs outside LiteRT.
 * {@code bin/jmh BUNDLE BestTokenBenchmark}; the bundle is not read.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class BestTokenBenchmark {
  private static final int ROWS = 5;
  private static final int VOCABULARY = 262_144;

  @Param({"normal", "ascending"})
  public String row;

  private final Sampler sampler = new Sampler();
  private final MutableIntList tokens = new MutableIntList(ROWS);
  private final MutableIntList said = new MutableIntList(ROWS);
  private FloatBuffer logits;

  @Setup
  public void fill() {
    ByteBuffer bytes = ByteBuffer.allocateDirect(4 * ROWS * VOCABULARY).order(ByteOrder.nativeOrder());
    logits = bytes.asFloatBuffer();
    Random random = new Random(1);
    for (int i = 0; i < logits.capacity(); i++) {
      logits.put(i, row.equals("ascending") ? i % VOCABULARY : (float) random.nextGaussian());
    }
    for (int row = 0; row < ROWS; row++) {
      tokens.add(7);
    }
  }

  @Benchmark
  public int fiveRows() {
    sampler.targetTokens(logits, VOCABULARY, (IntList) tokens, 0, said);
    return said.get(0);
  }
}
