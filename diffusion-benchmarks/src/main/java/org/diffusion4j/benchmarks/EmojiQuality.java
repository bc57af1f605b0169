package org.diffusion4j.benchmarks;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.function.BiPredicate;
import org.diffusion4j.data.NpyFiles;
import org.diffusion4j.text.ImageRequest;
import org.diffusion4j.text.TextImages;
import org.diffusion4j.text.TextToImage;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Measures whether a model of emoji draws what texts say: persons in the skin tone that was put
 * aside, and pictures that are nearest to the real one of their text.
 */
@Command(
    name = "EmojiQuality",
    description = "Measures whether a text-to-image model of emoji draws what texts say.",
    mixinStandardHelpOptions = true)
public final class EmojiQuality implements Callable<Integer> {

  private static final int SIZE = 32;

  @SuppressWarnings("NullAway.Init")
  @Option(names = "--model", required = true, description = "Model directory.")
  private Path directory;

  @SuppressWarnings("NullAway.Init")
  @Option(
      names = "--data",
      required = true,
      description = "Folder with the pictures and metadata.jsonl, without what was put aside.")
  private Path folder;

  @Option(
      names = "--per-tone",
      defaultValue = "4",
      converter = AtLeastOne.class,
      description = "Pictures of each person in a tone that was put aside; default 4.")
  private int perTone;

  @Option(
      names = "--texts",
      defaultValue = "500",
      converter = AtLeastOne.class,
      description = "Texts whose pictures are looked up; default 500.")
  private int texts;

  @Mixin private final SamplerOptions sampler = new SamplerOptions();

  @Option(names = "--guidance", defaultValue = "3", description = "Guidance scale; default 3.")
  private double guidance;

  @Option(
      names = "--npy",
      description = "Folder for samples.npy and real.npy, which SampleEval compares.")
  private @Nullable Path npy;

  private final PrintStream out;
  private final List<INDArray> samples = new ArrayList<>();

  EmojiQuality(PrintStream out) {
    this.out = out;
  }

  /** Measures a model and ends the program. */
  public static void main(String[] args) {
    System.exit(Programs.commandLine(new EmojiQuality(System.out)).execute(args));
  }

  @Override
  public Integer call() throws IOException {
    TextImages images = TextImages.open(folder, SIZE, SIZE);
    float[][] real = new float[images.size()][3 * SIZE * SIZE];
    for (int i = 0; i < real.length; i++) {
      images.read(i, real[i]);
    }
    double[][] pixels = Quality.pixels(Nd4j.createFromArray(real));
    try (TextToImage model = TextToImage.load(directory)) {
      out.printf("# %s: %s, guidance %s%n", directory, sampler, guidance);
      tones(model, new TonePictures(images.texts(), pixels));
      retrieval(model, images.texts(), pixels);
    }
    if (npy != null) {
      Files.createDirectories(npy);
      NpyFiles.write(npy.resolve("samples.npy"), Nd4j.concat(0, samples.toArray(INDArray[]::new)));
      NpyFiles.write(
          npy.resolve("real.npy"), Nd4j.createFromArray(real).reshape(-1, 3, SIZE, SIZE));
    }
    return 0;
  }

  private void tones(TextToImage model, TonePictures persons) {
    List<TonedText> missing = persons.missing();
    List<String> prompts = missing.stream().map(TonedText::text).toList();
    int right =
        count(
            model,
            prompts,
            perTone,
            (i, picture) ->
                persons.nearestTone(missing.get(i).concept(), picture) == missing.get(i).tone());
    report("tone accuracy", right, prompts.size() * perTone);
  }

  private void retrieval(TextToImage model, List<String> all, double[][] pixels) {
    List<String> chosen = new ArrayList<>(all);
    Collections.shuffle(chosen, new Random(sampler.seed()));
    List<String> prompts = chosen.subList(0, Math.min(texts, chosen.size()));
    int right =
        count(
            model,
            prompts,
            1,
            (i, picture) ->
                TonedText.conceptOf(all.get(Nearest.of(pixels, picture)))
                    .equals(TonedText.conceptOf(prompts.get(i))));
    report("retrieval", right, prompts.size());
  }

  /**
   * Draws pictures and counts those that are right.
   *
   * @param isRight gets the index of a prompt and the pixels of a picture of it
   */
  private int count(
      TextToImage model, List<String> prompts, int each, BiPredicate<Integer, double[]> isRight) {
    if (prompts.isEmpty()) {
      return 0;
    }
    ImageRequest request =
        ImageRequest.builder(prompts)
            .imagesPerPrompt(each)
            .guidanceScale(guidance)
            .sampler(sampler.of(model.scheduler()))
            .batchSize(16)
            .seed(sampler.seed())
            .build();
    INDArray pictures = model.values(request);
    samples.add(pictures);
    double[][] pixels = Quality.pixels(pictures);
    int right = 0;
    for (int i = 0; i < pixels.length; i++) {
      right += isRight.test(i / each, pixels[i]) ? 1 : 0;
    }
    return right;
  }

  private void report(String what, int right, int of) {
    out.printf("%s %.3f (%d of %d)%n", what, (double) right / Math.max(1, of), right, of);
    out.flush();
  }
}
