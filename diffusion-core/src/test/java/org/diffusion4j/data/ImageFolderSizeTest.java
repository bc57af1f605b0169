package org.diffusion4j.data;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.diffusion4j.data.ImageFolder.Option;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a folder of very many images costs. */
@Tag("slow")
class ImageFolderSizeTest {

  private static final int FOLDERS = 100;
  private static final int IMAGES = 1000;

  @TempDir private Path folder;

  @Test
  void open_manyImages_holdsABareNameOfEach() throws IOException {
    byte[] png = new PngBytes(1, 1, 8, PngBytes.GRAY).pixels(255);
    for (int f = 0; f < FOLDERS; f++) {
      Path into = Files.createDirectory(folder.resolve("class-%03d".formatted(f)));
      Path first = Files.write(into.resolve("picture-0000.png"), png);
      for (int i = 1; i < IMAGES; i++) {
        Files.createLink(into.resolve("picture-%04d.png".formatted(i)), first);
      }
    }
    int nameLength = "class-000/picture-0000.png".length();

    long before = usedHeap();
    ImageFolder images = ImageFolder.open(folder, 8, 8, Option.CLASS_FOLDERS);
    double bytes = (usedHeap() - before) / (double) images.size();

    assertThat(images.size()).isEqualTo(FOLDERS * IMAGES);
    assertThat(images.file(99_999)).isEqualTo(folder.resolve("class-099/picture-0999.png"));
    assertThat(images.label(99_999)).isEqualTo(99);
    // The name, where it ends, and its label; half as much again for what others do meanwhile.
    assertThat(bytes).isLessThan(1.5 * (nameLength + 2 * Integer.BYTES));
    SampleIterator batches = SampleIterator.of(images, 64).shuffle(1).build();
    for (int i = 0; i < 20; i++) {
      assertThat(batches.next().getFeatures().meanNumber().doubleValue()).isEqualTo(1);
    }
  }

  private static long usedHeap() {
    long least = Long.MAX_VALUE;
    for (int i = 0; i < 5; i++) {
      System.gc();
      Runtime runtime = Runtime.getRuntime();
      least = Math.min(least, runtime.totalMemory() - runtime.freeMemory());
    }
    return least;
  }
}
