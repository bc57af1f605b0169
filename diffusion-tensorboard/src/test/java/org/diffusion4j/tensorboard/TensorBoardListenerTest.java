package org.diffusion4j.tensorboard;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.entry;
import static org.assertj.core.api.Assertions.tuple;
import static org.assertj.core.api.Assertions.within;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.diffusion4j.TrainingListener;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TensorBoardListenerTest {

  @TempDir Path directory;

  private static TrainingListener.Step step(long index, double loss) {
    List<Double> quartiles = List.of(1.0, 2.0, Double.NaN, 4.0);
    return new TrainingListener.Step(index, 3, 8, loss, 0.5, quartiles, 1.5, 2e-4, 16);
  }

  private List<Path> files() throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files.sorted().toList();
    }
  }

  private List<EventReader.Event> events() throws IOException {
    List<Path> files = files();
    return EventReader.read(files.get(files.size() - 1));
  }

  @Test
  void file_beginsWithItsVersion() throws IOException {
    double before = System.currentTimeMillis() / 1000.0;
    TensorBoardListener.open(directory, 1).close();

    assertThat(files()).hasSize(1);
    assertThat(files().get(0).getFileName().toString())
        .matches("events\\.out\\.tfevents\\.\\d{10}\\.diffusion4j");
    assertThat(events()).hasSize(1);
    assertThat(events().get(0).text(3)).isEqualTo("brain.Event:2");
    assertThat(events().get(0).real(1)).isCloseTo(before, within(60.0));
  }

  @Test
  void step_isOneEventOfScalars() throws IOException {
    try (TensorBoardListener listener = TensorBoardListener.open(directory, 1)) {
      listener.onStep(step(41, 0.25));
    }

    EventReader.Event event = events().get(2);
    assertThat(event.number(2)).isEqualTo(42);
    assertThat(event.scalars())
        .containsExactly(
            entry("loss/batch", 0.25f),
            entry("loss/smoothed", 0.5f),
            entry("loss/quartile_1", 1f),
            entry("loss/quartile_2", 2f),
            entry("loss/quartile_4", 4f),
            entry("training/gradient_norm", 1.5f),
            entry("training/learning_rate", 2e-4f),
            entry("training/samples_per_second", 16f),
            entry("training/epoch", 3f));
  }

  @Test
  void step_firstOfAll_hasNoRateYet() throws IOException {
    try (TensorBoardListener listener = TensorBoardListener.open(directory, 1)) {
      listener.onStep(new TrainingListener.Step(0, 0, 8, 1, 1, List.of(), 1, 1e-3, Double.NaN));
    }

    assertThat(events().get(2).scalars())
        .containsKey("loss/batch")
        .doesNotContainKeys("training/samples_per_second", "loss/quartile_1");
  }

  /** A training that diverges shows it. */
  @Test
  void loss_thatIsNotANumber_isWritten() throws IOException {
    try (TensorBoardListener listener = TensorBoardListener.open(directory, 1)) {
      listener.onStep(step(0, Double.NaN));
    }

    assertThat(events().get(2).scalars().get("loss/batch")).isNaN();
  }

  @Test
  void everySteps_writesTheLastOfThem() throws IOException {
    try (TensorBoardListener listener = TensorBoardListener.open(directory, 10)) {
      for (int i = 0; i < 25; i++) {
        listener.onStep(step(i, i));
      }
    }

    assertThat(events().stream().filter(event -> event.has(5)))
        .extracting(event -> event.number(2), event -> event.scalars().get("loss/batch"))
        .containsExactly(tuple(10L, 9f), tuple(20L, 19f));
  }

  @Test
  void everySteps_belowOne_isRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> TensorBoardListener.open(directory, 0))
        .withMessage("steps must be at least 1 but were 0");
    assertThat(directory).isEmptyDirectory();
  }

  @Test
  void epochsAndValidations_areScalars() throws IOException {
    try (TensorBoardListener listener = TensorBoardListener.open(directory, 100)) {
      listener.onStep(step(0, 1));
      listener.onStep(step(1, 1));
      listener.onValidation(2, 0.75);
      listener.onEpoch(0, 0.5);
    }

    List<EventReader.Event> events = events().stream().filter(event -> event.has(5)).toList();
    assertThat(events).extracting(event -> event.number(2)).containsExactly(2L, 2L);
    assertThat(events.get(0).scalars()).isEqualTo(Map.of("loss/validation", 0.75f));
    assertThat(events.get(1).scalars()).isEqualTo(Map.of("loss/epoch", 0.5f));
  }

  @Test
  void picture_isAPngOfItsSize() throws IOException {
    BufferedImage picture = new BufferedImage(5, 3, BufferedImage.TYPE_INT_RGB);
    picture.setRGB(4, 2, 0x123456);
    try (TensorBoardListener listener = TensorBoardListener.open(directory, 1)) {
      listener.picture("samples", 1_000_000, picture);
    }

    EventReader.Event event = events().get(1);
    assertThat(event.number(2)).isEqualTo(1_000_000);
    EventReader.Event value = event.messages(5).get(0).messages(1).get(0);
    assertThat(value.text(1)).isEqualTo("samples");
    EventReader.Event image = value.messages(4).get(0);
    assertThat(image.number(1)).isEqualTo(3);
    assertThat(image.number(2)).isEqualTo(5);
    assertThat(image.number(3)).isEqualTo(3);
    BufferedImage read = ImageIO.read(new ByteArrayInputStream(image.bytes(4)));
    assertThat(read.getRGB(4, 2) & 0xFFFFFF).isEqualTo(0x123456);
  }

  @Test
  void resumed_writesANewFileThatSaysWhereItStarts() throws IOException {
    try (TensorBoardListener listener = TensorBoardListener.open(directory, 1)) {
      listener.onStep(step(0, 1));
      listener.onStep(step(1, 1));
    }
    byte[] before = Files.readAllBytes(files().get(0));
    try (TensorBoardListener listener = TensorBoardListener.open(directory, 1)) {
      listener.onStep(step(1, 2));
      listener.onStep(step(2, 3));
    }

    assertThat(files()).hasSize(2);
    assertThat(Files.readAllBytes(files().get(0))).isEqualTo(before);
    List<EventReader.Event> starts = events().stream().filter(event -> event.has(7)).toList();
    assertThat(starts).hasSize(1);
    assertThat(starts.get(0).number(2)).isEqualTo(2);
    assertThat(starts.get(0).messages(7).get(0).number(1)).isEqualTo(1);
    assertThat(events()).element(2).extracting(event -> event.number(2)).isEqualTo(2L);
  }

  /** Also of files that a clock in the future gave their names. */
  @Test
  void names_ofLaterFiles_comeLater() throws IOException {
    Files.createFile(directory.resolve("events.out.tfevents.4000000000.host.123.0"));
    for (int i = 0; i < 3; i++) {
      TensorBoardListener.open(directory, 1).close();
    }

    assertThat(files())
        .extracting(file -> file.getFileName().toString())
        .containsExactly(
            "events.out.tfevents.4000000000.host.123.0",
            "events.out.tfevents.4000000001.diffusion4j",
            "events.out.tfevents.4000000002.diffusion4j",
            "events.out.tfevents.4000000003.diffusion4j");
  }

  /** What a kill leaves: a file that ends anywhere. */
  @Test
  void tornTail_leavesTheEventsBefore() throws IOException {
    long whole;
    try (TensorBoardListener listener = TensorBoardListener.open(directory, 1)) {
      listener.onStep(step(0, 1));
      whole = Files.size(files().get(0));
      listener.onStep(step(1, 2));
    }
    byte[] bytes = Files.readAllBytes(files().get(0));
    assertThat(events()).hasSize(4);
    for (int end = (int) whole; end < bytes.length; end++) {
      Files.write(files().get(0), Arrays.copyOf(bytes, end));
      assertThat(events()).hasSize(3);
    }
  }

  @Test
  void events_areWithTheSystemBeforeTheFileIsClosed() throws IOException {
    try (TensorBoardListener listener = TensorBoardListener.open(directory, 1)) {
      for (int i = 0; i < 3; i++) {
        listener.onStep(step(i, i));
        assertThat(events()).hasSize(i + 3);
      }
    }
  }

  @Test
  void thread_thatIsInterrupted_writesOn() throws IOException {
    try (TensorBoardListener listener = TensorBoardListener.open(directory, 1)) {
      Thread.currentThread().interrupt();
      listener.onStep(step(0, 1));
      assertThat(Thread.interrupted()).isTrue();
      listener.onStep(step(1, 1));
    }

    assertThat(events()).hasSize(4);
  }

  @Test
  void file_thatCannotBeWritten_isNamed() throws IOException {
    TensorBoardListener listener = TensorBoardListener.open(directory, 1);
    listener.close();

    assertThatThrownBy(() -> listener.onStep(step(0, 1)))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageContaining(files().get(0).toString())
        .hasMessageContaining("cannot be written");
    assertThatThrownBy(() -> TensorBoardListener.open(files().get(0), 1))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(files().get(0).toString());
  }

  @Test
  void threads_writeWholeEvents() throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(4);
    try (TensorBoardListener listener = TensorBoardListener.open(directory, 1)) {
      for (int i = 0; i < 200; i++) {
        int n = i;
        threads.execute(() -> listener.onValidation(n, n));
      }
      threads.shutdown();
      assertThat(threads.awaitTermination(20, TimeUnit.SECONDS)).isTrue();
    }

    assertThat(events()).hasSize(202);
  }

  @Property
  void message_keepsEveryNumber(
      @ForAll long number, @ForAll double real, @ForAll float single, @ForAll String text) {
    EventReader.Event event =
        EventReader.parse(
            new Message()
                .number(1, number)
                .number(2, real)
                .number(3, single)
                .text(15, text)
                .toBytes());

    assertThat(event.number(1)).isEqualTo(number);
    assertThat(event.real(2)).isEqualTo(real);
    assertThat(event.single(3)).isEqualTo(single);
    assertThat(event.text(15)).isEqualTo(new String(text.getBytes(UTF_8), UTF_8));
  }
}
