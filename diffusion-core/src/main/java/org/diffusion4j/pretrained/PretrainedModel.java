package org.diffusion4j.pretrained;

import static org.diffusion4j.pretrained.DiffusersFormat.CLASS_NAME;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.internal.AtomicFiles;
import org.diffusion4j.unet.Mlp;
import org.diffusion4j.unet.MlpConfig;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.diffusion4j.unet.UNet;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A model with the settings of its sampler and its origin: what a model directory holds.
 *
 * <p>The directory is laid out as diffusers lays out its pipelines: {@code model_index.json},
 * {@code unet/config.json}, {@code unet/diffusion_pytorch_model.safetensors} (or several such files
 * with an index), {@code scheduler/scheduler_config.json}. A {@link UNet} saved here loads there as
 * a {@code DDPMPipeline} or {@code DDIMPipeline}, and the reverse. An {@link Mlp} has {@code mlp/}
 * in place of {@code unet/} and no counterpart there.
 *
 * @param model the denoiser; a {@link UNet} or an {@link Mlp}
 * @param scheduler the settings of its schedule and its sampler
 * @param provenance where the model comes from
 */
public record PretrainedModel(
    SameDiffDenoiser model, SchedulerConfig scheduler, Provenance provenance)
    implements AutoCloseable {

  static final String MLP_CLASS = "Mlp";
  static final String MLP_PIPELINE = MLP_CLASS + "Pipeline";
  static final String LIBRARY = "diffusion4j";
  static final String DIFFUSERS = "diffusers";
  static final Map<String, String> PIPELINES =
      Map.of("DDPMPipeline", "DDPMScheduler", "DDIMPipeline", "DDIMScheduler");

  public PretrainedModel {
    Objects.requireNonNull(scheduler, "scheduler");
    Objects.requireNonNull(provenance, "provenance");
    if (!(model instanceof UNet || model instanceof Mlp)) {
      throw new IllegalArgumentException(
          "model must be a UNet or an Mlp but was " + model.getClass().getName());
    }
  }

  /**
   * A model that was trained here, with its own schedule and nothing clipped.
   *
   * @param model a {@link UNet} or an {@link Mlp}
   */
  public static PretrainedModel of(SameDiffDenoiser model) {
    return new PretrainedModel(
        model,
        SchedulerConfig.of(model.schedule(), model.prediction()),
        Provenance.ofThisLibrary());
  }

  /** This model with another account of where it comes from. */
  public PretrainedModel withProvenance(Provenance origin) {
    return new PretrainedModel(model, scheduler, origin);
  }

  /** This model with other settings of its sampler. */
  public PretrainedModel withScheduler(SchedulerConfig settings) {
    return new PretrainedModel(model, settings, provenance);
  }

  /**
   * Writes the model directory. It is written beside its place and renamed when it is whole, so
   * that whenever the process ends, the old or the new one is there to be loaded.
   *
   * @param directory where it is to be, or a symbolic link to it; one that is there is replaced,
   *     with all that is in it, if it is empty or holds a {@code model_index.json}
   * @throws IOException if it cannot be written, or if another kind of thing is in its place; what
   *     was there is then unchanged
   */
  public void save(Path directory) throws IOException {
    AtomicFiles.recover(directory);
    if (Files.exists(directory) && !replaceable(directory)) {
      throw new IOException(
          directory + " must be a model directory, empty or absent, to be written");
    }
    AtomicFiles.writeDirectory(directory, beside -> writeTo(beside, model.weights()));
  }

  private static boolean replaceable(Path directory) throws IOException {
    if (!Files.isDirectory(directory)) {
      return false;
    }
    try (var files = Files.list(directory)) {
      return Files.exists(directory.resolve(DiffusersFormat.INDEX)) || files.findAny().isEmpty();
    }
  }

  /**
   * Fills an empty directory.
   *
   * @param weights in place of the model's own, under the same names
   */
  void writeTo(Path directory, Map<String, INDArray> weights) throws IOException {
    Map<String, @Nullable Object> index = new TreeMap<>();
    index.put("_diffusers_version", DiffusersFormat.VERSION);
    index.put(DiffusersFormat.SCHEDULER, List.of(DIFFUSERS, scheduler.className()));
    Path network;
    if (model instanceof UNet) {
      index.put(CLASS_NAME, pipeline());
      index.put(DiffusersFormat.UNET, List.of(DIFFUSERS, UNetConfigFile.CLASS));
      network = Files.createDirectory(directory.resolve(DiffusersFormat.UNET));
    } else {
      index.put(CLASS_NAME, MLP_PIPELINE);
      index.put(DiffusersFormat.MLP, List.of(LIBRARY, MLP_CLASS));
      network = Files.createDirectory(directory.resolve(DiffusersFormat.MLP));
    }
    Json.write(network.resolve(DiffusersFormat.CONFIG), architecture(model));
    ModelWeights.save(weights, network.resolve(DiffusersFormat.WEIGHTS));
    writeScheduler(Files.createDirectory(directory.resolve(DiffusersFormat.SCHEDULER)));
    if (!provenance.facts().isEmpty()) {
      Json.write(directory.resolve(DiffusersFormat.PROVENANCE), provenance.facts());
    }
    Json.write(directory.resolve(DiffusersFormat.INDEX), index);
  }

  /** What {@code config.json} holds; nothing for a graph that is neither a U-Net nor an MLP. */
  static Map<String, @Nullable Object> architecture(SameDiffDenoiser model) {
    if (model instanceof UNet unet) {
      return UNetConfigFile.write(unet.config());
    }
    if (!(model instanceof Mlp mlp)) {
      return Map.of();
    }
    MlpConfig config = mlp.config();
    return Map.of(
        CLASS_NAME,
        MLP_CLASS,
        "features",
        config.features(),
        "width",
        config.width(),
        "layers",
        config.layers());
  }

  private String pipeline() {
    return PIPELINES.entrySet().stream()
        .filter(entry -> entry.getValue().equals(scheduler.className()))
        .map(Map.Entry::getKey)
        .findAny()
        .orElse("DDPMPipeline");
  }

  private void writeScheduler(Path directory) throws IOException {
    Map<String, @Nullable Object> json = new TreeMap<>(scheduler.settings());
    json.put(CLASS_NAME, scheduler.className());
    json.putIfAbsent("_diffusers_version", DiffusersFormat.VERSION);
    Json.write(directory.resolve(DiffusersFormat.SCHEDULER_CONFIG), json);
  }

  /**
   * Reads a model directory, written here or by diffusers. A part without a folder of its own is
   * read from beside the index. Weights of a variant, such as {@code fp16}, are read where there
   * are no others.
   *
   * @param directory with a {@code model_index.json}; where it names another scheduler than {@code
   *     scheduler_config.json} does, it is believed, with a warning
   * @throws ModelFormatException if a file is missing, damaged, or of what is not supported; the
   *     message names the file
   * @throws IOException if reading fails
   */
  public static PretrainedModel load(Path directory) throws IOException {
    return ModelReader.load(directory);
  }

  /**
   * Reads a directory with a {@code config.json} and the weights of a {@code UNet2DModel}.
   *
   * @param directory of the network alone
   * @param schedule what its timesteps refer to
   * @param prediction what its output stands for
   * @throws ModelFormatException if a file is missing, damaged, or of what is not supported
   * @throws IOException if reading fails
   */
  public static UNet loadUNet(Path directory, NoiseSchedule schedule, Prediction prediction)
      throws IOException {
    return ModelReader.loadUNet(directory, schedule, prediction, null);
  }

  /**
   * Reads a U-Net for images of another size than its configuration's.
   *
   * @param directory of the network alone
   * @param schedule what its timesteps refer to
   * @param prediction what its output stands for
   * @param height in pixels
   * @param width in pixels
   * @throws ModelFormatException if a file is missing, damaged, or of what is not supported
   * @throws IOException if reading fails
   */
  public static UNet loadUNet(
      Path directory, NoiseSchedule schedule, Prediction prediction, int height, int width)
      throws IOException {
    return ModelReader.loadUNet(directory, schedule, prediction, new int[] {height, width});
  }

  /** Frees the model's memory. */
  @Override
  public void close() {
    model.close();
  }
}
