package org.diffusion4j.benchmarks;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.jspecify.annotations.Nullable;
import org.nd4j.common.util.ArrayUtil;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Predictions of a large network: their time, and the resident memory of this process. */
@Command(
    name = "LargeModel",
    description = "Times a large network and prints the memory of this process.",
    mixinStandardHelpOptions = true)
public final class LargeModel implements Callable<Integer> {

  private static final int TIMESTEPS = 1000;
  private static final Net NET = Net.STABLE_DIFFUSION;

  /** How a model is read. */
  enum Way {
    LOAD,
    FROZEN
  }

  @Option(names = "--directory", required = true, description = "The model's directory.")
  private Path directory = Path.of("");

  @Option(
      names = "--create",
      description = "Only write the directory, with random weights of type float or half.")
  private @Nullable DataType create;

  @Option(names = "--way", defaultValue = "FROZEN", description = "load or frozen; default frozen.")
  private Way way = Way.FROZEN;

  @Option(
      names = "--batch",
      defaultValue = "2",
      converter = AtLeastOne.class,
      description = "Batch size; default ${DEFAULT-VALUE}.")
  private int batch;

  @Option(
      names = "--runs",
      defaultValue = "3",
      converter = AtLeastOne.class,
      description = "How many predictions after the first; default ${DEFAULT-VALUE}.")
  private int runs;

  private final PrintStream out;

  private LargeModel(PrintStream out) {
    this.out = out;
  }

  /** Runs the predictions and ends the program. */
  public static void main(String[] args) {
    System.exit(Programs.commandLine(new LargeModel(System.out)).execute(args));
  }

  @Override
  public Integer call() throws IOException {
    if (create == null) {
      measure();
    } else {
      out.printf("%,d weights%n", RandomWeights.write(NET.config(), create, directory));
    }
    return 0;
  }

  private void measure() throws IOException {
    long start = System.nanoTime();
    SchedulerConfig scheduler =
        SchedulerConfig.of(
            NoiseSchedule.scaledLinear(TIMESTEPS, 0.00085, 0.012), Prediction.EPSILON);
    try (SameDiffDenoiser model =
            way == Way.LOAD
                ? PretrainedModel.loadNetwork(directory, scheduler)
                : PretrainedModel.loadFrozenNetwork(directory, scheduler);
        INDArray x = noise(batch, NET.channels(), NET.size(), NET.size());
        INDArray tokens = noise(batch, Net.TOKENS, Net.TEXT_WIDTH);
        INDArray t = Nd4j.valueArrayOf(new long[] {batch}, 500f, DataType.FLOAT)) {
      out.printf("%s, batch %d, %,d weights%n", way, batch, model.parameterCount());
      print("loaded", start, model);
      print("first prediction", predict(model, x, t, tokens), model);
      List<Double> seconds = new ArrayList<>();
      for (int run = 0; run < runs; run++) {
        long begin = predict(model, x, t, tokens);
        seconds.add((System.nanoTime() - begin) / 1e9);
        print("prediction", begin, model);
      }
      out.printf("median %.2f s%n", Median.of(seconds));
    }
  }

  private static INDArray noise(long... shape) {
    Random random = new Random(1);
    float[] values = new float[Math.toIntExact(ArrayUtil.prodLong(shape))];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return Nd4j.create(values, shape, 'c');
  }

  /** Predicts and returns the time of the start. */
  private static long predict(SameDiffDenoiser model, INDArray x, INDArray t, INDArray tokens) {
    long start = System.nanoTime();
    model.predict(x, t, Condition.embeddings(tokens)).close();
    return start;
  }

  private void print(String what, long start, SameDiffDenoiser model) {
    out.printf(
        "%s: %.2f s; weights %d MB, plans %d MB, resident %.0f MB, peak %.0f MB%n",
        what,
        (System.nanoTime() - start) / 1e9,
        model.weightBytes() >> 20,
        model.planBytes() >> 20,
        ResidentMemory.currentMb(),
        ResidentMemory.peakMb());
  }
}
