package org.diffusion4j.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import javax.imageio.ImageIO;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.Trainer;
import org.diffusion4j.TrainingListener;
import org.diffusion4j.autoencoder.AutoencoderBlocks;
import org.diffusion4j.autoencoder.AutoencoderKL;
import org.diffusion4j.autoencoder.LatentSource;
import org.diffusion4j.data.SampleIterator;
import org.diffusion4j.text.TextDenoiser.Trained;
import org.diffusion4j.training.Checkpoints;
import org.diffusion4j.training.DiffusionTrainer;
import org.diffusion4j.training.Optimizer;
import org.diffusion4j.unet.UNet2DConditionModel;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class TextDenoiserTest {

  private static final List<String> TEXTS = List.of("a red square", "blue", "", "green, dark");

  @TempDir Path folder;

  private final ClipTokenizer tokenizer = TextModels.tokenizer();
  private final UNet2DConditionModel unet = TextModels.tinyUNet(1);
  private final ClipTextModel text = TextModels.tinyText(2);

  @AfterEach
  void close() {
    unet.close();
    text.close();
  }

  @Test
  void predict_isThatOfTheUNetWithTheEncodersStates() {
    try (TextDenoiser denoiser = denoiser(Trained.BOTH)) {
      assertClose(predicted(denoiser, differences()), predicted(unet, states(TEXTS)));
      assertClose(
          predicted(denoiser, Condition.embeddings(Nd4j.zeros(DataType.FLOAT, 4, 77, 1))),
          predicted(unet, states(List.of("", "", "", ""))));
    }
  }

  @ParameterizedTest
  @EnumSource
  void train_changesTheTrainedWeightsOnly(Trained trained) throws IOException {
    Map<String, INDArray> ofUNet = copies(unet.weights());
    Map<String, INDArray> ofText = copies(text.weights());
    try (TextDenoiser denoiser = denoiser(trained)) {
      Trainer.Report report = train(denoiser, 50);
      denoiser.copyTo(unet, text);

      assertThat(report.meanLoss()).isLessThan(trained == Trained.TEXT_ENCODER ? 2 : 0.8);
      assertThat(changed(ofUNet, unet.weights())).isEqualTo(trained != Trained.TEXT_ENCODER);
      assertThat(changed(ofText, text.weights())).isEqualTo(trained != Trained.UNET);
      assertClose(predicted(denoiser, differences()), predicted(unet, states(TEXTS)));
    }
  }

  @Test
  void lora_trainsTheMatricesOnly_andLoadsToTheSamePredictions() throws IOException {
    Map<String, INDArray> before = copies(unet.weights());
    INDArray untrained = predicted(unet, states(TEXTS));
    try (TextDenoiser denoiser =
        TextDenoiser.withLora(
            unet, text, tokenizer, 2, 5, "to_q", "to_k", "to_v", "to_out.0", "q_proj")) {
      assertClose(predicted(denoiser, differences()), untrained);
      assertThat(denoiser.parameters().keySet()).allMatch(name -> name.contains(".lora_"));
      double loss = loss(denoiser);
      train(denoiser, 100);
      assertThat(loss(denoiser)).isLessThan(0.99 * loss);

      Path file = folder.resolve("pytorch_lora_weights.safetensors");
      denoiser.lora().save(file);
      INDArray trained = predicted(denoiser, differences());
      assertThat(distance(trained, untrained)).isGreaterThan(1e-2);
      try (Loras loras = Loras.of(unet, text)) {
        loras.put("trained", Lora.load(file), 1);
        assertClose(predicted(unet, states(TEXTS)), trained);
      }
    }
    assertThat(changed(before, unet.weights())).isFalse();
    assertThat(predicted(unet, states(TEXTS))).isEqualTo(untrained);
  }

  @Test
  void train_onLatents_reducesTheLoss() throws IOException {
    AutoencoderKL.Config config =
        AutoencoderKL.Config.of(AutoencoderBlocks.of(3, 3, 4, List.of(8, 8)), 8);
    try (AutoencoderKL autoencoder = AutoencoderKL.create(config, 1);
        TextDenoiser denoiser = denoiser(Trained.UNET);
        DiffusionTrainer trainer = trainer(denoiser).build()) {
      LatentSource latents = LatentSource.of(pictures(8).tokenized(tokenizer), autoencoder, 2);
      assertThat(latents.sampleShape()).containsExactly(3, 4, 4);
      Trainer.Report report = trainer.train(SampleIterator.of(latents, 4).shuffle(1).build(), 50);

      assertThat(report.meanLoss()).isLessThan(0.8);
    }
  }

  @Test
  void wholeModel_isTrainedInPlace() throws IOException {
    TextToImage model = TextToImage.builder(unet, ClipTextEncoder.of(tokenizer, text)).build();
    ImageRequest request = ImageRequest.builder("blue").seed(1).steps(2).size(8, 8).build();
    INDArray before = model.values(request);
    try (TextDenoiser denoiser = TextDenoiser.of(model, Trained.BOTH)) {
      train(denoiser, 2);
      assertThat(model.values(request)).isEqualTo(before);
      denoiser.copyTo(model);
      assertThat(model.values(request)).isNotEqualTo(before);
    }
    try (TextDenoiser denoiser = TextDenoiser.withLora(model, 2, 1)) {
      assertThat(denoiser.lora().layers()).as("4 of each attention").isEqualTo(4 * 4 * 2);
    }
  }

  @Test
  void denoiser_madeWithinAWorkspace_isNotPartOfIt() {
    try (MemoryWorkspace workspace =
            Nd4j.getWorkspaceManager().getAndActivateWorkspace("TextDenoiserTest");
        TextDenoiser denoiser = TextDenoiser.withLora(unet, text, tokenizer, 2, 1)) {
      assertThat(denoiser.weights().values()).noneMatch(INDArray::isAttached);
    }
  }

  @Test
  void resume_isBitEqual_whenAllIsTrained() throws IOException {
    assertResumes(() -> denoiser(Trained.BOTH));
  }

  @Test
  void resume_isBitEqual_whenTheTextEncoderIsFrozen() throws IOException {
    assertResumes(() -> denoiser(Trained.UNET));
  }

  @Test
  void resume_isBitEqual_withLora() throws IOException {
    assertResumes(() -> TextDenoiser.withLora(unet, text, tokenizer, 2, 5));
  }

  private void assertResumes(Supplier<TextDenoiser> models) throws IOException {
    Path checkpoints = folder.resolve("checkpoints");
    try (TextDenoiser whole = models.get();
        TextDenoiser first = models.get();
        TextDenoiser second = models.get();
        DiffusionTrainer uninterrupted = trainer(whole).build()) {
      uninterrupted.trainTo(data(), 6);
      try (DiffusionTrainer trainer =
          trainer(first).checkpoints(Checkpoints.in(checkpoints)).build()) {
        trainer.trainTo(data(), 3);
      }
      try (DiffusionTrainer trainer =
          trainer(second).checkpoints(Checkpoints.in(checkpoints)).build()) {
        assertThat(trainer.resume()).isEqualTo(3);
        trainer.trainTo(data(), 6);
      }
      Map<String, INDArray> expected = whole.parameters();
      second
          .parameters()
          .forEach((name, weight) -> assertThat(weight).as(name).isEqualTo(expected.get(name)));
    }
  }

  @Test
  void parts_thatDoNotFit_areRefused() {
    assertRefused(
        unet.resized(4, 4, 76),
        text,
        "U-Net and text encoder must be for the 77 tokens of the tokenizer but are for 76 and 77");
    ClipTextModel narrow = ClipTextModel.create(ClipTextModel.Config.of(1002, 77, 4, 1, 2), 1);
    assertRefused(
        unet, narrow, "U-Net must be for embeddings of the text encoder's width, 4, but is for 8");
    ClipTextModel few = ClipTextModel.create(ClipTextModel.Config.of(100, 77, 8, 1, 2), 1);
    assertRefused(
        unet, few, "text encoder must be for the 1002 ids of the tokenizer but is for 100");
    narrow.close();
    few.close();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> TextDenoiser.withLora(unet, text, tokenizer, 2, 1, "to_q", "conv_in"))
        .withMessage(
            "modules must each be the end of a dense layer's name but none ends with conv_in");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> TextDenoiser.withLora(unet, text, tokenizer, 0, 1))
        .withMessage("rank must be at least 1 but was 0");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> TextDenoiser.withLora(unet, text, tokenizer, 9, 1, "q_proj"))
        .withMessage(
            "rank must be at most 8, the least width of"
                + " text_encoder.text_model.encoder.layers.0.self_attn.q_proj.weight, but was 9");
    try (TextDenoiser denoiser = denoiser(Trained.UNET);
        ClipTextModel deep = ClipTextModel.create(ClipTextModel.Config.of(1002, 77, 8, 2, 2), 1)) {
      assertThatIllegalStateException().isThrownBy(denoiser::lora);
      assertThatIllegalArgumentException().isThrownBy(() -> denoiser.copyTo(unet, deep));
      assertThatIllegalArgumentException().isThrownBy(denoiser::config);
    }
  }

  private void assertRefused(UNet2DConditionModel net, ClipTextModel encoder, String message) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> TextDenoiser.of(net, encoder, tokenizer, Trained.BOTH))
        .withMessage(message);
  }

  private TextDenoiser denoiser(Trained trained) {
    return TextDenoiser.of(unet, text, tokenizer, trained);
  }

  private Trainer.Report train(TextDenoiser denoiser, int steps) throws IOException {
    try (DiffusionTrainer trainer = trainer(denoiser).build()) {
      return trainer.train(data(), steps);
    }
  }

  /** The mean loss over draws that training does not see. */
  private double loss(TextDenoiser denoiser) throws IOException {
    List<Double> losses = new ArrayList<>();
    try (DiffusionTrainer trainer =
        DiffusionTrainer.builder(denoiser).optimizer(Optimizer.adam(1e-30)).seed(77).build()) {
      trainer.train(
          data(),
          25,
          new TrainingListener() {
            @Override
            public void onStep(Step step) {
              losses.add(step.loss());
            }
          });
    }
    return losses.stream().mapToDouble(Double::doubleValue).average().orElseThrow();
  }

  private static DiffusionTrainer.Builder trainer(TextDenoiser denoiser) {
    return DiffusionTrainer.builder(denoiser)
        .optimizer(Optimizer.adam(1e-2))
        .labelDropout(0.1)
        .ema(0.9)
        .seed(3);
  }

  /** Pictures of one colour each. */
  private SampleIterator data() throws IOException {
    return SampleIterator.of(pictures(4).tokenized(tokenizer), 4).shuffle(1).build();
  }

  private TextImages pictures(int size) throws IOException {
    Path pictures = Files.createDirectories(folder.resolve("pictures"));
    StringBuilder lines = new StringBuilder();
    int[] colours = {0xff0000, 0x0000ff, 0xffffff, 0x004000};
    for (int i = 0; i < colours.length; i++) {
      BufferedImage image = new BufferedImage(1, 1, BufferedImage.TYPE_INT_RGB);
      image.setRGB(0, 0, colours[i]);
      ImageIO.write(image, "png", pictures.resolve(i + ".png").toFile());
      lines.append(
          String.format("{\"file_name\": \"%d.png\", \"text\": \"%s\"}%n", i, TEXTS.get(i)));
    }
    Files.writeString(pictures.resolve("metadata.jsonl"), lines);
    return TextImages.open(pictures, size, size);
  }

  private Condition differences() {
    TokenDifferences differences = new TokenDifferences(tokenizer);
    float[][] rows = TEXTS.stream().map(differences::of).toArray(float[][]::new);
    return Condition.embeddings(Nd4j.create(rows).reshape(rows.length, rows[0].length, 1));
  }

  private Condition states(List<String> texts) {
    int[][] ids = texts.stream().map(t -> tokenizer.encode(t).ids()).toArray(int[][]::new);
    return Condition.embeddings(text.hidden(ids, null, 0, true).tokens());
  }

  private static INDArray predicted(Denoiser denoiser, Condition condition) {
    INDArray x = Nd4j.linspace(DataType.FLOAT, -1, 2.0 / 191, 192).reshape(4, 3, 4, 4);
    return denoiser.predict(x, Nd4j.createFromArray(1f, 20, 50, 99), condition);
  }

  private static void assertClose(INDArray actual, INDArray expected) {
    assertThat(distance(actual, expected)).isLessThan(2e-5);
  }

  private static double distance(INDArray a, INDArray b) {
    return a.sub(b).amaxNumber().doubleValue();
  }

  private static Map<String, INDArray> copies(Map<String, INDArray> weights) {
    Map<String, INDArray> copies = new LinkedHashMap<>();
    weights.forEach((name, weight) -> copies.put(name, weight.dup()));
    return copies;
  }

  private static boolean changed(Map<String, INDArray> before, Map<String, INDArray> after) {
    return before.entrySet().stream().anyMatch(e -> !e.getValue().equals(after.get(e.getKey())));
  }
}
