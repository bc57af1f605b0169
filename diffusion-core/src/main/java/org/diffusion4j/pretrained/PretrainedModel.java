package org.diffusion4j.pretrained;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.internal.files.DiffusersFormat;
import org.diffusion4j.internal.files.Json;
import org.diffusion4j.internal.files.ModelIndex;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.diffusion4j.unet.UNet;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A model with its scheduler settings and its origin: the contents of a model directory. Immutable,
 * except for the model's weights.
 *
 * <p>The directory has the layout of diffusers' pipelines: {@code model_index.json} names the
 * components, and each has a folder: {@code unet/config.json}, {@code
 * unet/diffusion_pytorch_model.safetensors} (or several such files with an index), {@code
 * scheduler/scheduler_config.json}. A {@link UNet} saved here can be loaded there as a {@code
 * DDPMPipeline} or {@code DDIMPipeline}, and vice versa. An {@link org.diffusion4j.unet.Mlp} has
 * {@code mlp/} instead of {@code unet/}, a custom graph has {@code graph/}; neither has a
 * counterpart there.
 */
public final class PretrainedModel implements AutoCloseable {

  /**
   * The origin of a model, stored in {@code provenance.json}, which diffusers ignores. Immutable.
   *
   * @param facts facts by name, for example the data, the number of steps, the seed, the optimizer,
   *     the date
   */
  public record Provenance(Map<String, String> facts) {

    private static final String LIBRARY = "library";

    public Provenance {
      facts = Collections.unmodifiableMap(new TreeMap<>(facts));
    }

    /** A model of this version of the library, without further facts. */
    public static Provenance ofThisLibrary() {
      String version = PretrainedModel.class.getPackage().getImplementationVersion();
      return new Provenance(
          Map.of(LIBRARY, "diffusion4j " + (version == null ? "development" : version)));
    }

    /** A model of unknown origin. */
    public static Provenance unknown() {
      return new Provenance(Map.of());
    }

    /**
     * A copy with another fact.
     *
     * @param name for example {@code data}
     * @param value for example {@code digits8x8, 3823 images}
     */
    public Provenance with(String name, Object value) {
      Map<String, String> more = new TreeMap<>(facts);
      more.put(name, String.valueOf(value));
      return new Provenance(more);
    }
  }

  private final Map<String, Component> components;
  private final Provenance provenance;

  /**
   * @param components the components by name, including a network and a scheduler
   */
  private PretrainedModel(Map<String, Component> components, Provenance provenance) {
    this.components = Collections.unmodifiableMap(components);
    this.provenance = Objects.requireNonNull(provenance, "provenance");
  }

  static PretrainedModel of(
      SameDiffDenoiser model, SchedulerConfig scheduler, Provenance provenance) {
    return new PretrainedModel(Map.of(), provenance)
        .with(new Component.Network(model, model.config(), model::weights))
        .with(new Component.Scheduler(scheduler));
  }

  /**
   * A model with its own {@linkplain SameDiffDenoiser#scheduler scheduler settings}: those of the
   * directory that it was loaded from, otherwise those of its noise schedule, without clipping.
   *
   * @param model of any architecture
   * @throws IllegalArgumentException if the model is a graph that ND4J cannot write
   */
  public static PretrainedModel of(SameDiffDenoiser model) {
    return of(model, model.scheduler(), Provenance.ofThisLibrary());
  }

  private PretrainedModel with(Component component) {
    Map<String, Component> changed = new TreeMap<>(components);
    changed.put(component.name(), component);
    return new PretrainedModel(changed, provenance);
  }

  Component.Network network() {
    return the(Component.Network.class);
  }

  private <C extends Component> C the(Class<C> kind) {
    return components.values().stream()
        .filter(kind::isInstance)
        .map(kind::cast)
        .findAny()
        .orElseThrow();
  }

  /** The denoiser. */
  public SameDiffDenoiser model() {
    return network().value();
  }

  /** The settings of its noise schedule and its sampler. */
  public SchedulerConfig scheduler() {
    return the(Component.Scheduler.class).value();
  }

  /** The origin of the model. */
  public Provenance provenance() {
    return provenance;
  }

  /** A copy with another origin. */
  public PretrainedModel withProvenance(Provenance origin) {
    return new PretrainedModel(components, origin);
  }

  /** A copy with other scheduler settings. */
  public PretrainedModel withScheduler(SchedulerConfig settings) {
    return with(new Component.Scheduler(Objects.requireNonNull(settings, "scheduler")));
  }

  /**
   * A copy with other weights to write.
   *
   * @param weights by the names of the model's own
   */
  PretrainedModel withWeights(Map<String, INDArray> weights) {
    return with(new Component.Network(model(), network().config(), () -> weights));
  }

  /**
   * Writes the model directory. It is written under a temporary name and renamed when it is
   * complete. So the old or the new model can be loaded whenever the process ends.
   *
   * @param directory the directory, or a symbolic link to it; an existing one is replaced with all
   *     its contents if it is empty or contains a {@code model_index.json}
   * @throws IllegalStateException if the model was read by {@link #loadFrozen}
   * @throws IOException if it cannot be written, or if the path is something else; an existing
   *     directory is then unchanged
   */
  public void save(Path directory) throws IOException {
    save(directory, DataType.FLOAT);
  }

  /**
   * Writes the model directory as {@link #save(Path)}, with weights of a type. Those of 16 bits
   * take half the space and are rounded to the nearest.
   *
   * @param directory as for {@link #save(Path)}
   * @param weights the type of weights in their file, FLOAT or FLOAT16
   * @throws IllegalArgumentException for another type
   * @throws IOException as {@link #save(Path)}, or if a weight is too large for 16 bits
   */
  public void save(Path directory, DataType weights) throws IOException {
    ModelIndex.writeDirectory(directory, beside -> writeTo(beside, weights));
  }

  /**
   * Writes the configuration and the weights of a network alone.
   *
   * @param model of any architecture
   * @param directory an existing folder
   * @param weights the type of weights in their file, FLOAT or FLOAT16
   * @return the library and the class that {@code model_index.json} names
   * @throws IllegalArgumentException for another type
   * @throws IOException if it cannot be written
   */
  public static List<String> saveNetwork(SameDiffDenoiser model, Path directory, DataType weights)
      throws IOException {
    Component.Network network = new Component.Network(model, model.config(), model::weights);
    network.write(directory, weights);
    return network.entry();
  }

  /** Writes to an empty directory. */
  void writeTo(Path directory, DataType weights) throws IOException {
    Map<String, @Nullable Object> index = new TreeMap<>();
    index.put(DiffusersFormat.VERSION_NAME, DiffusersFormat.VERSION);
    index.put(DiffusersFormat.CLASS_NAME, network().kind().pipeline(scheduler().className()));
    for (Component component : components.values()) {
      index.put(component.name(), component.entry());
      component.write(Files.createDirectory(directory.resolve(component.name())), weights);
    }
    if (!provenance.facts().isEmpty()) {
      Json.write(directory.resolve(DiffusersFormat.PROVENANCE), provenance.facts());
    }
    Json.write(directory.resolve(DiffusersFormat.INDEX), index);
  }

  /**
   * Reads a model directory, written here or by diffusers. A component without its own folder is
   * read from the folder of the index. Weights of a variant, such as {@code fp16}, are read if
   * there are no others.
   *
   * @param directory with a {@code model_index.json}; if it names another scheduler than {@code
   *     scheduler_config.json}, it is used, with a warning
   * @throws ModelFormatException if a file is missing, damaged or not supported; the message names
   *     the file
   * @throws IOException if reading fails
   */
  public static PretrainedModel load(Path directory) throws IOException {
    return ModelReader.load(directory, false);
  }

  /**
   * Reads a model that only predicts, in half the memory of {@link #load} or less. The weights are
   * read when they are needed, once, into the layout of the kernels, and are held in that layout
   * alone; weights of 16 bits stay so and are widened when they are used. Predictions are bit-equal
   * to those of {@link #load}.
   *
   * <p>Such a model has no gradients and its weights cannot be read, changed or saved: {@link
   * SameDiffDenoiser#parameters} and the methods like it throw {@link IllegalStateException}. Its
   * files are open until it is closed and must not be written to; the directory may be replaced.
   *
   * <p>A custom graph, and any model where graphs run in SameDiff's session, is read as by {@link
   * #load}.
   *
   * @param directory with a {@code model_index.json}
   * @throws ModelFormatException if a file is missing, damaged or not supported; the message names
   *     the file
   * @throws IOException if reading fails
   */
  public static PretrainedModel loadFrozen(Path directory) throws IOException {
    return ModelReader.load(directory, true);
  }

  /**
   * Reads a directory with a {@code config.json} and the weights of a {@code UNet2DModel}.
   *
   * @param directory the directory of the network
   * @param schedule the noise schedule
   * @param prediction what the model predicts
   * @throws ModelFormatException if a file is missing, damaged or not supported
   * @throws IOException if reading fails
   */
  public static UNet loadUNet(Path directory, NoiseSchedule schedule, Prediction prediction)
      throws IOException {
    return ModelReader.loadUNet(directory, schedule, prediction, null);
  }

  /**
   * Reads a U-Net for images of another size than its configuration's.
   *
   * @param directory the directory of the network
   * @param schedule the noise schedule
   * @param prediction what the model predicts
   * @param height in pixels
   * @param width in pixels
   * @throws ModelFormatException if a file is missing, damaged or not supported
   * @throws IOException if reading fails
   */
  public static UNet loadUNet(
      Path directory, NoiseSchedule schedule, Prediction prediction, int height, int width)
      throws IOException {
    return ModelReader.loadUNet(directory, schedule, prediction, new int[] {height, width});
  }

  /**
   * Reads a directory with the {@code config.json} and the weights of a network: a {@code
   * UNet2DModel}, a {@code UNet2DConditionModel} or one of this library's.
   *
   * @param directory the directory of the network
   * @param scheduler gives the noise schedule and the kind of prediction
   * @return an instance of the network's class
   * @throws ModelFormatException if a file is missing, damaged or not supported
   * @throws IOException if reading fails
   */
  public static SameDiffDenoiser loadNetwork(Path directory, SchedulerConfig scheduler)
      throws IOException {
    return ModelReader.loadNetwork(directory, scheduler, false);
  }

  /**
   * Reads a network that only predicts, from a directory as for {@link #loadNetwork}, with its
   * weights as for {@link #loadFrozen}.
   *
   * @param directory the directory of the network
   * @param scheduler gives the noise schedule and the kind of prediction
   * @throws ModelFormatException if a file is missing, damaged or not supported
   * @throws IOException if reading fails
   */
  public static SameDiffDenoiser loadFrozenNetwork(Path directory, SchedulerConfig scheduler)
      throws IOException {
    return ModelReader.loadNetwork(directory, scheduler, true);
  }

  /** Frees the model's memory. */
  @Override
  public void close() {
    model().close();
  }
}
