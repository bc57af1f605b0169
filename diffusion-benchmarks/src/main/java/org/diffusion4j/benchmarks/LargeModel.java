package org.diffusion4j.benchmarks;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.internal.files.DiffusersFormat;
import org.diffusion4j.internal.files.Json;
import org.diffusion4j.internal.files.Safetensors;
import org.diffusion4j.internal.files.WeightLayout;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.unet.NetworkConfig;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.diffusion4j.unet.UNet2DConditionModel;
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
  private static final int SIZE = 64;
  private static final int TOKENS = 77;
  private static final int TEXT_WIDTH = 768;

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

  /** The U-Net of Stable Diffusion 1.5: 860 million weights, 64x64 latents of 4 channels. */
  private static NetworkConfig config() {
    return UNet2DConditionModel.Config.of(4, SIZE, SIZE, TEXT_WIDTH, 320, 640, 1280, 1280);
  }

  @Override
  public Integer call() throws IOException {
    if (create == null) {
      measure();
    } else {
      create();
    }
    return 0;
  }

  /** Writes a configuration, and uniform weights of each layer's usual size. */
  private void create() throws IOException {
    NetworkConfig config = config();
    Map<String, @Nullable Object> json = new TreeMap<>(config.toJson());
    json.put(DiffusersFormat.CLASS_NAME, "UNet2DConditionModel");
    Files.createDirectories(directory);
    Json.write(directory.resolve(DiffusersFormat.CONFIG), json);
    Map<String, INDArray> weights = new LinkedHashMap<>();
    config
        .weightShapes()
        .forEach((name, shape) -> weights.put(name, weight(WeightLayout.TORCH.shape(name, shape))));
    Safetensors.write(directory.resolve(DiffusersFormat.WEIGHTS), weights, Map.of("format", "pt"));
    out.printf("%,d weights%n", weights.values().stream().mapToLong(INDArray::length).sum());
  }

  private INDArray weight(long... shape) {
    double inputs = (double) ArrayUtil.prodLong(shape) / shape[0];
    INDArray values = Nd4j.rand(DataType.FLOAT, shape).subi(0.5).muli(2 / Math.sqrt(inputs));
    if (create == DataType.FLOAT) {
      return values;
    }
    try (values) {
      return values.castTo(create);
    }
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
        INDArray x = noise(batch, 4, SIZE, SIZE);
        INDArray tokens = noise(batch, TOKENS, TEXT_WIDTH);
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
