package org.diffusion4j.pretrained;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.internal.files.Safetensors;
import org.diffusion4j.unet.Mlp;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Model directories whose weights have 16 bits. */
class WeightTypesTest {

  private static final String WEIGHTS = "mlp/diffusion_pytorch_model.safetensors";

  @TempDir Path directory;
  private final Mlp model = Mlp.create(new Mlp.Config(3, 8, 2), NoiseSchedule.linear(100), 5);
  private INDArray matrix;
  private String name;

  @BeforeEach
  void choose() {
    for (Map.Entry<String, INDArray> weight : model.weights().entrySet()) {
      if (weight.getValue().rank() == 2) {
        name = weight.getKey();
        matrix = weight.getValue();
        return;
      }
    }
  }

  @AfterEach
  void close() {
    model.close();
  }

  private void put(double value) {
    matrix.putScalar(0, 0, value);
    model.weightsChanged();
  }

  private double saved(double value) throws IOException {
    put(value);
    Path half = directory.resolve("half");
    PretrainedModel.of(model).save(half, DataType.FLOAT16);
    try (PretrainedModel loaded = PretrainedModel.load(half)) {
      return loaded.model().weights().get(name).getDouble(0, 0);
    }
  }

  @Test
  void save_half_takesHalfTheSpace() throws IOException {
    Path whole = directory.resolve("whole");
    Path half = directory.resolve("half");
    PretrainedModel.of(model).save(whole);
    PretrainedModel.of(model).save(half, DataType.FLOAT16);
    try (Safetensors wide = Safetensors.open(whole.resolve(WEIGHTS));
        Safetensors narrow = Safetensors.open(half.resolve(WEIGHTS))) {
      assertThat(narrow.names()).isEqualTo(wide.names());
      assertThat(wide.names()).allMatch(weight -> wide.dtype(weight).equals("F32"));
      assertThat(narrow.names()).allMatch(weight -> narrow.dtype(weight).equals("F16"));
      for (String weight : wide.names()) {
        try (INDArray expected = wide.read(weight);
            INDArray actual = narrow.read(weight)) {
          assertThat(actual.shape()).isEqualTo(expected.shape());
          assertThat(actual.equalsWithEps(expected, 1e-3)).as(weight).isTrue();
        }
      }
    }
    long bytes = 4 * model.weights().values().stream().mapToLong(INDArray::length).sum();
    assertThat(Files.size(whole.resolve(WEIGHTS)) - Files.size(half.resolve(WEIGHTS)))
        .isBetween(bytes / 2 - 64, bytes / 2 + 64);
  }

  @Test
  void save_half_roundsToTheNearestAndToEven() throws IOException {
    double step = 1.0 / 1024;
    assertThat(saved(1 + 0.5 * step)).isEqualTo(1);
    assertThat(saved(1 + 0.51 * step)).isEqualTo(1 + step);
    assertThat(saved(1 + 1.5 * step)).isEqualTo(1 + 2 * step);
    assertThat(saved(-65504)).isEqualTo(-65504);
    assertThat(saved(0x1.8p-24)).isEqualTo(0x1p-23);
  }

  @Test
  void save_half_refusesWhatIsTooLarge() throws IOException {
    Path half = directory.resolve("half");
    PretrainedModel.of(model).save(half);
    byte[] before = Files.readAllBytes(half.resolve(WEIGHTS));
    put(-65536);
    assertThatThrownBy(() -> PretrainedModel.of(model).save(half, DataType.FLOAT16))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("weights must be in [-65504, 65504]")
        .hasMessageContaining(name + " has one of magnitude 65536");
    assertThat(half.resolve(WEIGHTS)).hasBinaryContent(before);
  }

  @Test
  void save_otherTypes_areRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> PretrainedModel.of(model).save(directory, DataType.DOUBLE))
        .withMessage("type of weights to write must be FLOAT or FLOAT16 but was DOUBLE");
    assertThat(directory).isEmptyDirectory();
  }
}
