package org.diffusion4j.unet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.unet.SameDiffDenoiser.Gradients;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.factory.Nd4j;

class QuietlyTest {

  private final ByteArrayOutputStream written = new ByteArrayOutputStream();
  private final PrintStream real = System.out;

  @BeforeEach
  void capture() {
    // Another charset than the platform's tells who encodes.
    System.setOut(new PrintStream(written, true, StandardCharsets.ISO_8859_1));
  }

  @AfterEach
  void release() {
    System.setOut(real);
  }

  @Test
  void run_ofLines_keepsThoseOfSameDiffBack() {
    PrintStream before = System.out;
    Quietly.run(
        () -> {
          System.out.println("a line: ä");
          System.out.println("Added differentiated op add_1");
          System.out.print("half ");
          System.out.println(3);
          System.out.println((String) null);
          System.out.printf("%s%n", "formatted");
        });
    assertThat(System.out).isSameAs(before);
    assertThat(written.toString(StandardCharsets.ISO_8859_1).lines())
        .containsExactly("a line: ä", "half 3", "null", "formatted");
  }

  @Test
  void run_ofAFailure_restoresTheStream() {
    PrintStream before = System.out;
    assertThatIllegalStateException()
        .isThrownBy(
            () ->
                Quietly.run(
                    () -> {
                      throw new IllegalStateException("failed");
                    }))
        .withMessage("failed");
    assertThat(System.out).isSameAs(before);
  }

  @Test
  void run_whenTheActionSetsAStream_leavesThatOne() {
    PrintStream other = new PrintStream(new ByteArrayOutputStream());
    Quietly.run(() -> System.setOut(other));
    assertThat(System.out).isSameAs(other);
  }

  @Test
  void gradients_ofAModel_printNothing() {
    try (Mlp model = Mlp.create(new MlpConfig(2, 4, 1), NoiseSchedule.linear(100), 1);
        Gradients gradients =
            model.gradients(
                Nd4j.zeros(DataType.FLOAT, 1, 2),
                Nd4j.zeros(DataType.FLOAT, 1),
                Condition.none(),
                Nd4j.ones(DataType.FLOAT, 1, 2),
                List.of("linear_in.weight"))) {
      assertThat(gradients.of()).hasSize(1);
    }
    assertThat(written.toString(StandardCharsets.ISO_8859_1)).isEmpty();
  }
}
