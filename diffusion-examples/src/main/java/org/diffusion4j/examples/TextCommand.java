package org.diffusion4j.examples;

import com.google.common.io.MoreFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.diffusion4j.data.ImageFiles;
import org.diffusion4j.text.ImageRequest;
import org.diffusion4j.text.Lora;
import org.diffusion4j.text.Loras;
import org.diffusion4j.text.TextToImage;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Draws pictures of texts. */
@Command(
    name = "text",
    description = "Draws pictures of texts with a text-to-image model.",
    mixinStandardHelpOptions = true)
final class TextCommand extends ExampleCommand {

  private static final double MOST_GUIDANCE = 1000;

  @Option(
      names = "--model",
      description =
          "Model directory, written here or by diffusers, or emoji for the model that comes with"
              + " the examples (${DEFAULT-VALUE}).")
  private Path model = Path.of(Emoji.NAME);

  @Option(names = "--prompt", description = "The text to draw.")
  private @Nullable String prompt;

  @Option(names = "--prompts", description = "File with texts to draw, one a line.")
  private @Nullable Path prompts;

  @Option(
      names = "--negative",
      description = "Text to lead away from, with --guidance above 1 (none).")
  private @Nullable String negative;

  @Option(names = "--lora", description = "Safetensors file of a LoRA to draw with (none).")
  private @Nullable Path lora;

  @Option(names = "--lora-scale", description = "Scale of the LoRA (${DEFAULT-VALUE}).")
  private double loraScale = 1;

  @Option(
      names = "--count",
      converter = Positive.class,
      description = "Number of pictures of each text (${DEFAULT-VALUE}).")
  private int count = 1;

  @Option(
      names = "--guidance",
      description = "Scale of classifier-free guidance; 1 is none (${DEFAULT-VALUE}).")
  private double guidance = 3;

  @Option(
      names = "--sampler",
      converter = NamedSampler.Converter.class,
      description = "Name of a sampler, as for generate (${DEFAULT-VALUE}).")
  private NamedSampler method = NamedSampler.DDIM;

  @Option(
      names = "--steps",
      converter = Positive.class,
      description = "Sampling steps (${DEFAULT-VALUE}).")
  private int steps = 25;

  @Option(names = "--seed", description = "Seed of the noise (${DEFAULT-VALUE}).")
  private long seed;

  @Option(
      names = "--out",
      description = "PNG file for the pictures of --prompt (${DEFAULT-VALUE}).")
  private Path out = Path.of("out/text.png");

  @Option(
      names = "--out-dir",
      description = "Folder for a PNG file of each of --prompts (${DEFAULT-VALUE}).")
  private Path outDirectory = Path.of("out/text");

  @Override
  public Integer call() throws IOException {
    require(out.toString().endsWith(".png"), "--out must end in .png: " + out);
    require(
        guidance >= 0 && guidance <= MOST_GUIDANCE,
        "--guidance must be in [0, " + MOST_GUIDANCE + "] but was " + guidance);
    List<String> texts = texts();
    Lora change = lora == null ? null : Lora.load(lora);
    try (TextToImage loaded = Emoji.orModel(model);
        Loras loras = Loras.of(loaded)) {
      int most = loaded.scheduler().schedule().steps();
      require(steps <= most, "--steps must be in [1, " + most + "] but was " + steps);
      if (change != null) {
        loras.put("lora", change, loraScale);
      }
      for (int i = 0; i < texts.size(); i++) {
        Path file =
            prompt != null ? out : outDirectory.resolve(Prompts.fileName(i + 1, texts.get(i)));
        draw(loaded, texts.get(i), file);
      }
    }
    return 0;
  }

  private List<String> texts() throws IOException {
    require(
        prompt == null || prompts == null,
        "either --prompt or --prompts must be given, but both were");
    require(
        prompt != null || prompts != null,
        "either --prompt or --prompts must be given, but neither was");
    return prompt != null ? List.of(prompt) : Prompts.read(Objects.requireNonNull(prompts));
  }

  private void draw(TextToImage loaded, String text, Path file) throws IOException {
    long start = System.nanoTime();
    ImageRequest.Builder request =
        ImageRequest.builder(text)
            .imagesPerPrompt(count)
            .guidanceScale(guidance)
            .sampler(method.sampler(loaded.scheduler(), steps))
            .seed(seed);
    if (negative != null) {
      request.negativePrompts(negative);
    }
    try (INDArray pictures = loaded.values(request.build())) {
      MoreFiles.createParentDirectories(file);
      if (pictures.size(0) == 1) {
        // In its own size, for other programs.
        ImageFiles.writePng(file, pictures.slice(0));
      } else {
        Pictures.writeGrid(file, pictures);
      }
    }
    out()
        .printf(
            Locale.ROOT,
            "written  %s, %d %s in %.1f s%n",
            file,
            count,
            count == 1 ? "picture" : "pictures",
            (System.nanoTime() - start) / 1e9);
  }
}
