package org.diffusion4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import org.diffusion4j.data.ImageFolder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** WebP is read where its reader is on the class path, as it is here. */
class WebpTest {

  private static final String LOSSY = "UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA";
  private static final String LOSSLESS_CLEAR = "UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==";

  @TempDir private Path folder;

  @Test
  void open_webp_isReadUnderAnyName() throws IOException {
    Files.write(folder.resolve("1.webp"), Base64.getDecoder().decode(LOSSY));
    Files.write(folder.resolve("2.webp"), Base64.getDecoder().decode(LOSSLESS_CLEAR));
    Files.write(folder.resolve("3.png"), Base64.getDecoder().decode(LOSSLESS_CLEAR));

    ImageFolder images = ImageFolder.open(folder, 1, 1);

    assertThat(images.size()).isEqualTo(3);
    float[] sample = new float[3];
    images.read(0, sample);
    assertThat(sample[0]).isStrictlyBetween(-0.1f, 0.1f);
    for (int clear = 1; clear < 3; clear++) {
      images.read(clear, sample);
      assertThat(sample).containsExactly(1, 1, 1);
    }
  }
}
