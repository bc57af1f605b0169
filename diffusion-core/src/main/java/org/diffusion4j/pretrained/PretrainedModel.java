package org.diffusion4j.pretrained;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.internal.AtomicFiles;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.diffusion4j.unet.UNet;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A model with the settings of its sampler and its origin: what a model directory holds. Immutable,
 * but for the model's weights.
 *
 * <p>The directory is laid out as diffusers lays out its pipelines: {@code model_index.json} names
 * the components, and each has a folder: {@code unet/config.json}, {@code
 * unet/diffusion_pytorch_model.safetensors} (or several such files with an index), {@code
 * scheduler/scheduler_config.json}. A {@link UNet} saved here loads there as a {@code DDPMPipeline}
 * or {@code DDIMPipeline}, and the reverse. An {@link org.diffusion4j.unet.Mlp} has {@code mlp/} in
 * place of {@code unet/}, a graph of your own {@code graph/}, and neither has a counterpart there.
 */
public final class PretrainedModel implements AutoCloseable {

  /**
   * Where a model comes from: what rides along in {@code provenance.json}, which diffusers ignores.
   * Immutable.
   *
   * @param facts by name, for example the data, the number of steps, the seed, the optimizer, the
   *     date
   */
  public record Provenance(Map<String, String> facts) {

    private static final String LIBRARY = "library";

    public Provenance {
      facts = Collections.unmodifiableMap(new TreeMap<>(facts));
    }

    /** Of a model made by this version of the library, with nothing else known. */
    public static Provenance ofThisLibrary() {
      String version = PretrainedModel.class.getPackage().getImplementationVersion();
      return new Provenance(
          Map.of(LIBRARY, "diffusion4j " + (version == null ? "development" : version)));
    }

    /** Of a model of which nothing is known. */
    public static Provenance unknown() {
      return new Provenance(Map.of());
    }

    /**
     * This with one more fact.
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
   * @param components with a network and a scheduler among them, by name
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
   * A model with its own {@linkplain SameDiffDenoiser#scheduler scheduler's settings}: those of the
   * directory that it was loaded from, or else its schedule and nothing clipped.
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

  /** The settings of its schedule and its sampler. */
  public SchedulerConfig scheduler() {
    return the(Component.Scheduler.class).value();
  }

  /** Where the model comes from. */
  public Provenance provenance() {
    return provenance;
  }

  /** This model with another account of where it comes from. */
  public PretrainedModel withProvenance(Provenance origin) {
    return new PretrainedModel(components, origin);
  }

  /** This model with other settings of its sampler. */
  public PretrainedModel withScheduler(SchedulerConfig settings) {
    return with(new Component.Scheduler(Objects.requireNonNull(settings, "scheduler")));
  }

  /**
   * This model with other weights to be written.
   *
   * @param weights by the names of the model's own
   */
  PretrainedModel withWeights(Map<String, INDArray> weights) {
    return with(new Component.Network(model(), network().config(), () -> weights));
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
    AtomicFiles.writeDirectory(directory, this::writeTo);
  }

  private static boolean replaceable(Path directory) throws IOException {
    if (!Files.isDirectory(directory)) {
      return false;
    }
    try (var files = Files.list(directory)) {
      return Files.exists(directory.resolve(DiffusersFormat.INDEX)) || files.findAny().isEmpty();
    }
  }

  /** Fills an empty directory. */
  void writeTo(Path directory) throws IOException {
    Map<String, @Nullable Object> index = new TreeMap<>();
    index.put(DiffusersFormat.VERSION_NAME, DiffusersFormat.VERSION);
    index.put(DiffusersFormat.CLASS_NAME, network().kind().pipeline(scheduler().className()));
    for (Component component : components.values()) {
      index.put(component.name(), component.entry());
      component.write(Files.createDirectory(directory.resolve(component.name())));
    }
    if (!provenance.facts().isEmpty()) {
      Json.write(directory.resolve(DiffusersFormat.PROVENANCE), provenance.facts());
    }
    Json.write(directory.resolve(DiffusersFormat.INDEX), index);
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
    model().close();
  }
}
