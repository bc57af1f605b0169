package org.diffusion4j.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.diffusion4j.CancelToken;
import org.diffusion4j.Condition;
import org.diffusion4j.SamplingCancelledException;
import org.diffusion4j.autoencoder.Autoencoder;
import org.diffusion4j.samplers.Samplers;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Drawing pictures of texts: what requests mean, and what is refused. */
class TextToImageTest {

  private static final int STEPS = 3;

  @TempDir static Path folder;
  private static TextToImage latent;
  private static TextToImage pixels;

  @BeforeAll
  static void load() throws IOException {
    latent = TextToImage.load(Pipelines.whole(Pipelines.MODELS.resolve("sd1"), folder));
    pixels = Pipelines.ofPixels();
  }

  @AfterAll
  static void close() {
    latent.close();
    pixels.close();
  }

  private static float[] values(TextToImage model, ImageRequest.Builder request) {
    try (INDArray values = model.values(request.build())) {
      return values.dup('c').data().asFloat();
    }
  }

  private static ImageRequest.Builder request(String... prompts) {
    return ImageRequest.builder(prompts).steps(STEPS).seed(5);
  }

  @Test
  void generate_drawsOnePictureOfThePromptsSize() {
    BufferedImage picture = latent.generate("a cat");
    assertThat(picture.getWidth()).isEqualTo(16);
    assertThat(picture.getHeight()).isEqualTo(16);
    assertThat(latent.generate(request("a cat").size(8, 24).build()).get(0).getWidth())
        .isEqualTo(24);
  }

  @Test
  void pictures_dependOnTextSeedAndNegativeText() {
    float[] cat = values(latent, request("a cat"));
    assertThat(values(latent, request("a cat"))).isEqualTo(cat);
    assertThat(values(latent, request("a dog"))).isNotEqualTo(cat);
    assertThat(values(latent, request("a cat").seed(6))).isNotEqualTo(cat);
    assertThat(values(latent, request("a cat").negativePrompts("a dog"))).isNotEqualTo(cat);
    assertThat(values(latent, request("a cat").negativePrompts(""))).isEqualTo(cat);
    assertThat(values(latent, request("a cat").guidanceScale(1))).isNotEqualTo(cat);
    assertThat(values(latent, request("a cat").clipSkip(1))).isNotEqualTo(cat);
  }

  @Test
  void batches_haveNoEffect() {
    String[] prompts = {"a cat", "a dog", "a house"};
    float[] whole =
        values(latent, request(prompts).imagesPerPrompt(2).negativePrompts("red", "", "blue"));
    assertThat(whole).hasSize(6 * 3 * 16 * 16);
    for (int size : new int[] {1, 4, 6}) {
      ImageRequest.Builder request =
          request(prompts).imagesPerPrompt(2).negativePrompts("red", "", "blue").batchSize(size);
      assertThat(values(latent, request))
          .as("batches of %s", size)
          .usingComparatorWithPrecision(1e-5f)
          .containsExactly(whole);
    }
  }

  @Test
  void seeds_areThoseOfRequestsForOnePicture() {
    float[] two = values(latent, request("a cat", "a cat").seeds(8, 5));
    assertThat(two).hasSize(2 * 3 * 16 * 16);
    float[] one = values(latent, request("a cat"));
    for (int i = 0; i < one.length; i++) {
      assertThat(two[one.length + i]).isCloseTo(one[i], within(1e-5f));
    }
  }

  @Test
  void sixteenThreads_drawWhatOneDraws() throws Exception {
    List<float[]> alone = new ArrayList<>();
    for (int i = 0; i < 16; i++) {
      alone.add(values(latent, ofThread(i)));
    }
    ExecutorService pool = Executors.newFixedThreadPool(16);
    try {
      List<Future<float[]>> together = new ArrayList<>();
      for (int i = 0; i < 16; i++) {
        int thread = i;
        together.add(pool.submit(() -> values(latent, ofThread(thread))));
      }
      for (int i = 0; i < 16; i++) {
        assertThat(together.get(i).get()).as("thread %s", i).isEqualTo(alone.get(i));
      }
    } finally {
      pool.shutdownNow();
    }
  }

  /** Of several sizes, so that more networks are made than are kept. */
  private static ImageRequest.Builder ofThread(int i) {
    return ImageRequest.builder("a cat " + i).steps(2).seed(i).size(8 + 8 * (i % 5), 16);
  }

  @Test
  void sampler_isThatOfTheDirectoryOrAnother() {
    float[] own = values(latent, request("a cat"));
    assertThat(values(latent, request("a cat").sampler(Samplers.of(latent.scheduler(), STEPS))))
        .isEqualTo(own);
    assertThat(values(latent, request("a cat").sampler(Samplers.named("dpm++2m", STEPS))))
        .isNotEqualTo(own);
  }

  @Test
  void cancelledAndInterruptedRuns_end() {
    CancelToken token = new CancelToken();
    ImageRequest.Builder cancelled =
        request("a", "b")
            .batchSize(1)
            .cancelToken(token)
            .listener((step, previews) -> token.cancel());
    assertThatExceptionOfType(SamplingCancelledException.class)
        .isThrownBy(() -> latent.generate(cancelled.build()));
    ImageRequest.Builder interrupted =
        request("a", "b").listener((step, previews) -> Thread.currentThread().interrupt());
    assertThatExceptionOfType(SamplingCancelledException.class)
        .isThrownBy(() -> latent.generate(interrupted.build()));
    assertThat(Thread.interrupted()).isTrue();
    assertThat(latent.generate(request("a").build())).hasSize(1);
  }

  @Test
  void listener_getsEveryStepWithPreviews() {
    List<String> steps = new ArrayList<>();
    ImageRequest.Builder request =
        request("a", "b", "c")
            .batchSize(2)
            .listener(
                (step, previews) -> {
                  steps.add(step.first() + "/" + step.count() + " " + step.index());
                  assertThat(previews.get()).hasSize((int) step.x().size(0));
                  assertThat(previews.get().get(0).getWidth()).isEqualTo(16);
                });
    latent.generate(request.build());
    assertThat(steps)
        .containsExactly("0/3 0", "0/3 1", "0/3 2", "0/3 3", "2/3 0", "2/3 1", "2/3 2", "2/3 3");
  }

  @Test
  void startFromPicture_isCloserWithLessStrength() {
    INDArray image = Nd4j.rand(1, 3, 8, 8).muli(2).subi(1);
    float[] original = image.dup('c').data().asFloat();
    double before = 0;
    for (double strength : new double[] {0.1, 0.5, 1}) {
      float[] made =
          values(
              pixels,
              ImageRequest.builder("a cat").steps(10).seed(1).images(image).strength(strength));
      double distance = 0;
      for (int i = 0; i < made.length; i++) {
        distance += Math.abs(made[i] - original[i]);
      }
      assertThat(distance).as("strength %s", strength).isGreaterThan(before);
      before = distance;
    }
  }

  @Test
  void strength0_returnsThePicture() {
    INDArray image = Nd4j.rand(1, 3, 8, 8).muli(2).subi(1);
    INDArray mask = Nd4j.ones(1, 1, 8, 8);
    float[] original = image.dup('c').data().asFloat();
    assertThat(values(pixels, request("a").images(image).strength(0))).isEqualTo(original);
    assertThat(values(pixels, request("a").images(image).masks(mask).strength(0)))
        .isEqualTo(original);
  }

  @Test
  void strength0_ofALatentModel_encodesAndDecodesThePicture() {
    INDArray image = Nd4j.rand(1, 3, 16, 16).muli(2).subi(1);
    ImageRequest.Listener none =
        (step, previews) -> {
          throw new AssertionError("there was a step");
        };
    float[] made = values(latent, request("a").images(image).strength(0).listener(none));
    assertThat(made).hasSize(3 * 16 * 16);
    assertThat(values(latent, request("another").steps(7).images(image).strength(0)))
        .isEqualTo(made);
    assertThat(values(latent, request("a").images(image.neg()).strength(0))).isNotEqualTo(made);
  }

  @Test
  void repainting_keepsWhatIsNotInTheMask() {
    INDArray image = Nd4j.rand(1, 3, 8, 8).muli(2).subi(1);
    float[] mask = new float[64];
    for (int i = 0; i < 32; i++) {
      mask[i] = 1;
    }
    INDArray masks = Nd4j.create(mask, new long[] {1, 1, 8, 8}, 'c');
    float[] made = values(pixels, request("a cat").images(image).masks(masks));
    float[] original = image.dup('c').data().asFloat();
    int changed = 0;
    for (int i = 0; i < made.length; i++) {
      if (i % 64 >= 32) {
        assertThat(made[i]).isCloseTo(original[i], within(1e-6f));
      } else if (Math.abs(made[i] - original[i]) > 1e-3) {
        changed++;
      }
    }
    assertThat(changed).isGreaterThan(50);
  }

  @Test
  void tiledPictures_areOfTheSameSize() {
    assertThat(values(latent, request("a cat").size(32, 48).tiled())).hasSize(3 * 32 * 48);
  }

  @Test
  void defaults_areThoseOfTheDirectory() throws IOException {
    int[] steps = {0};
    ImageRequest.Builder request =
        ImageRequest.builder("a cat").seed(1).listener((step, previews) -> steps[0] = step.steps());
    float[] before = values(pixels, request);
    assertThat(steps[0]).isEqualTo(3);
    Path saved = folder.resolve("own");
    pixels.save(saved);
    try (TextToImage loaded = TextToImage.load(saved)) {
      assertThat(loaded.pipeline()).isEqualTo("TextToImagePipeline");
      assertThat(loaded.provenance()).isEqualTo(pixels.provenance());
      assertThat(values(loaded, request)).isEqualTo(before);
      assertThat(steps[0]).isEqualTo(3);
    }
  }

  /** The encoder of pixels, with a record of what it encodes. */
  private static TextEncoder recording(List<String> encoded) {
    TextEncoder clip = pixels.textEncoder().orElseThrow();
    return new TextEncoder() {
      @Override
      public Condition.Embeddings encode(List<String> prompts) {
        encoded.addAll(prompts);
        return clip.encode(prompts);
      }

      @Override
      public int tokens() {
        return clip.tokens();
      }

      @Override
      public int width() {
        return clip.width();
      }

      @Override
      public void close() {}
    };
  }

  @Test
  void strengthWithoutAStep_isRefusedBeforeTextsAreEncoded() {
    List<String> encoded = new ArrayList<>();
    TextToImage other = TextToImage.builder(pixels.network(), recording(encoded)).build();
    INDArray image = Nd4j.zeros(1, 3, 8, 8);
    INDArray mask = Nd4j.ones(1, 1, 8, 8);
    for (ImageRequest.Builder request :
        List.of(
            request("a").images(image).strength(0.1),
            request("a").images(image).masks(mask).strength(0.1),
            request("a")
                .images(image)
                .strength(0.1)
                .sampler(Samplers.of(pixels.scheduler(), STEPS)))) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> other.generate(request.build()))
          .withMessage("strength must leave at least 1 of 3 steps but was 0.1");
    }
    assertThat(encoded).isEmpty();
  }

  @Test
  void save_encodersThatTheDirectoryWouldLose_areRefused() {
    ClipTextEncoder clip = (ClipTextEncoder) pixels.textEncoder().orElseThrow();
    for (ClipTextEncoder other : List.of(clip.withClipSkip(1), ClipTextEncoder.xl(List.of(clip)))) {
      TextToImage model = TextToImage.builder(pixels.network(), other).build();
      Path directory = folder.resolve("lost");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> model.save(directory))
          .withMessage(
              "text encoder must be one of ClipTextEncoder.of without clip skip to be written as"
                  + " part of a TextToImagePipeline but is another");
      assertThat(directory).doesNotExist();
    }
  }

  @Test
  void close_closesTheOtherPartsIfOneFails() throws IOException {
    TextToImage whole = Pipelines.ofPixels();
    TextEncoder encoder = whole.textEncoder().orElseThrow();
    Autoencoder failing =
        (Autoencoder)
            Proxy.newProxyInstance(
                Autoencoder.class.getClassLoader(),
                new Class<?>[] {Autoencoder.class},
                (proxy, method, arguments) -> {
                  if (method.getName().equals("latentChannels")) {
                    return 3;
                  }
                  throw new IllegalStateException("closing failed");
                });
    TextToImage model = TextToImage.builder(whole.network(), encoder).autoencoder(failing).build();
    assertThatIllegalStateException().isThrownBy(model::close).withMessage("closing failed");
    assertThatIllegalStateException().isThrownBy(() -> encoder.encode(List.of("a")));
    assertThatIllegalStateException().isThrownBy(() -> model.network().weights());
  }

  @Test
  void otherEncoders_encodeTheTextsOfSeveralBatchesOnce() {
    List<String> encoded = new ArrayList<>();
    TextEncoder counting = recording(encoded);
    TextToImage other = TextToImage.builder(pixels.network(), counting).defaults(3, 2).build();
    ImageRequest.Builder request = request("a cat").imagesPerPrompt(5).batchSize(2);
    assertThat(values(other, request)).isEqualTo(values(pixels, request));
    assertThat(encoded).containsExactly("a cat", "");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> other.save(folder.resolve("other")))
        .withMessageStartingWith("text encoder must be a ClipTextEncoder to be written");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> other.generate(request("a cat").clipSkip(1).build()))
        .withMessage("clip skip must be 0 for a model without CLIP's encoder but was 1");
  }

  @Test
  void frozenModel_drawsTheSame() throws IOException {
    Path copy = Pipelines.whole(Pipelines.MODELS.resolve("sd1"), folder);
    try (TextToImage frozen = TextToImage.loadFrozen(copy)) {
      ImageRequest.Builder request = request("a cat").size(16, 24);
      assertThat(values(frozen, request)).isEqualTo(values(latent, request));
      ImageRequest.Builder fromImage = request("a cat").images(Nd4j.zeros(1, 3, 16, 16));
      assertThat(values(frozen, fromImage)).isEqualTo(values(latent, fromImage));
      assertThatIllegalStateException()
          .isThrownBy(() -> frozen.save(folder.resolve("frozen")))
          .withMessageContaining("load reads one that can be changed and saved");
      assertThat(folder.resolve("frozen")).doesNotExist();
    }
  }

  @Test
  void requestsThatDoNotFitTheModel_areRefused() {
    BufferedImage image = new BufferedImage(16, 16, BufferedImage.TYPE_INT_RGB);
    assertRefused(
        request("a").size(15, 16),
        "height and width must be multiples of 2, the autoencoder's factor, but were 15 x 16");
    assertRefused(
        request("a").image(image).size(8, 16),
        "height and width must be those of the image, 16 x 16, but were 8 x 16");
    assertRefused(
        request("a").images(Nd4j.zeros(1, 1, 16, 16)), "images must have 3 channels but had 1");
    assertRefused(request("a").clipSkip(99), "clip skip must be in [0, 2] but was 99");
    assertRefused(
        request("a").secondPrompts("b"),
        "second prompts must not be given to a model without a second encoder");
    assertRefused(
        request("a").strength(0.5), "strength must be given only with an image to start from");
    assertRefused(
        request("a").image(image).strength(0.1),
        "strength must leave at least 1 of 3 steps but was 0.1");
    assertRefused(
        request("a").noiseLevel(5),
        "noise level must not be given to a StableDiffusionPipeline but was 5");
    assertRefused(
        request("a").image(image).imageGuidanceScale(1.5),
        "image guidance scale must not be given to a StableDiffusionPipeline but was 1.5");
    assertRefused(
        request("a").steps(2000), "steps must be at most the schedule's, 1000, but were 2000");
  }

  private static void assertRefused(ImageRequest.Builder request, String message) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> latent.generate(request.build()))
        .withMessage(message);
  }

  @Test
  void partsThatDoNotFit_areRefused() throws IOException {
    TextToImage other = Pipelines.ofPixels();
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> TextToImage.builder(latent.network(), other.textEncoder().orElseThrow()).build())
        .withMessage("network must take embeddings of the text encoder's width, 8, but takes 32");
    other.close();
    assertThatIllegalStateException()
        .isThrownBy(() -> other.generate("a cat"))
        .withMessage("the model is closed");
  }
}
