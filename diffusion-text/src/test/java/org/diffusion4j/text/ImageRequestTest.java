package org.diffusion4j.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.awt.image.BufferedImage;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** What requests hold, and what they refuse without a model. */
class ImageRequestTest {

  private static ImageRequest.Builder request() {
    return ImageRequest.builder("a", "b", "c");
  }

  @Test
  void pictures_areOfTheirPrompts() {
    ImageRequest request =
        request().imagesPerPrompt(2).negativePrompts("x").secondPrompts("u", "v", "w").build();
    assertThat(request.count()).isEqualTo(6);
    ImageSettings settings = request.settings();
    assertThat(settings.prompt(3)).isEqualTo("b");
    assertThat(settings.secondPrompt(5)).isEqualTo("w");
    assertThat(settings.negativePrompt(4)).isEqualTo("x");
    assertThat(request().build().settings().negativePrompt(0)).isNull();
  }

  @Test
  void request_isNotChangedByItsBuilder() {
    ImageRequest.Builder builder = request();
    ImageRequest request = builder.build();
    builder.imagesPerPrompt(7).seed(1);
    assertThat(request.count()).isEqualTo(3);
    assertThat(builder.build().seed()).hasValue(1);
    assertThat(request.seed()).isPresent();
    assertThat(request().seeds(1, 2, 3).build().seed()).isEmpty();
  }

  @Test
  void images_areRepeatedLikeTheirPrompts() {
    INDArray images = Nd4j.create(new float[] {0, 1, 2}, new long[] {3, 1, 1, 1}, 'c');
    Pixels pixels = Pixels.of("images", images);
    try (INDArray rows = pixels.rows(1, 4, 6)) {
      assertThat(rows.data().asFloat()).containsExactly(0, 1, 1, 2);
    }
  }

  @Test
  void pictures_becomeValues() {
    BufferedImage picture = new BufferedImage(2, 1, BufferedImage.TYPE_INT_ARGB);
    picture.setRGB(0, 0, 0xFFFF0080);
    picture.setRGB(1, 0, 0x00FF0000);
    assertThat(Pixels.of(picture).values())
        .usingComparatorWithPrecision(1e-6f)
        .containsExactly(1, 1, -1, 1, 2 * 128 / 255f - 1, 1);
    BufferedImage mask = new BufferedImage(2, 1, BufferedImage.TYPE_BYTE_GRAY);
    mask.setRGB(0, 0, 0xFFFFFFFF);
    assertThat(Pixels.maskOf(mask).values())
        .usingComparatorWithPrecision(1e-3f)
        .containsExactly(1, 0);
  }

  @Test
  void badRequests_areRefused() {
    assertRefused(() -> ImageRequest.of(), "prompts must be at least 1 but were 0");
    assertRefused(
        () -> ImageRequest.builder(List.of("a".repeat(1_000_001))),
        "prompts must have at most 1000000 chars but one has 1000001");
    assertRefused(
        () -> request().negativePrompts("a", "b").build(),
        "negative prompts must be 1 or one per prompt, 3, but were 2");
    assertRefused(
        () -> request().seeds(1, 2).build(), "seeds must be one per picture, 3, but were 2");
    assertRefused(() -> request().strength(1.1), "strength must be in [0, 1] but was 1.1");
    assertRefused(() -> request().strength(-0.1), "strength must be in [0, 1] but was -0.1");
    assertRefused(
        () -> request().image(new Huge()),
        "images must have at most 2^31 values but one has 30000 x 30000 pixels");
    assertRefused(
        () -> request().mask(new Huge().rows(80_000)),
        "images must have at most 2^31 values but one has 30000 x 80000 pixels");
    assertRefused(
        () -> request().guidanceScale(Double.NaN), "guidance scale must be at least 0 but was NaN");
    assertRefused(
        () -> request().guidanceRescale(2), "guidance rescale must be in [0, 1] but was 2.0");
    assertRefused(() -> request().steps(0), "steps must be at least 1 but was 0");
    assertRefused(() -> request().size(0, 8), "height must be in [1, 32768] but was 0");
    assertRefused(
        () -> request().imagesPerPrompt(1_000_000).build(),
        "pictures must be at most 1000000 but were 3000000");
    assertRefused(
        () -> request().images(Nd4j.zeros(2, 3, 8, 8)).build(),
        "images must be 1 or one per prompt, 3, but were 2");
    assertRefused(
        () -> request().masks(Nd4j.zeros(1, 1, 8, 8)).build(),
        "mask must be given with an image but there is none");
    assertRefused(
        () -> request().images(Nd4j.zeros(1, 3, 8, 8)).masks(Nd4j.zeros(1, 1, 8, 16)).build(),
        "masks must be [1, 1, 8, 8], the size of the image, but were [1, 1, 8, 16]");
    assertRefused(
        () -> request().images(Nd4j.valueArrayOf(new long[] {1, 3, 8, 8}, Float.NaN)),
        "images must be finite but one value is NaN");
  }

  /** A picture that is said to be larger than it is. */
  private static final class Huge extends BufferedImage {

    private int rows = 30_000;

    Huge() {
      super(1, 1, TYPE_INT_RGB);
    }

    Huge rows(int n) {
      rows = n;
      return this;
    }

    @Override
    public int getHeight() {
      return rows;
    }

    @Override
    public int getWidth() {
      return 30_000;
    }
  }

  private static void assertRefused(Runnable call, String message) {
    assertThatIllegalArgumentException().isThrownBy(call::run).withMessage(message);
  }
}
