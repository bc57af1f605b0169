package org.diffusion4j.benchmarks;

import com.google.common.io.MoreFiles;
import com.google.common.io.RecursiveDeleteOption;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.autoencoder.AutoencoderBlocks;
import org.diffusion4j.autoencoder.AutoencoderKL;
import org.diffusion4j.autoencoder.LatentScaling;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.samplers.Samplers;
import org.diffusion4j.text.ClipTextEncoder;
import org.diffusion4j.text.ClipTextModel;
import org.diffusion4j.text.ClipTokenizer;
import org.diffusion4j.text.ClipVocabulary;
import org.diffusion4j.text.ImageRequest;
import org.diffusion4j.text.TextToImage;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.jspecify.annotations.Nullable;
import org.nd4j.common.util.ArrayUtil;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Stable Diffusion 1.5 with random weights: the time of its U-Net or of a whole picture, and the
 * resident memory of this process.
 */
@Command(
    name = "LargeModel",
    description = "Times Stable Diffusion and prints the memory of this process.",
    mixinStandardHelpOptions = true)
public final class LargeModel implements Callable<Integer> {

  private static final int TIMESTEPS = 1000;
  private static final Net NET = Net.STABLE_DIFFUSION;
  private static final int VOCABULARY = 49_408;
  private static final String PROMPT = "a red dragon over a green valley";

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
      names = "--picture",
      description = "Draw pictures of 512x512 pixels, instead of predictions of the U-Net.")
  private boolean picture;

  @Option(
      names = "--steps",
      defaultValue = "20",
      converter = AtLeastOne.class,
      description = "Sampling steps of a picture; default ${DEFAULT-VALUE}.")
  private int steps;

  @Option(
      names = "--batch",
      defaultValue = "2",
      converter = AtLeastOne.class,
      description = "Batch size of predictions; default ${DEFAULT-VALUE}.")
  private int batch;

  @Option(
      names = "--runs",
      defaultValue = "3",
      converter = AtLeastOne.class,
      description = "How many pictures, or predictions after the first; default ${DEFAULT-VALUE}.")
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
    if (create != null) {
      create(create);
    } else if (picture) {
      draw();
    } else {
      predict();
    }
    return 0;
  }

  /** Writes the whole model, whose tokenizer alone is smaller than the real one. */
  private void create(DataType type) throws IOException {
    Path tokens = Files.createTempDirectory("tokenizer");
    try {
      ClipVocabulary.learn(List.of(PROMPT), 1, Net.TOKENS).save(tokens);
      ClipTokenizer tokenizer = ClipTokenizer.read(tokens);
      ClipTextModel text =
          ClipTextModel.create(
              ClipTextModel.Config.of(VOCABULARY, Net.TOKENS, Net.TEXT_WIDTH, 12, 12), 1);
      AutoencoderBlocks blocks =
          AutoencoderBlocks.of(3, 4, 32, List.of(128, 256, 512, 512)).withLayersPerBlock(2);
      AutoencoderKL autoencoder =
          AutoencoderKL.create(
              AutoencoderKL.Config.of(blocks, 512).withScaling(LatentScaling.of(0.18215)), 1);
      SchedulerConfig scheduler = scheduler();
      try (TextToImage model =
          TextToImage.builder(
                  NET.config().create(scheduler.schedule(), scheduler.prediction(), 1),
                  ClipTextEncoder.of(tokenizer, text))
              .autoencoder(autoencoder)
              .scheduler(scheduler)
              .defaults(20, 7.5)
              .build()) {
        model.save(directory, type);
      }
    } finally {
      MoreFiles.deleteRecursively(tokens, RecursiveDeleteOption.ALLOW_INSECURE);
    }
  }

  private void draw() throws IOException {
    long start = System.nanoTime();
    try (TextToImage model =
        way == Way.LOAD ? TextToImage.load(directory) : TextToImage.loadFrozen(directory)) {
      print("loaded", start, model.network());
      for (int run = 0; run < runs; run++) {
        long begin = System.nanoTime();
        ImageRequest request =
            ImageRequest.builder(PROMPT).sampler(Samplers.named("ddim", steps)).seed(run).build();
        BufferedImage drawn = model.generate(request).get(0);
        print(drawn.getWidth() + " x " + drawn.getHeight() + " picture", begin, model.network());
      }
    }
  }

  private static SchedulerConfig scheduler() {
    return SchedulerConfig.of(
        NoiseSchedule.scaledLinear(TIMESTEPS, 0.00085, 0.012), Prediction.EPSILON);
  }

  private void predict() throws IOException {
    long start = System.nanoTime();
    Path unet = directory.resolve("unet");
    try (SameDiffDenoiser model =
            way == Way.LOAD
                ? PretrainedModel.loadNetwork(unet, scheduler())
                : PretrainedModel.loadFrozenNetwork(unet, scheduler());
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
