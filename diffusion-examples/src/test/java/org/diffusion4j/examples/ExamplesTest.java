package org.diffusion4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import onnx.Onnx.ModelProto;
import org.diffusion4j.Prediction;
import org.diffusion4j.data.NpyFiles;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.unet.UNet;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.api.ndarray.INDArray;

class ExamplesTest {

  private static final int SHEET_HEIGHT = Pictures.CAPTION + Pictures.GAP;

  @TempDir static Path shared;
  @TempDir Path directory;

  private static Runs digits;

  @BeforeAll
  static void trainOnDigits() {
    digits =
        Runs.of(
            "digits",
            "--steps=3",
            "--preview-steps=2",
            "--batch=8",
            "--sampling-steps=2",
            "--seed=5",
            "--out",
            shared);
  }

  @Test
  void digits_writePictures() throws IOException {
    assertThat(digits.err()).isEmpty();
    assertThat(digits.exitCode()).isZero();
    assertThat(digits.out()).contains("3823", "trained  3 steps", "loss", "samples");
    int grid = cells(10);
    assertSize(shared.resolve("samples.png"), 2 * grid + 3 * Pictures.GAP, grid + SHEET_HEIGHT);
    assertSize(shared.resolve("loss.png"), 2 * TrainingCharts.WIDTH, 2 * TrainingCharts.HEIGHT);
    assertSize(
        shared.resolve("denoising.png"), cells(2) + 2 * Pictures.GAP, cells(8) + SHEET_HEIGHT);
  }

  @Test
  void digits_drawPreviewsWhileTheyTrain() {
    assertThat(shared.resolve("previews")).isDirectoryContaining("glob:**/step-00000002.png");
  }

  @Test
  void digits_saveTheModelWithItsProvenance() throws IOException {
    try (PretrainedModel model = PretrainedModel.load(shared.resolve("model"))) {
      assertThat(model.provenance().facts())
          .containsKeys("data", "optimizer", "date", "library")
          .containsEntry("steps", "3")
          .containsEntry("seed", "5");
      assertThat(model.scheduler().flag("clip_sample", false)).isTrue();
    }
  }

  @Test
  void generate_writesAGrid() throws IOException {
    Path file = directory.resolve("grid.png");
    Runs run =
        Runs.of(
            "generate",
            "--model",
            shared.resolve("model"),
            "--sampler=ddim",
            "--steps=2",
            "--eta=0.5",
            "--count=5",
            "--out",
            file);
    assertThat(run.err()).isEmpty();
    assertThat(run.exitCode()).isZero();
    assertSize(file, 3 * 49 + 1, 2 * 49 + 1);
  }

  @Test
  void export_writesAnOnnxFile() throws IOException {
    Path file = directory.resolve("model.onnx");
    Runs run = Runs.of("export", "--model", shared.resolve("model"), "--out", file);
    assertThat(run.exitCode()).as(run.err()).isZero();
    ModelProto proto = ModelProto.parseFrom(Files.readAllBytes(file));
    assertThat(proto.getProducerName()).isEqualTo("diffusion4j");
    assertThat(proto.getGraph().getInput(0).getName()).isEqualTo("sample");
  }

  @Test
  void generate_doesNotDependOnTheBatch() throws IOException {
    for (String sampler : List.of("ddpm", "ddpm-posterior", "ddim")) {
      INDArray whole = generate(sampler, 5, 1);
      assertThat(whole.shape()).containsExactly(5, 1, 8, 8);
      assertThat(whole.maxNumber().doubleValue()).isLessThanOrEqualTo(1);
      assertThat(generate(sampler, 2, 1).distance2(whole)).isLessThan(1e-3);
      assertThat(generate(sampler, 5, 2).distance2(whole)).isGreaterThan(0.1);
    }
  }

  private INDArray generate(String sampler, int batch, int seed) throws IOException {
    Path file = directory.resolve("samples.npy");
    Runs run =
        Runs.of(
            "generate",
            "--model",
            shared.resolve("model"),
            "--sampler",
            sampler,
            "--steps=3",
            "--count=5",
            "--batch",
            batch,
            "--seed",
            seed,
            "--out",
            file);
    assertThat(run.exitCode()).as(run.err()).isZero();
    return NpyFiles.read(file);
  }

  @Test
  void images_ofAFolder() throws IOException {
    Path pictures = Files.createDirectories(directory.resolve("pictures"));
    for (int i = 0; i < 3; i++) {
      BufferedImage picture = new BufferedImage(20, 12, BufferedImage.TYPE_INT_RGB);
      picture.setRGB(i, i, 0xff8000);
      ImageIO.write(picture, "png", pictures.resolve(i + ".png").toFile());
    }
    Path out = directory.resolve("out");
    Runs run =
        Runs.of(
            "images",
            "--data",
            pictures,
            "--size=12",
            "--steps=2",
            "--batch=2",
            "--sampling-steps=2",
            "--out",
            out);
    assertThat(run.exitCode()).as(run.err()).isZero();
    int grid = cells(10);
    assertSize(out.resolve("samples.png"), grid + cells(3) + 3 * Pictures.GAP, grid + SHEET_HEIGHT);
    assertThat(out.resolve("model/model_index.json")).exists();
  }

  @Test
  void images_withLabels_areClassConditional() throws IOException {
    Path images = idx("images", 4, 6, 6);
    Path labels = idx("labels", 4);
    Path out = directory.resolve("out");
    Runs run =
        Runs.of(
            "images",
            "--data",
            images,
            "--labels",
            labels,
            "--steps=2",
            "--batch=2",
            "--sampling-steps=2",
            "--out",
            out);
    assertThat(run.exitCode()).as(run.err()).isZero();
    Path file = directory.resolve("threes.npy");
    Runs generated =
        Runs.of(
            "generate",
            "--model",
            out.resolve("model"),
            "--label=3",
            "--steps=1",
            "--count=2",
            "--out",
            file);
    assertThat(generated.exitCode()).as(generated.err()).isZero();
    assertThat(NpyFiles.read(file).shape()).containsExactly(2, 1, 6, 6);
    Runs refused = Runs.of("generate", "--model", out.resolve("model"), "--label=4", "--out", file);
    assertThat(refused.exitCode()).isEqualTo(2);
    assertThat(refused.err()).startsWith("error: --label must be in [0, 3] but was 4");
  }

  @ParameterizedTest
  @EnumSource(
      value = Prediction.class,
      names = {"FLOW", "EDM"})
  void images_ofOtherProcesses_areTunedToTwoSteps(Prediction prediction) throws IOException {
    Path images = idx("images", 4, 6, 6);
    Path model = directory.resolve("trained/model");
    Runs trained =
        Runs.of(
            "images",
            "--data=" + images,
            "--prediction=" + prediction,
            "--layers=2",
            "--steps=2",
            "--batch=2",
            "--sampling-steps=2",
            "--out=" + directory.resolve("trained"));
    assertThat(trained.exitCode()).as(trained.err()).isZero();
    Runs measured =
        Runs.of(
            "likelihood", "--model=" + model, "--data=" + images, "--count=2", "--tolerance=0.1");
    assertThat(measured.exitCode()).as(measured.err()).isZero();
    assertThat(measured.out()).matches("\\d+\\.\\d{3} bits per dimension, .* of 2 images; .*\\R");
    Map<String, String> ways =
        Map.of("--stages=0.5,0.75", "closeness [0.5, 0.75]", "--teacher-steps=3", "3 steps");
    ways.forEach(
        (way, told) -> {
          Path out = directory.resolve("tuned" + way);
          Runs tuned =
              Runs.of(
                  "tune",
                  "--model=" + model,
                  "--data=" + images,
                  way,
                  "--steps=4",
                  "--batch=2",
                  "--out=" + out);
          assertThat(tuned.exitCode()).as(tuned.err()).isZero();
          assertThat(out.resolve("samples.png")).exists();
          try (PretrainedModel loaded = PretrainedModel.load(out.resolve("model"))) {
            assertThat(loaded.model().prediction()).isEqualTo(prediction);
            assertThat(((UNet) loaded.model()).config().blocks().layers()).isEqualTo(2);
            assertThat(loaded.provenance().toString()).contains(told);
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        });
  }

  /** An IDX file that counts from 0. */
  private Path idx(String name, int... dimensions) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    DataOutputStream out = new DataOutputStream(bytes);
    out.writeInt(0x0800 | dimensions.length);
    int length = 1;
    for (int dimension : dimensions) {
      out.writeInt(dimension);
      length *= dimension;
    }
    for (int i = 0; i < length; i++) {
      out.writeByte(i);
    }
    return Files.write(directory.resolve(name), bytes.toByteArray());
  }

  @Test
  void mixture_writesSamplesAndHistograms() throws IOException {
    Runs run = Runs.of("mixture", "--steps=3", "--batch=16", "--count=50", "--out", directory);
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("data     share 0.5", "samples  share");
    List<String> lines = Files.readAllLines(directory.resolve("samples.csv"));
    assertThat(lines).hasSize(51).startsWith("x");
    assertThat(lines.subList(1, 51)).allSatisfy(line -> Double.parseDouble(line));
    assertSize(directory.resolve("histograms.png"), 2 * 520 + 3 * Pictures.GAP, 400 + SHEET_HEIGHT);
  }

  @Test
  void custom_findsBothModes() {
    Runs run = Runs.of("custom", "--count=2000");
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out().lines()).hasSize(4);
    assertThat(run.out().lines().skip(1))
        .allSatisfy(
            line ->
                assertThat(line)
                    .matches(".* share 0\\.[45]\\d+  mean -[12]\\.[09]\\d.*deviation 0\\.[45].*"));
  }

  /** The length of some cells of 48 pixels in a row. */
  private static int cells(int count) {
    return count * (48 + Pictures.LINE) - Pictures.LINE;
  }

  private static void assertSize(Path png, int width, int height) throws IOException {
    BufferedImage picture = ImageIO.read(png.toFile());
    assertThat(picture).as(png.toString()).isNotNull();
    assertThat(List.of(picture.getWidth(), picture.getHeight())).containsExactly(width, height);
  }
}
